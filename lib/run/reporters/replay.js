// @ts-check
'use strict'

/** A run that is over, told again. */

/**
 * @typedef {import('../../../run.js').RunEvent} RunEvent
 * @typedef {import('../../../run.js').RunResult} RunResult
 * @typedef {import('../../../run.js').TestResult} TestResult
 */

/**
 * What happened to a test, in order. One that had no attempt ended with the run.
 * @param {TestResult} test
 * @param {number} end milliseconds
 * @returns {RunEvent[]}
 */
function eventsOf(test, end) {
  const { id, repeat, attempts } = test
  /** @type {RunEvent[]} */
  const events = []
  for (const [index, result] of attempts.entries()) {
    const over = result.at + result.duration
    const next = attempts[index + 1]
    events.push(
      { type: 'testStarted', at: result.at, id, repeat, worker: result.worker, attempt: result.attempt, expected: null },
      { type: 'attemptFinished', at: over, id, repeat, result, retryIn: next === undefined ? null : Math.max(0, next.at - over) }
    )
  }
  const last = attempts.at(-1)
  return [...events, { type: 'testFinished', at: last === undefined ? end : last.at + last.duration, result: test }]
}

/**
 * @param {RunResult} result
 * @param {{ root?: string, logs?: string }} [where]
 * @returns {RunEvent[]}
 */
function fromResult(result, { root = process.cwd(), logs = '' } = {}) {
  const { runId, startedAt, workers, tests, shard, duration } = result
  // A sort keeps the order of what happened at the same time, so a test never ends before it began.
  const events = tests.flatMap(test => eventsOf(test, duration)).sort((a, b) => a.at - b.at)
  return [
    { type: 'runStarted', at: 0, runId, startedAt, workers, total: tests.length, root, logs, shard },
    ...events,
    { type: 'runFinished', at: duration, result }
  ]
}

module.exports = { fromResult }
