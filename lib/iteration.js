// @ts-check
'use strict'

const { aborted } = require('./failures.js')

/**
 * An iteration over what the broker tells, one request after another. An async generator would not do: its `return()` waits for a `next()` that
 * may wait for ever.
 *
 * `step` is given a signal, and gives the next value or that there are no more. `end` is told of a value that came too late, and when the iteration is over.
 */
class Iteration {
  #step
  #end
  #signal
  #stop = new AbortController()
  #over = false
  /** What was asked for last. @type {Promise<unknown>} */
  #last = Promise.resolve()
  #onAbort = () => this.#stop.abort(this.#signal?.reason)

  /**
   * @param {(signal: AbortSignal) => Promise<{ value?: any, done?: boolean }>} step
   * @param {AbortSignal} [signal]
   * @param {() => Promise<unknown>} [end]
   */
  constructor(step, signal, end = async () => {}) {
    this.#step = step
    this.#signal = signal
    this.#end = end
    signal?.addEventListener('abort', this.#onAbort, { once: true })
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
    try {
      if (this.#signal?.aborted) throw aborted(this.#signal)
      const { value, done } = await this.#step(this.#stop.signal)
      if (!this.#over && !done) return { done: false, value }
    } catch (error) {
      const wasOver = this.#over
      this.#settle()
      if (!wasOver) throw error
    }
    this.#settle()
    return { done: true, value: undefined }
  }

  async #finish() {
    this.#settle()
    this.#stop.abort()
    await this.#last
    await this.#end()
  }

  #settle() {
    this.#over = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

module.exports = { Iteration }
