// @ts-check
'use strict'

/**
 * Real runs in folders of their own. Each run has a folder for temporary files and a mark in its environment, which all that it starts inherits, so
 * that what is left of it can be found: `runCli` and `runApi` end with a look at both.
 */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { isAlive, processesWith } = require('./processes.js')
const { until } = require('./until.js')

const CLI = path.join(__dirname, '..', '..', 'bin', 'ephemeral-broker.js')
const API = path.join(__dirname, 'api.js')
/** Programs that projects run; see there. */
const [SERVER, ASK] = ['server.js', 'ask.js'].map(name => path.join(__dirname, name))
/** Variables of an outer run, of a terminal or of CI, which must not reach the inner one. */
const FOREIGN =
  /^(EPHEMERAL_|BROKER_|CLIENT_|GITHUB_|NODE_TEST_CONTEXT$|CI$|FORCE_COLOR$|NO_COLOR$|PORT$|DATA_DIR$|TEST_BASE_URL$|API_TOKEN$)/
/** How long (ms) a run may take: one that hangs is told apart from one on a slow machine. */
const PATIENCE = 40_000

/**
 * @typedef {{ after: (end: () => unknown) => void }} Scope a test, which ends
 * @typedef {import('../../run.js').RunConfig} RunConfig
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').TestResult} TestResult
 * @typedef {import('../../run.js').RunEvent} RunEvent
 */

/**
 * @typedef {object} Project
 * @property {string} dir where its files are
 * @property {string} tmp the folder for temporary files of its runs, which is empty when none runs
 * @property {string} marker in the environment of all that its runs start
 * @property {(name: string) => string} path of one of its files
 * @property {(name: string) => string} read
 * @property {(name: string) => string[]} lines what commands wrote with `echo >>`; none where there is no such file
 * @property {(name: string, content: string | RunConfig) => void} write
 */

/**
 * @typedef {object} RunOptions
 * @property {Record<string, string | undefined>} [env] undefined: not set
 * @property {NodeJS.Signals | undefined} [signal] sent to the runner once `when` holds
 * @property {() => unknown} [when] what to wait for before the signal; polled
 * @property {string[]} [reporters] besides json and jsonl
 * @property {boolean} [leftovers] true: the test looks for what is left by itself
 * @property {(child: import('node:child_process').ChildProcess) => unknown} [meanwhile] done while it runs
 */

/**
 * @typedef {object} CliRun
 * @property {number | null} code
 * @property {NodeJS.Signals | null} signal
 * @property {string} stdout
 * @property {string} stderr
 * @property {RunResult} report what the json reporter wrote; asking for it where there is none fails
 * @property {RunEvent[]} events what the jsonl reporter wrote
 * @property {(id: string) => TestResult} test by its id or the end of it
 * @property {Record<string, string>} statuses by name
 */

/**
 * A folder with these files, gone when the test is over.
 * @param {Scope} scope
 * @param {Record<string, string>} files those that begin with `#!` can be run
 * @param {RunConfig} [config]
 * @returns {Project}
 */
function project(scope, files, config) {
  // Short: sockets are in it, and their paths have a limit.
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'ebr-'))
  const [dir, tmp] = [path.join(home, 'p'), path.join(home, 't')]
  fs.mkdirSync(dir)
  fs.mkdirSync(tmp)
  const marker = `EBR_MARK=${crypto.randomBytes(8).toString('hex')}`
  scope.after(() => {
    for (const { pid } of processesWith(marker)) kill(pid)
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  })
  const at = (/** @type {string} */ name) => path.join(dir, name)
  /** @type {Project} */
  const made = {
    dir,
    tmp,
    marker,
    path: at,
    read: name => fs.readFileSync(at(name), 'utf8'),
    lines: name => (fs.existsSync(at(name)) ? fs.readFileSync(at(name), 'utf8').split('\n').filter(Boolean) : []),
    write(name, content) {
      fs.mkdirSync(path.dirname(at(name)), { recursive: true })
      const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2)
      fs.writeFileSync(at(name), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
    }
  }
  for (const [name, content] of Object.entries(files)) made.write(name, content)
  if (config) made.write('ephemeral-broker.json', config)
  return made
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

/**
 * @param {Project} made
 * @param {Record<string, string | undefined>} env
 */
function environment({ tmp, marker }, env) {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))
  const [name, value] = marker.split('=')
  return Object.fromEntries(Object.entries({ ...Object.fromEntries(kept), TMPDIR: tmp, [name]: value, ...env }))
}

/**
 * Runs `ephemeral-broker run` in a project, as a process of its own.
 * @param {Project} made
 * @param {string[]} [args]
 * @param {RunOptions} [options]
 * @returns {Promise<CliRun>}
 */
async function runCli(made, args = [], options = {}) {
  const number = crypto.randomBytes(3).toString('hex')
  const [json, jsonl] = [path.join(made.tmp, '..', `${number}.json`), path.join(made.tmp, '..', `${number}.jsonl`)]
  const reporters = [...(options.reporters ?? ['list']), `json=${json}`, `jsonl=${jsonl}`].flatMap(each => ['--reporter', each])
  const ended = await runNode(made, [CLI, 'run', ...reporters, ...args], options)
  const events = fs.existsSync(jsonl) ? parseLines(fs.readFileSync(jsonl, 'utf8')) : []
  return look({ ...ended, events }, () => {
    assert.ok(fs.existsSync(json), `there is no report; ${ended.code ?? ended.signal}: ${ended.stderr}\n${ended.stdout}`)
    return JSON.parse(fs.readFileSync(json, 'utf8'))
  })
}

/**
 * Runs `run()` in a process of its own: the environment is this process's, and so would be what it leaves.
 * @param {Project} made
 * @param {RunConfig} config
 * @param {RunOptions & { options?: import('../../run.js').RunOptions, abortOn?: string }} [more] `abortOn`: the type of the event that aborts its signal
 * @returns {Promise<CliRun & { error: { code: string, message: string } | null }>}
 */
async function runApi(made, config, { options = {}, abortOn, ...more } = {}) {
  const out = path.join(made.tmp, '..', `${crypto.randomBytes(3).toString('hex')}.api.json`)
  const request = JSON.stringify({ out, config, options: { root: made.dir, ...options }, abortOn })
  const ended = await runNode(made, [API, request], more)
  assert.ok(fs.existsSync(out), `run() never settled; ${ended.code ?? ended.signal}: ${ended.stderr}`)
  const { result, error, events } = JSON.parse(fs.readFileSync(out, 'utf8'))
  return look({ ...ended, events, error }, () => result)
}

/**
 * @param {Project} made
 * @param {string[]} words
 * @param {RunOptions} options
 */
async function runNode(made, words, { env = {}, signal, when, meanwhile, leftovers = false }) {
  const child = spawn(process.execPath, words, { cwd: made.dir, env: environment(made, env), stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = [child.stdout, child.stderr].map(stream => {
    const chunks = /** @type {Buffer[]} */ ([])
    stream.on('data', chunk => chunks.push(chunk))
    return () => Buffer.concat(chunks).toString()
  })
  const closed = once(child, 'close')
  const late = setTimeout(() => child.kill('SIGABRT'), PATIENCE)
  try {
    if (signal) {
      await until(() => child.exitCode !== null || (when?.() ?? true), 'what the signal waits for')
      child.kill(signal)
    }
    await meanwhile?.(child)
    const [code, by] = await closed
    const [stdout, stderr] = texts.map(text => text())
    assert.notEqual(by, 'SIGABRT', `the run did not end within ${PATIENCE} ms: ${stdout}\n${stderr}`)
    if (!leftovers) assertNothingLeft(made)
    return { code: /** @type {number | null} */ (code), signal: /** @type {NodeJS.Signals | null} */ (by), stdout, stderr }
  } finally {
    clearTimeout(late)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

/**
 * No process, socket or directory: not a moment after the runner has ended.
 * @param {Project} made
 */
function assertNothingLeft({ marker, tmp }) {
  assert.deepEqual(processesWith(marker), [], 'processes that the run left')
  assert.deepEqual(fs.readdirSync(tmp), [], 'files that the run left')
}

/**
 * @template {{ events: RunEvent[] }} T
 * @param {T} ended
 * @param {() => RunResult} read
 * @returns {T & Pick<CliRun, 'report' | 'test' | 'statuses'>}
 */
function look(ended, read) {
  /** @type {RunResult | undefined} */
  let known
  const report = () => {
    known ??= read()
    return known
  }
  return Object.defineProperties(/** @type {any} */ (ended), {
    report: { get: report },
    test: {
      value(/** @type {string} */ id) {
        const found = report().tests.filter(test => test.id === id || test.id.endsWith(id))
        assert.equal(found.length, 1, `${found.length} of ${report().tests.map(test => test.id)} end with ${id}`)
        return found[0]
      }
    },
    statuses: { get: () => Object.fromEntries(report().tests.map(({ name, id, status }) => [name ?? id, status])) }
  })
}

/**
 * @param {string} text
 * @returns {any[]}
 */
function parseLines(text) {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

/**
 * Tests whose commands are lines for the shell, by name.
 * @param {Record<string, string>} commands
 * @returns {NonNullable<RunConfig['tests']>}
 */
function shellTests(commands) {
  return Object.entries(commands).map(([name, line]) => ({ name, run: ['sh', '-c', line] }))
}

/**
 * A port that nobody has now.
 * @param {number} [count] that many in a row
 * @returns {Promise<number>} the first
 */
async function freePorts(count = 1) {
  for (;;) {
    const first = 20_000 + crypto.randomInt(10_000)
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)))
    if (free.every(Boolean)) return first
  }
}

/** @param {number} port */
async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

module.exports = {
  ASK,
  CLI,
  SERVER,
  assertNothingLeft,
  environment,
  freePorts,
  isAlive,
  parseLines,
  processesWith,
  project,
  runApi,
  runCli,
  shellTests,
  until
}
