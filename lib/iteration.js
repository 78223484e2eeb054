// @ts-check
'use strict'

const { aborted } = require('./failures.js')

/**
 * An iteration over what the broker tells, one request after another. An async generator would not do: its `return()` waits for a `next()` that
 * may wait for ever.
 *
 * `step` is given a signal, and gives the next value or that there are no more. `end` is told when the iteration is over, perhaps more than once: by then a value may have come too late.
 */
class Iteration {
  #step
  #end
  #signal
  #stop = new AbortController()
  #over = false
  /** What was asked for last. @type {Promise<unknown>} */
  #last = Promise.resolve()

  /**
   * @param {(signal: AbortSignal) => Promise<{ value?: any, done?: boolean }>} step
   * @param {AbortSignal} [signal]
   * @param {() => Promise<unknown>} [end]
   */
  constructor(step, signal, end = async () => {}) {
    this.#step = step
    this.#signal = signal
    this.#end = end
  }

  /** @returns {Promise<any>} */
  next() {
    const next = this.#last.then(() => this.#advance())
    this.#last = next.catch(() => undefined)
    return next
  }

  /**
   * @param {any} [value]
   * @returns {Promise<any>}
   */
  async return(value) {
    await this.#finish()
    return { done: true, value }
  }

  /**
   * @param {unknown} error
   * @returns {Promise<any>}
   */
  async throw(error) {
    await this.#finish()
    throw error
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [Symbol.asyncDispose]() {
    await this.#finish()
  }

  async #advance() {
    if (this.#over) return { done: true, value: undefined }
    const signal = this.#signal
    const onAbort = () => this.#stop.abort(signal?.reason)
    // Only for this step: who stops asking does not say so.
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal?.aborted) throw aborted(signal)
      const { value, done } = await this.#step(this.#stop.signal)
      if (!this.#over && !done) return { done: false, value }
    } catch (error) {
      if (!this.#over) {
        this.#over = true
        void this.#end()
        throw error
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    this.#over = true
    return { done: true, value: undefined }
  }

  async #finish() {
    this.#over = true
    this.#stop.abort()
    await this.#last
    await this.#end()
  }
}

module.exports = { Iteration }
