// @ts-check
'use strict'

/** The book of a cycle: when it began, which tests run, how each ended, and what that comes to. */

const { summarize } = require('./reporters/counts.js')

const SETTLED = 'nothing to run: of the tests that were asked for, none has failed, is new or is concerned by a change'

/**
 * @typedef {import('./session.js').Tests} Tests
 * @typedef {import('./listing.js').ListedTest} ListedTest
 * @typedef {import('../../run.js').RunEvent} RunEvent
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').TestResult} TestResult
 *
 * @typedef {object} Summary what the core says of a cycle, beside its tests
 * @property {import('../../run.js').RunError[]} errors
 * @property {boolean} timedOut
 * @property {boolean} setupFailed
 * @property {string[]} kept
 * @property {string[]} notes
 * @property {string} [untold] why the core was never told of the tests
 */

/** @type {Summary} */
const NOTHING = { errors: [], timedOut: false, setupFailed: false, kept: [], notes: [] }

class Ledger {
  /** @type {Map<string, { worker: number }>} tests that run now, by id */
  #running = new Map()
  /** @type {Map<string, TestResult>} */
  #results = new Map()
  /** By the clock that only goes forward. */
  #began = performance.now()
  /** What the core counts from. */
  #opened = this.#began
  /** Milliseconds since 1970. */
  startedAt = Date.now()

  /** @param {import('./config/index.js').ResolvedConfig} config */
  constructor(config) {
    this.config = config
  }

  /** The core begins to count. */
  open() {
    this.#opened = performance.now()
  }

  /** Another cycle begins. */
  begin() {
    this.#began = performance.now()
    this.startedAt = Date.now()
    this.#results.clear()
  }

  /** Milliseconds since this cycle began. */
  get at() {
    return performance.now() - this.#began
  }

  /** Writes down what the core tells, and sets its times to this cycle's clock: it counts from the first cycle on. @param {RunEvent} event */
  take(event) {
    const ahead = this.#opened - this.#began
    event.at += ahead
    if (event.type === 'testStarted') this.#running.set(event.id, event)
    if (event.type === 'attemptFinished') event.result.at += ahead
    if (event.type !== 'testFinished') return
    const { result } = event
    for (const attempt of result.attempts) attempt.at += ahead
    this.#running.delete(result.id)
    this.#results.set(`${result.repeat} ${result.id}`, result)
  }

  /** @param {string | null} test its id */
  workerOf(test) {
    return (test === null ? undefined : this.#running.get(test))?.worker ?? null
  }

  /**
   * Every test ends in something, those too that the core was never told of.
   * @param {ListedTest[]} chosen
   * @param {string} reason
   * @returns {TestResult[]}
   */
  giveUp(chosen, reason) {
    const results = []
    for (let repeat = 1; repeat <= this.config.repeat; repeat++) {
      for (const { id, project, group, file, name, tags } of chosen) {
        const status = /** @type {const} */ ('not_run')
        const result = { id, project, group, file, name, tags, status, duration: 0, repeat, attempts: [], reason, why: null }
        this.#results.set(`${repeat} ${id}`, result)
        results.push(result)
      }
    }
    return results
  }

  /**
   * @param {Tests} tests
   * @param {Summary} summary
   * @param {{ runId: string, interrupted: string | null }} run
   * @returns {RunResult}
   */
  conclude({ chosen, empty, shard }, { errors, timedOut, setupFailed, kept, notes }, { runId, interrupted }) {
    const { failOnFlaky, passWithNoTests, repeat: repeats, workers } = this.config
    const tests = []
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (const { id } of chosen) {
        const result = this.#results.get(`${repeat} ${id}`)
        // That one did not end is the gravest of errors.
        if (result === undefined) errors = [...errors, lost(id)]
        else tests.push(result)
      }
    }
    const flags = { failOnFlaky, passWithNoTests, interrupted, timedOut, setupFailed, empty }
    return {
      runId,
      startedAt: this.startedAt,
      duration: this.at,
      workers,
      ...summarize({ tests, errors, flags }),
      tests,
      errors,
      shard,
      notes: [...notes, ...kept.map(dir => `kept: ${dir}`), ...(empty === 'settled' ? [SETTLED] : [])],
      // Known when it has stopped.
      broker: null
    }
  }
}

/** @param {string} id */
function lost(id) {
  return { code: 'run_failed', message: `run_failed: nobody knows how ${id} ended`, output: null, log: null }
}

module.exports = { Ledger, NOTHING }
