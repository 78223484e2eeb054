// `npm test`: sets up what is missing, runs every test, and ends with a line that counts them.
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { root, setUp } = require('./setup.js')

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @type {Counts} */
const total = { passed: 0, failed: 0, skipped: 0 }
/** @type {string[]} */
const failedSteps = []

/**
 * Runs a command, shows what it prints, and adds up what its summary counts.
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {(output: string) => Counts} count
 * @returns {Promise<void>}
 */
function step(name, command, args, count) {
  console.log(`\n=== ${name}`)
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
      process.stdout.write(chunk)
    })
    child.on('error', error => {
      console.error(`${command}: ${error.message}`)
      failedSteps.push(name)
      resolve()
    })
    child.on('close', code => {
      const counted = count(output)
      for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) total[key] += counted[key]
      if (code !== 0 || counted.passed === 0) failedSteps.push(name)
      resolve()
    })
  })
}

/** @type {(text: string, pattern: RegExp) => number} */
const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((all, [, number]) => all + Number(number), 0)

/** @type {(text: string) => Counts} */
const countCargo = text => ({
  passed: sum(text, /^test result: .*? (\d+) passed/gm),
  failed: sum(text, /^test result: .*? (\d+) failed/gm),
  skipped: sum(text, /^test result: .*? (\d+) ignored/gm)
})

/** @type {(text: string) => Counts} */
const countNode = text => ({
  passed: sum(text, /^ℹ pass (\d+)/gm),
  failed: sum(text, /^ℹ (?:fail|cancelled) (\d+)/gm),
  skipped: sum(text, /^ℹ (?:skipped|todo) (\d+)/gm)
})

/** Those that run whole test runners, and wait for them more than they work: two at a time. */
const RUNNERS = /^(?:integration|cli-init|package|shared-worker|run-(?:docs|examples|adapters)|plugin-docs)/

/**
 * In `__test__`, those whose names begin with one of the words given on the command line; all without any.
 * @param {string[]} words
 */
function testFiles(words) {
  const files = fs.readdirSync(path.join(root, '__test__')).filter(name => name.endsWith('.test.js'))
  const wanted = words.length === 0 ? files : files.filter(name => words.some(word => name.startsWith(word)))
  return wanted.sort()
}

/**
 * @param {string} name
 * @param {string[]} files
 * @param {string[]} [options]
 */
async function nodeStep(name, files, options = []) {
  if (files.length === 0) return
  const paths = files.map(file => path.join('__test__', file))
  await step(name, process.execPath, ['--test', '--test-reporter=spec', ...options, ...paths], countNode)
}

async function main() {
  setUp()
  const words = process.argv.slice(2)
  if (words.length === 0) {
    // The simulator's seed is shown, so that its run can be repeated.
    await step('Rust: everything but the boundary to Node', 'cargo', ['test', '--no-default-features', '--', '--show-output'], countCargo)
  }
  const files = testFiles(words)
  await nodeStep(
    'Node',
    files.filter(file => !RUNNERS.test(file))
  )
  await nodeStep(
    'Node: test runners',
    files.filter(file => RUNNERS.test(file)),
    ['--test-concurrency=2']
  )
  for (const name of failedSteps) console.error(`failed: ${name}`)
  // A step that fails without a failed test (it did not build, it was killed) counts as one.
  const failed = Math.max(total.failed, failedSteps.length)
  console.log(`\n${total.passed} passed, ${failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
  process.exitCode = failed === 0 ? 0 : 1
}

main()
