/**
 * What the page shows: the JSON that the reporter wrote, with the defaults that it left out.
 *
 * @typedef {import('../../../../../run.d.ts').TestResult} TestResult
 * @typedef {import('../../../../../run.d.ts').AttemptResult} Attempt
 * @typedef {import('../../../../../run.d.ts').RunError} RunError
 * @typedef {import('../../../../../run.d.ts').Counts} Counts
 * @typedef {{ id: string | null, worker: number | null, resource: string, at: number, duration: number }} Wait
 * @typedef {{ step: string, worker: number | null, at: number, duration: number | null, error: string | null }} Step
 * @typedef {{
 *   name: string, worker: number | null, at: number, ready: number | null, end: number | null, port: number | null, failure: string | null,
 *   restarting: boolean
 * }} Server
 * @typedef {TestResult & { key: string, index: number, at: number, search: string, waits: Wait[], slow: boolean, leaked: boolean, retried: boolean }} Test
 *   `key` is the id, with the repeat where there are several; `search` is what the text of the filter is looked for in
 * @typedef {object} Report
 * @property {{
 *   runId: string, startedAt: number, duration: number, exitCode: number, ok: boolean, workers: number,
 *   shard: { index: number, count: number } | null, root: string | null, profile: string | null
 * }} run
 * @property {Counts} counts
 * @property {RunError[]} errors
 * @property {Test[]} tests
 * @property {Map<string, Test>} byKey
 * @property {Step[]} steps
 * @property {Array<{ worker: number, at: number, duration: number, url: string | null }>} starts
 * @property {Array<{ worker: number, at: number, reason: string, replaced: boolean }>} losses
 * @property {Server[]} servers
 * @property {Wait[]} waits
 * @property {Array<{ at: number, reason: string }>} stops
 * @property {import('../../../../../index.d.ts').BrokerReport | null} broker
 */

const attemptDefaults = {
  exitCode: null,
  signal: null,
  reason: null,
  leaked: false,
  slow: false,
  output: null,
  log: '',
  serverLogs: []
}
const testDefaults = { file: null, name: null, tags: [], attempts: [], reason: null, why: null, project: '', group: '' }
const serverDefaults = { worker: null, ready: null, end: null, port: null, failure: null, restarting: false }

/** @returns {Report} */
export function readReport() {
  const bare = JSON.parse(document.getElementById('data')?.textContent ?? '{}')
  /** @type {Test[]} */
  const tests = (bare.tests ?? []).map(fullTest)
  const report = {
    run: { ok: false, shard: null, root: null, profile: null, ...bare.run },
    counts: bare.counts,
    errors: list(bare.errors, { message: '', output: null, log: null }),
    tests,
    byKey: new Map(tests.map(test => [test.key, test])),
    steps: list(bare.steps, { worker: null, duration: null, error: null }),
    starts: list(bare.starts, { url: null }),
    losses: list(bare.losses, { replaced: false }),
    servers: list(bare.servers, serverDefaults),
    waits: list(bare.waits, { id: null, worker: null }),
    stops: list(bare.stops, {}),
    broker: bare.broker ? { leaked: [], leakedCount: 0, longestWaits: [], pools: [], sharedWorkerErrors: [], ...bare.broker } : null
  }
  giveWaits(report)
  return report
}

/**
 * @param {any[] | undefined} items
 * @param {object} defaults
 */
const list = (items, defaults) => (items ?? []).map(item => ({ ...defaults, ...item }))

/**
 * @param {any} bare
 * @param {number} index
 * @returns {Test}
 */
function fullTest(bare, index) {
  const test = { ...testDefaults, repeat: 1, ...bare }
  test.attempts = test.attempts.map((/** @type {any} */ attempt) => ({
    ...attemptDefaults,
    ...attempt,
    serverLogs: list(attempt.serverLogs, { output: '', log: '' })
  }))
  const reasons = test.attempts.map((/** @type {Attempt} */ attempt) => attempt.reason)
  return {
    ...test,
    index,
    key: keyOf(test.id, test.repeat),
    at: test.attempts[0]?.at ?? Number.POSITIVE_INFINITY,
    waits: [],
    slow: test.attempts.some((/** @type {Attempt} */ attempt) => attempt.slow),
    leaked: test.attempts.some((/** @type {Attempt} */ attempt) => attempt.leaked),
    retried: test.attempts.length > 1,
    search: [test.id, test.file, test.group, test.reason, ...test.tags, ...reasons].filter(Boolean).join('\n').toLowerCase()
  }
}

/**
 * @param {string} id
 * @param {number} repeat
 */
export const keyOf = (id, repeat) => (repeat > 1 ? `${id} #${repeat}` : id)

/**
 * A wait tells the test and not its repeat: it is of the first one that ended after it.
 * @param {Report} report
 */
function giveWaits({ tests, waits }) {
  /** @type {Map<string, Test[]>} */
  const repeats = new Map()
  for (const test of tests) {
    const known = repeats.get(test.id)
    if (known) known.push(test)
    else repeats.set(test.id, [test])
  }
  for (const wait of waits) {
    const candidates = wait.id === null ? [] : (repeats.get(wait.id) ?? [])
    const end = wait.at + wait.duration
    const owner = candidates.find(test => test.attempts.some(attempt => attempt.at + attempt.duration >= end)) ?? candidates.at(-1)
    owner?.waits.push(wait)
  }
}
