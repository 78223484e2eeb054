// @ts-check
'use strict'

/** What a run comes to: its counts, its groups and its exit code, from its tests. The one place that decides whether a run is green. */

const { constants } = require('node:os')

/**
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('../../../run.js').RunError} RunError
 * @typedef {import('../../../run.js').Counts} Counts
 * @typedef {import('../../../run.js').RunResult} RunResult
 *
 * @typedef {object} Flags what the tests alone do not tell
 * @property {boolean} [failOnFlaky]
 * @property {boolean} [passWithNoTests]
 * @property {string | null} [interrupted] the name of the signal, or the reason, that stopped the run
 * @property {boolean} [timedOut] the whole run, by `globalTimeout`
 * @property {boolean} [setupFailed] globalSetup, secrets or the list of tests
 * @property {'none' | 'shard' | 'settled' | null} [empty] why there are no tests: none fits, none is in this shard, or none of them has failed or
 * changed
 */

const Exit = Object.freeze({ OK: 0, TESTS: 1, SETUP: 2, INFRASTRUCTURE: 3, NO_TESTS: 4, TIMEOUT: 124, SIGNAL: 128 })

/** From harmless to grave. A test that failed is told before what could not be found out; how a run was ended before what it had found by then. @type {readonly number[]} */
const GRAVITY = [Exit.OK, Exit.NO_TESTS, Exit.INFRASTRUCTURE, Exit.TESTS, Exit.SETUP, Exit.TIMEOUT]

/** @returns {Counts} */
function noCounts() {
  return { total: 0, passed: 0, failed: 0, flaky: 0, skipped: 0, cached: 0, timed_out: 0, error: 0, not_run: 0 }
}

/** @param {readonly TestResult[]} tests */
function countsOf(tests) {
  const counts = noCounts()
  for (const { status } of tests) {
    counts.total++
    counts[status]++
  }
  return counts
}

/**
 * @param {readonly TestResult[]} tests
 * @returns {RunResult['groups']}
 */
function groupsOf(tests) {
  /** @type {Map<string, Counts>} */
  const groups = new Map()
  for (const { group, status } of tests) {
    const counts = groups.get(group) ?? noCounts()
    groups.set(group, counts)
    counts.total++
    counts[status]++
  }
  // Object.fromEntries: a group may have the name __proto__.
  return Object.fromEntries(
    [...groups].map(([name, counts]) => [name, { passed: counts.passed + counts.flaky + counts.cached, total: counts.total, counts }])
  )
}

/**
 * 128 and the signal's number. A reason that is no signal's name counts as SIGINT: somebody asked the run to stop.
 * @param {string} name
 */
function signalExit(name) {
  const signals = /** @type {Record<string, number>} */ (constants.signals)
  return Exit.SIGNAL + (Object.hasOwn(signals, name) ? signals[name] : constants.signals.SIGINT)
}

/**
 * @param {Counts} counts
 * @param {number} errors beside the tests
 * @param {Flags} flags
 */
function exitCodeOf(counts, errors, flags) {
  if (flags.interrupted) return signalExit(flags.interrupted)
  if (flags.timedOut) return Exit.TIMEOUT
  if (flags.setupFailed) return Exit.SETUP
  if (counts.failed + counts.timed_out > 0 || (flags.failOnFlaky && counts.flaky > 0)) return Exit.TESTS
  // A test that was not run for no reason of the user's is one that nobody knows of: never green.
  if (counts.error + counts.not_run + errors > 0) return Exit.INFRASTRUCTURE
  const mayBeEmpty = flags.empty === 'shard' || flags.empty === 'settled' || flags.passWithNoTests
  if (counts.total === 0 && !mayBeEmpty) return Exit.NO_TESTS
  const known = counts.passed + counts.flaky + counts.skipped + counts.cached
  return known === counts.total ? Exit.OK : Exit.INFRASTRUCTURE
}

/**
 * @param {{ tests: readonly TestResult[], errors: readonly RunError[], flags?: Flags }} run
 * @returns {Pick<RunResult, 'counts' | 'groups' | 'exitCode' | 'ok'>}
 */
function summarize({ tests, errors, flags = {} }) {
  const counts = countsOf(tests)
  const exitCode = exitCodeOf(counts, errors.length, flags)
  return { counts, groups: groupsOf(tests), exitCode, ok: exitCode === Exit.OK }
}

/**
 * The gravest of several exit codes. Signals are graver than all else, and so is a code that is not known.
 * @param {readonly number[]} codes
 */
function gravest(codes) {
  const gravity = (/** @type {number} */ code) => (GRAVITY.includes(code) ? GRAVITY.indexOf(code) : GRAVITY.length)
  return codes.reduce((worst, code) => (gravity(code) > gravity(worst) ? code : worst), /** @type {number} */ (Exit.OK))
}

module.exports = { Exit, countsOf, gravest, noCounts, signalExit, summarize }
