// @ts-check
'use strict'

// A project of a fixture, in a folder of its own, with what the runner gives to `discover`.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { stripVTControlCharacters } = require('node:util')
const { discover } = require('../../lib/run/discover.js')

/**
 * @typedef {import('../../run.js').Command} Command
 * @typedef {import('../../run.js').ProjectConfig} ProjectConfig
 * @typedef {Awaited<ReturnType<typeof discover>>} Discovered
 */

const fixtures = path.join(__dirname, '..', 'fixtures', 'run-adapters')
const WATCHDOG = 240_000

/** The environment without what belongs to this run of tests, and to CI. */
function cleanEnv() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:NODE_TEST_CONTEXT|NODE_V8_COVERAGE|FORCE_COLOR|CI|GITHUB_ACTIONS|GOFLAGS)$/.test(name)
    )
  )
}

/** @type {import('../../lib/run/adapters/listing.js').Capture} */
function capture({ command, cwd, env }) {
  const [program, ...args] = typeof command === 'string' ? [command] : command
  const options = {
    cwd,
    env: { ...cleanEnv(), ...env },
    shell: typeof command === 'string',
    signal: AbortSignal.timeout(WATCHDOG),
    stdio: /** @type {any} */ (['ignore', 'pipe', 'pipe'])
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, options)
    let [stdout, stderr] = ['', '']
    child.stdout?.setEncoding('utf8').on('data', text => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', text => (stderr += text))
    child.on('error', reject)
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }))
  })
}

/** @type {import('../../lib/run/discover.js').FindFiles} */
function findFiles({ root, cwd, patterns }) {
  const files = /** @type {string[]} */ (fs.readdirSync(cwd, { recursive: true, encoding: 'utf8' })).map(file => file.replaceAll('\\', '/'))
  const matches = (/** @type {string} */ file, /** @type {string} */ pattern) => matcher(pattern).test(file)
  const found = files.filter(file => patterns.some(pattern => !pattern.startsWith('!') && matches(file, pattern)))
  const kept = found.filter(file => !patterns.some(pattern => pattern.startsWith('!') && matches(file, pattern.slice(1))))
  return kept.map(file => path.relative(root, path.join(cwd, file)).replaceAll('\\', '/'))
}

/** @param {string} pattern a glob of `**`, `*` and braces */
function matcher(pattern) {
  const source = pattern.replace(/[.+^$()|[\]]/g, '\\$&').replace(/\{([^}]*)\}/g, (_, words) => `(?:${words.replaceAll(',', '|')})`)
  const stars = source.replace(/\*\*\/|\*\*|\*/g, stars => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[stars] ?? '')
  return new RegExp(`^${stars}$`)
}

/**
 * @param {import('node:test').TestContext} t
 * @param {string} fixture
 * @param {string | null} [modules] a folder whose `node_modules` the project has
 */
function makeProject(t, fixture, modules = null) {
  const root = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'broker-adapters-'))
  t.after(() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  fs.cpSync(path.join(fixtures, fixture), root, { recursive: true })
  if (modules !== null) fs.symlinkSync(path.join(modules, 'node_modules'), path.join(root, 'node_modules'), 'junction')
  /** @param {ProjectConfig} project @param {'service' | 'file' | 'test'} mode */
  const list = (project, mode) => discover(project, { mode, root, capture, findFiles })
  return { root, list }
}

/**
 * Runs a test as the core does, and judges it as it does.
 * @param {string} cwd
 * @param {Discovered} discovered
 * @param {Discovered['tests'][number]} test
 * @returns {Promise<string>}
 */
async function judge(cwd, { run, output }, test) {
  const values = { file: test.file ?? '', test: test.name ?? '', pattern: test.pattern ?? '' }
  const fill = (/** @type {string} */ word) =>
    word.replace(/\{(file|test|pattern)\}/g, (_, key) => values[/** @type {'file' | 'test' | 'pattern'} */ (key)])
  const command = /** @type {readonly string[]} */ (test.run ?? run).map(fill)
  const { exitCode, stdout, stderr } = await capture({ command, cwd })
  const text = stripVTControlCharacters(`${stdout}\n${stderr}`)
  const has = (/** @type {string | undefined} */ pattern) => pattern !== undefined && new RegExp(pattern, 'mu').test(text)
  if (exitCode !== 0) return 'failed'
  if (has(output.passed)) return 'passed'
  if (has(output.skipped)) return 'skipped'
  return has(output.none) ? 'none' : 'passed'
}

/**
 * Runs all tests of a project, one after the other.
 * @param {string} cwd
 * @param {Discovered} discovered
 */
async function judgeAll(cwd, discovered) {
  /** @type {Record<string, string>} */
  const results = {}
  for (const test of discovered.tests) results[test.id] = await judge(cwd, discovered, test)
  return results
}

module.exports = { capture, findFiles, judge, judgeAll, makeProject }
