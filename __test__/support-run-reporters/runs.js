'use strict'

/** Plausible runs: what the core tells while it runs tests, and what it says in the end. The same seed gives the same run. */

const { summarize } = require('../../lib/run/reporters/counts.js')

/**
 * @typedef {import('../../run.js').RunEvent} RunEvent
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').TestResult} TestResult
 * @typedef {import('../../run.js').AttemptResult} AttemptResult
 */

/**
 * Numbers from 0 to 1 (mulberry32).
 * @param {number} seed
 */
function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const GROUPS = ['auth', 'users', 'orders', 'payments']
const NAMES = ['creates one', 'lists all', 'refuses a stranger', 'keeps 日本語 names', 'ends with 🎉']

const OUTPUT = `\x1b[31mAssertionError\x1b[39m: expected 200, got 500
    at request (tests/support.js:12:9)
    at async test (tests/users.test.js:40:3)
`

/** What becomes of a test, by chance. */
const FATES = [
  { share: 0.75, attempts: ['passed'], status: 'passed' },
  { share: 0.06, attempts: ['failed'], status: 'failed' },
  { share: 0.05, attempts: ['failed', 'passed'], status: 'flaky' },
  { share: 0.05, attempts: ['skipped'], status: 'skipped' },
  { share: 0.03, attempts: [], status: 'cached' },
  { share: 0.02, attempts: ['timed_out'], status: 'timed_out' },
  { share: 0.02, attempts: ['error', 'failed', 'failed'], status: 'failed' },
  { share: 0.01, attempts: ['error', 'error'], status: 'error' },
  { share: 0.01, attempts: [], status: 'not_run' }
]

/** @type {Record<string, Partial<AttemptResult>>} */
const ENDS = {
  passed: { exitCode: 0 },
  failed: { exitCode: 1, reason: 'exit code 1', output: OUTPUT },
  skipped: { exitCode: 77, reason: 'exit code 77 means skipped' },
  timed_out: { exitCode: null, signal: 'SIGTERM', reason: 'timed out after 10 s', output: 'waiting…\n' },
  error: { exitCode: null, signal: 'SIGKILL', reason: 'server died: exit code 7', output: '' }
}

/**
 * @param {number} at
 * @param {number} worker
 * @param {number} attempt
 * @param {string} status
 * @param {number} duration
 * @returns {AttemptResult}
 */
function makeAttempt(at, worker, attempt, status, duration) {
  const base = {
    attempt,
    status,
    worker,
    at,
    duration,
    exitCode: null,
    signal: null,
    reason: null,
    leaked: false,
    slow: false,
    output: null
  }
  const serverLogs =
    status === 'passed' ? [] : [{ name: 'server', output: 'GET /users 500\n', log: '/project/.ephemeral-broker/logs/server-0.log' }]
  const result = {
    ...base,
    outputSize: 120,
    log: `/project/.ephemeral-broker/logs/${worker}-${Math.round(at)}-${attempt}.log`,
    serverLogs,
    ...ENDS[status]
  }
  return /** @type {AttemptResult} */ (result)
}

/**
 * A test with all that a result has.
 * @param {Partial<TestResult> & { id: string }} test
 * @returns {TestResult}
 */
function makeTest(test) {
  const base = {
    project: 'e2e',
    group: 'users',
    file: 'tests/users.test.js',
    name: 'creates one',
    tags: [],
    status: /** @type {const} */ ('passed')
  }
  return { ...base, duration: 12, repeat: 1, attempts: [], reason: null, why: null, ...test }
}

/**
 * A result as the run makes it of its tests.
 * @param {TestResult[]} tests
 * @param {Partial<RunResult> & { flags?: import('../../lib/run/reporters/counts.js').Flags }} [rest]
 * @returns {RunResult}
 */
function makeResult(tests, { flags, ...rest } = {}) {
  const errors = rest.errors ?? []
  const base = {
    runId: 'run-1',
    startedAt: 1_700_000_000_000,
    duration: 1000,
    workers: 4,
    tests,
    errors,
    shard: null,
    notes: [],
    broker: null
  }
  return { ...base, ...summarize({ tests, errors, flags }), ...rest }
}

/**
 * @param {{ tests: number, seed?: number, workers?: number, servers?: boolean }} options
 * @returns {{ events: RunEvent[], result: RunResult }}
 */
function makeRun({ tests: count, seed = 1, workers = 4, servers = true }) {
  const chance = random(seed)
  /** @type {RunEvent[]} */
  const events = []
  const free = Array.from({ length: workers }, (_, worker) => {
    const url = `http://127.0.0.1:${9000 + worker}`
    const took = 200 + chance() * 800
    const dir = `/tmp/run/${worker}`
    if (servers) {
      const log = `/project/.ephemeral-broker/logs/server-${worker}.log`
      events.push({ type: 'serverStarted', at: 5, server: 'server', worker, pid: 4000 + worker, port: 9000 + worker, log })
      events.push({ type: 'serverReady', at: took, server: 'server', worker, duration: took - 5, url })
    }
    events.push({ type: 'workerReady', at: took, worker, dir, url: servers ? url : null, duration: took })
    return took
  })
  const tests = Array.from({ length: count }, (_, number) => play(number, { chance, free, events }))
  const duration = Math.max(...free) + 50
  const result = makeResult(tests, { duration, workers, runId: `run-${seed}` })
  events.sort((a, b) => a.at - b.at)
  const { runId, startedAt } = result
  events.unshift({
    type: 'runStarted',
    at: 0,
    runId,
    startedAt,
    workers,
    total: count,
    root: '/project',
    logs: '/project/.ephemeral-broker/logs',
    shard: null
  })
  events.push({ type: 'runFinished', at: duration, result })
  return { events, result }
}

/**
 * One test, on the worker that is free first.
 * @param {number} number
 * @param {{ chance: () => number, free: number[], events: RunEvent[] }} run
 * @returns {TestResult}
 */
function play(number, { chance, free, events }) {
  const group = GROUPS[number % GROUPS.length]
  const name = `${NAMES[number % NAMES.length]} ${number}`
  const file = `tests/${group}.test.js`
  const id = `e2e:${file} > ${name}`
  let left = chance()
  const fate =
    FATES.find(({ share }) => {
      left -= share
      return left < 0
    }) ?? FATES[0]
  const worker = free.indexOf(Math.min(...free))
  const expected = 50 + chance() * 1500
  /** @type {AttemptResult[]} */
  const attempts = []
  for (const [index, status] of fate.attempts.entries()) {
    const at = free[worker]
    const attempt = makeAttempt(at, worker, index + 1, status, expected * (0.7 + chance() * 0.6))
    attempts.push(attempt)
    free[worker] = at + attempt.duration + 1
    const retryIn = index + 1 < fate.attempts.length ? 0 : null
    events.push({ type: 'testStarted', at, id, repeat: 1, worker, attempt: index + 1, expected })
    events.push({ type: 'attemptFinished', at: at + attempt.duration, id, repeat: 1, result: attempt, retryIn })
  }
  const duration = attempts.reduce((sum, attempt) => sum + attempt.duration, 0)
  const reason =
    { not_run: 'stopped after 1 failure', skipped: 'exit code 77 means skipped', error: 'server died: exit code 7' }[fate.status] ?? null
  const why = fate.status === 'cached' ? null : 'src/users.js has changed'
  const status = /** @type {TestResult['status']} */ (fate.status)
  const result = makeTest({ id, project: 'e2e', group, file, name, tags: [], status, duration, attempts, reason, why })
  events.push({ type: 'testFinished', at: free[worker], result })
  return result
}

module.exports = { makeAttempt, makeResult, makeRun, makeTest, random }
