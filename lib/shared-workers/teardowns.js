// @ts-check
'use strict'

/** Functions that each run once: when they are called, or all at the end, the last one first and one after the other. */
class Teardowns {
  /** @type {Set<() => Promise<void>>} */
  #functions = new Set()
  /** Those that were called and have not come to their end. @type {Set<Promise<void>>} */
  #running = new Set()

  /**
   * @param {() => unknown} fn
   * @returns {() => Promise<void>} runs it now, unless it ran before
   */
  add(fn) {
    const once = () => {
      if (!this.#functions.delete(once)) return Promise.resolve()
      const run = (async () => void (await fn()))()
      this.#running.add(run)
      const settled = () => this.#running.delete(run)
      run.then(settled, settled)
      return run
    }
    this.#functions.add(once)
    return once
  }

  /** Runs those that are left, all of them. @returns {Promise<unknown[]>} what they threw */
  async run() {
    const errors = []
    for (const once of [...this.#functions].reverse()) {
      // What somebody called is that one's to handle, but it is to be over.
      await Promise.allSettled(this.#running)
      try {
        await once()
      } catch (error) {
        errors.push(error)
      }
    }
    await Promise.allSettled(this.#running)
    return errors
  }
}

module.exports = { Teardowns }
