// @ts-check
'use strict'

/** Runs that look like real ones: their events and their result, as the runner gives them to a reporter. The same each time. */

/**
 * @typedef {import('../../run.d.ts').RunEvent} RunEvent
 * @typedef {import('../../run.d.ts').RunResult} RunResult
 * @typedef {import('../../run.d.ts').TestResult} TestResult
 * @typedef {import('../../run.d.ts').AttemptResult} AttemptResult
 * @typedef {import('../../run.d.ts').TestStatus} TestStatus
 * @typedef {Partial<TestResult> & { id: string, takes?: number, waits?: Array<[resource: string, duration: number]>, attempt?: Partial<AttemptResult> }} Plan
 *   `takes`: ms of each attempt; `attempt`: what the attempts that fail have
 */

const ROOT = '/home/me/shop'

/** @param {Partial<AttemptResult>} of @returns {AttemptResult} */
const attemptOf = of => ({
  attempt: 1,
  status: 'passed',
  worker: 0,
  at: 0,
  duration: 100,
  exitCode: 0,
  signal: null,
  reason: null,
  leaked: false,
  slow: false,
  output: null,
  outputSize: 120,
  log: `${ROOT}/.ephemeral-broker/logs/attempt.log`,
  serverLogs: [],
  ...of
})

/** @type {Record<TestStatus, Array<AttemptResult['status']>>} */
const ATTEMPTS = {
  passed: ['passed'],
  failed: ['failed'],
  flaky: ['failed', 'passed'],
  skipped: ['skipped'],
  cached: [],
  timed_out: ['timed_out'],
  error: ['error'],
  not_run: []
}

/**
 * Runs plans on workers, each on the one that is free first.
 * @param {Plan[]} plans
 * @param {{ workers?: number, result?: Partial<RunResult>, servers?: boolean }} [options]
 * @returns {{ events: RunEvent[], result: RunResult }}
 */
function runOf(plans, { workers = 4, result: facts = {}, servers = true } = {}) {
  /** @type {RunEvent[]} */
  const events = [
    {
      type: 'runStarted',
      at: 0,
      runId: 'r-7f3a',
      startedAt: Date.UTC(2026, 4, 6, 9, 30),
      workers,
      total: plans.length,
      root: ROOT,
      logs: `${ROOT}/.ephemeral-broker/logs`,
      shard: null
    }
  ]
  if (servers) {
    events.push(
      { type: 'setupStarted', at: 5, step: 'globalSetup', worker: null },
      { type: 'setupFinished', at: 420, step: 'globalSetup', worker: null, duration: 415, error: null }
    )
    events.push(
      { type: 'serverStarted', at: 20, server: 'postgres', worker: null, pid: 4001, port: 5432, log: 'postgres.log' },
      { type: 'serverReady', at: 700, server: 'postgres', worker: null, duration: 680, url: null }
    )
  }
  const free = Array.from({ length: workers }, (_, worker) => startWorker(worker, events, servers))
  const tests = plans.map(plan => runPlan(plan, free, events))
  const duration = Math.max(...free) + 150
  if (servers) events.push({ type: 'serverStopped', at: duration - 40, server: 'postgres', worker: null })
  const counts = { total: tests.length, passed: 0, failed: 0, flaky: 0, skipped: 0, cached: 0, timed_out: 0, error: 0, not_run: 0 }
  for (const test of tests) counts[test.status] += 1
  const ok = counts.failed + counts.timed_out + counts.error + counts.not_run === 0
  /** @type {RunResult} */
  const result = {
    runId: 'r-7f3a',
    startedAt: Date.UTC(2026, 4, 6, 9, 30),
    duration,
    exitCode: ok ? 0 : 1,
    ok,
    workers,
    counts,
    tests,
    groups: {},
    errors: [],
    shard: null,
    notes: [],
    broker: null,
    ...facts
  }
  events.push({ type: 'runFinished', at: duration, result })
  return { events, result }
}

/** @param {number} worker @param {RunEvent[]} events @param {boolean} servers @returns {number} when it is free */
function startWorker(worker, events, servers) {
  const ready = servers ? 500 + worker * 90 : 10 + worker
  if (servers) {
    events.push({
      type: 'serverStarted',
      at: 430,
      server: 'dev server',
      worker,
      pid: 5000 + worker,
      port: 9000 + worker,
      log: `server-${worker}.log`
    })
    events.push({
      type: 'serverReady',
      at: ready,
      server: 'dev server',
      worker,
      duration: ready - 430,
      url: `http://127.0.0.1:${9000 + worker}`
    })
  }
  const duration = servers ? ready - 430 : ready
  events.push({ type: 'workerReady', at: ready, worker, dir: `/tmp/w${worker}`, url: null, duration })
  return ready
}

/** @param {Plan} plan @param {number[]} free when each worker is @param {RunEvent[]} events @returns {TestResult} */
function runPlan({ takes = 100, waits = [], attempt: more = {}, ...given }, free, events) {
  const { id } = given
  const [project, rest = ''] = id.split(/:(.*)/s)
  const [file, name = null] = rest.split(/ > (.*)/s)
  const worker = free.indexOf(Math.min(...free))
  const status = given.status ?? 'passed'
  for (const [resource, duration] of waits) {
    free[worker] += duration
    events.push({ type: 'waited', at: free[worker], id, worker, resource, duration })
  }
  const attempts = ATTEMPTS[status].map((outcome, index) => {
    const isBad = outcome !== 'passed' && outcome !== 'skipped'
    const attempt = attemptOf({
      attempt: index + 1,
      status: outcome,
      worker,
      at: free[worker],
      duration: takes,
      exitCode: isBad ? 1 : 0,
      ...(isBad ? { reason: 'exit code 1', ...more } : {})
    })
    free[worker] += takes + 6
    return attempt
  })
  return {
    project,
    group: project,
    file: file || null,
    name,
    tags: [],
    status,
    duration: attempts.reduce((sum, attempt) => sum + attempt.duration, 0),
    repeat: 1,
    attempts,
    reason: null,
    why: null,
    ...given
  }
}

/** Numbers from 0 to 1 that are the same in each run. @param {number} seed */
function random(seed) {
  return () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return seed / 4_294_967_296
  }
}

const FAILURE = `\x1b[31m✕ refuses a card that has expired\x1b[39m

  \x1b[1mAssertionError\x1b[22m: expected status \x1b[32m402\x1b[39m, got \x1b[31m500\x1b[39m
      at pay (tests/payments.test.js:41:12)
      at async tests/payments.test.js:58:5

  \x1b[7m 58 \x1b[27m \x1b[36mawait\x1b[39m pay(expired)
`
const SERVER = '09:30:04 POST /pay 500 \x1b[31mTypeError: card is undefined\x1b[0m\n    at charge (src/payments.js:17:9)\n'

/**
 * A run of some services, with all that can happen to tests where there are enough of them.
 * @param {number} count
 */
function sampleRun(count) {
  const next = random(7)
  const services = ['users', 'payments', 'search', 'checkout', 'admin']
  const verbs = ['logs in', 'refuses a card that has expired', 'finds by name', 'keeps the order', 'sends a mail', 'forgets the session']
  /** @type {TestStatus[]} */
  const rare = ['failed', 'flaky', 'skipped', 'timed_out', 'error', 'not_run']
  /** @type {Plan[]} */
  const plans = Array.from({ length: count }, (_, index) => {
    const service = services[index % services.length]
    const status =
      count < 10 ? 'passed' : index % 17 === 3 ? rare[Math.floor(index / 17) % rare.length] : index % 5 === 4 ? 'cached' : 'passed'
    const takes = Math.round(40 + next() ** 3 * 1800)
    return {
      id: `${service}:tests/${service}/${Math.floor(index / 12)}.test.js > ${verbs[index % verbs.length]}, case ${index}`,
      status,
      takes,
      tags: index % 4 === 0 ? ['smoke'] : [],
      why: status === 'cached' ? null : index % 3 === 0 ? 'src/payments.js has changed' : 'it was never run',
      reason:
        status === 'skipped' ? 'needs a licence' : status === 'not_run' ? 'it depends on users:tests/users/0.test.js, which failed' : null,
      waits: index % 11 === 5 ? [[index % 2 ? 'limit api' : 'group payments', Math.round(60 + next() * 300)]] : [],
      attempt: {
        output: FAILURE,
        outputSize: 4210,
        reason: status === 'timed_out' ? 'timed out after 10 s' : status === 'error' ? 'server died: exit code 137' : 'exit code 1',
        slow: status === 'timed_out',
        leaked: index % 2 === 1,
        serverLogs: [{ name: 'dev server', output: SERVER, log: `${ROOT}/.ephemeral-broker/logs/server-0.log` }]
      }
    }
  })
  return runOf(plans, { workers: count > 1000 ? 16 : 4 })
}

module.exports = { runOf, sampleRun }
