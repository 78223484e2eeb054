// @ts-check
'use strict'

const { realm } = require('./realm.js')

/** @typedef {import('../../../index.js').Lease} Lease */
/** @typedef {(signal: AbortSignal) => Promise<Lease>} Acquire */

/**
 * What the fixtures of a test, or of a worker, wait for. With a run that is interrupted Playwright abandons them as they wait: what they were granted then would be
 * nobody's, and a leak that no test made.
 */
class Waits {
  #over = new AbortController()
  #count = 0

  /**
   * @param {Acquire} acquire
   * @returns {Promise<Lease>} never comes, if it was given up
   */
  async take(acquire) {
    const { signal } = this.#over
    this.#count++
    try {
      return await acquire(signal)
    } catch (error) {
      // Playwright would tell it, beside that the test was interrupted.
      if (signal.aborted) return new Promise(() => {})
      throw error
    } finally {
      this.#count--
    }
  }

  /** Gives up what is waited for still. */
  async end() {
    if (this.#count === 0) return
    this.#over.abort()
    // What was granted meanwhile is here with the first answer, and given back with the second: the process may end now.
    await answer()
    await answer()
  }
}

/** A broker that is gone has nothing that could be given back. */
const answer = () => realm.broker.ping().catch(() => {})

module.exports = { Waits }
