// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { describe, it } = require('node:test')

const MINUTE = 60_000
const jest = require.resolve('jest/bin/jest')
const jsdom = require.resolve('jest-environment-jsdom')
const fixtures = path.join(__dirname, 'fixtures')

/**
 * @typedef {object} Run
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string[]} [node] Node's own arguments
 * @property {(output: string, stdin: import('node:stream').Writable) => void} [onOutput] sees all output so far, may press keys
 */

/**
 * Runs Jest in a folder, and resolves when it has ended of its own accord. One that hangs is ended by the test's timeout.
 * @param {import('node:test').TestContext} t
 * @param {string} cwd
 * @param {string[]} args
 * @param {Run} [options]
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function runJest(t, cwd, args, { env, node = [], onOutput } = {}) {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  // As on a developer's machine: on CI Jest would not watch.
  const child = spawn(process.execPath, [...node, jest, '--ci=false', '--watchman=false', ...args], {
    cwd,
    env: { ...inherited, NO_COLOR: '1', TERM: 'xterm', FORCE_COLOR: undefined, CI: 'false', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    signal: t.signal,
    killSignal: 'SIGKILL'
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text
      onOutput?.(output, child.stdin)
    })
  }
  if (!onOutput) child.stdin.end()
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new Error(`${error.message}\n${output}`)))
    child.on('close', code => resolve({ code, output }))
  })
}

/** @param {{ code: number | null, output: string }} result */
function assertGoodEnd({ code, output }) {
  assert.equal(code, 0, output)
  // The four ways in which Jest complains about what tests left behind.
  assert.doesNotMatch(output, /did not exit|failed to exit gracefully|open handle|after the Jest environment has been torn down/, output)
}

/** @type {Array<[name: string, args: string[], env?: NodeJS.ProcessEnv]>} */
const ways = [
  ['in child processes', ['--no-cache']],
  ['in worker threads', ['--no-cache', '--workerThreads']],
  ['in one process', ['--runInBand']],
  ['in one process that looks for open handles', ['--runInBand', '--detectOpenHandles']],
  ['under jsdom, in child processes', ['--no-cache', `--env=${jsdom}`]],
  ['under jsdom, in worker threads', ['--no-cache', '--workerThreads', `--env=${jsdom}`]],
  ['under jsdom, in one process that looks for open handles', ['--detectOpenHandles', `--env=${jsdom}`]],
  ['in child processes, with a broker that is let go and never stopped', ['--no-cache'], { FORGET_TEARDOWN: '1' }],
  ['in one process, with a broker that is let go and never stopped', ['--runInBand'], { FORGET_TEARDOWN: '1' }]
]

describe('values and errors belong to the test, and clients that nobody closed hold nothing up', () => {
  for (const [name, args, env] of ways) {
    it(name, { timeout: 2 * MINUTE }, async t => {
      const result = await runJest(t, path.join(fixtures, 'jest-basics'), args, { env })
      assertGoodEnd(result)
      assert.match(result.output, /Test Suites: 2 passed, 2 total/)
    })
  }
})

describe('a test that replaces the clock', () => {
  /** @type {Array<[name: string, fakeTimers: object]>} */
  const clocks = [
    ['by a call', {}],
    ['in the configuration', { enableGlobally: true }],
    ['in the configuration, the old way', { enableGlobally: true, legacyFakeTimers: true }]
  ]
  for (const [name, fakeTimers] of clocks) {
    it(name, { timeout: 2 * MINUTE }, async t => {
      const result = await runJest(t, path.join(fixtures, 'jest-timers'), ['--no-cache'], {
        env: { FAKE_TIMERS: JSON.stringify(fakeTimers) }
      })
      assertGoodEnd(result)
      assert.match(result.output, /Test Suites: 2 passed, 2 total/)
    })
  }
})

describe('watch mode', () => {
  for (const [name, args] of /** @type {Array<[string, string[]]>} */ ([
    ['in child processes', ['--watchAll']],
    ['in worker threads', ['--watchAll', '--workerThreads']]
  ])) {
    it(`starts a fresh broker for each run ${name}, and ends`, { timeout: 2 * MINUTE }, async t => {
      let pressed = 0
      const result = await runJest(t, path.join(fixtures, 'jest-watch'), args, {
        node: ['--require', path.join(fixtures, 'jest-watch', 'keys.js')],
        onOutput(output, stdin) {
          // Jest says this when a run is over and it listens.
          const runs = output.split('Ran all test suites').length - 1
          if (runs <= pressed || !output.slice(output.lastIndexOf('Ran all test suites')).includes('Watch Usage')) return
          pressed += 1
          stdin.write(pressed < 3 ? '\r' : 'q')
        }
      })
      assertGoodEnd(result)
      // Jest may run once more by itself, when the system tells it late of files that are new.
      const runs = result.output.split('Ran all test suites').slice(0, -1)
      assert.ok(runs.length >= 3, result.output)
      // Perhaps more than once: the count is drawn while a run goes on, too.
      for (const run of runs) assert.match(run, /Test Suites: 2 passed, 2 total/, result.output)
    })
  }
})

describe('300 files that each leave a client open, in one worker', () => {
  const FILES = 300
  // They are closed when they are collected, and when that is depends on the machine's load: some 30 is usual.
  const MOST = 100

  for (const [name, args] of /** @type {Array<[string, string[]]>} */ ([
    ['a child process', ['--maxWorkers=1', '--workerIdleMemoryLimit=8GB']],
    ['a thread', ['--maxWorkers=1', '--workerIdleMemoryLimit=8GB', '--workerThreads']],
    ['the process of the broker', ['--runInBand']]
  ])) {
    it(name, { timeout: 5 * MINUTE }, async t => {
      const folder = mkdtempSync(path.join(tmpdir(), 'ephemeral-broker-jest-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const report = path.join(folder, 'report.txt')
      writeFileSync(path.join(folder, 'jest.config.js'), jestConfig())
      mkdirSync(path.join(folder, 'cases'))
      for (let index = 0; index < FILES; index++) writeFileSync(path.join(folder, 'cases', `${index}.case.js`), manyCase(report))

      const result = await runJest(t, folder, args)
      assertGoodEnd(result)
      const seen = readFileSync(report, 'utf8')
        .trim()
        .split('\n')
        .map(line => line.split(' ').map(Number))
      assert.equal(seen.length, FILES)
      assert.equal(new Set(seen.map(([pid]) => pid)).size, 1, 'all files ran in one process')
      const most = Math.max(...seen.map(([, connections]) => connections))
      t.diagnostic(`most connections at a time: ${most}`)
      assert.ok(most < MOST, `${most} connections were open at a time`)
    })
  }
})

function jestConfig() {
  return `module.exports = {
  globalSetup: ${JSON.stringify(path.join(fixtures, 'jest-broker', 'setup.js'))},
  globalTeardown: ${JSON.stringify(path.join(fixtures, 'jest-broker', 'teardown.js'))},
  testMatch: ['<rootDir>/cases/*.case.js'],
  transform: {}
}
`
}

/** @param {string} report where the file writes its process and how many connections the broker has */
function manyCase(report) {
  return `const { appendFileSync } = require('node:fs')
const { Client } = require(${JSON.stringify(path.join(__dirname, '..'))})

const client = new Client()

it('leaves its client open', async () => {
  await client.set('key', 1)
  const { connections } = await client.stats()
  expect(connections).toBeGreaterThanOrEqual(1)
  appendFileSync(${JSON.stringify(report)}, process.pid + ' ' + connections + '\\n')
})
`
}
