// @ts-check
'use strict'

/**
 * @template T
 * @typedef {object} Source
 * @property {(iterator: MessageIterator<T>) => void} add begins to push into it
 * @property {(iterator: MessageIterator<T>) => void} delete
 * @property {((count: number) => void)} [pending] so many more, or fewer, wait for a value
 * @property {((value: T) => boolean)} [skips] what was buffered and nobody is to see any more
 */

/**
 * @template T
 * @typedef {{ resolve: (result: IteratorResult<T, undefined>) => void, reject: (error: Error) => void }} Waiter
 */

/**
 * Values as they come, from the first `next()` on. What comes while nobody waits is buffered, for each iterator by itself.
 * @template T
 */
class MessageIterator {
  #source
  #began = false
  #ended = false
  /** Thrown once, when the buffer is empty. @type {Error | null} */
  #error = null
  /** @type {T[]} */
  #buffer = []
  /** How much of the buffer has been taken. */
  #taken = 0
  /** @type {Waiter<T>[]} */
  #waiters = []

  /** @param {Source<T>} source */
  constructor(source) {
    this.#source = source
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  next() {
    if (!this.#began && !this.#ended) {
      this.#began = true
      this.#source.add(this)
    }
    while (this.#taken < this.#buffer.length) {
      const value = this.#take()
      if (!this.#source.skips?.(value)) return Promise.resolve({ value, done: false })
    }
    if (this.#error) {
      const error = this.#error
      this.#error = null
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#source.pending?.(1)
    })
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  return() {
    this.#buffer = []
    this.#taken = 0
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  /**
   * @param {unknown} error
   * @returns {Promise<IteratorResult<T, undefined>>}
   */
  async throw(error) {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator]() {
    return this
  }

  async [Symbol.asyncDispose]() {
    await this.return()
  }

  /**
   * For its source.
   * @param {T} value
   */
  push(value) {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) {
      this.#buffer.push(value)
    } else {
      this.#source.pending?.(-1)
      waiter.resolve({ value, done: false })
    }
  }

  /** For its source: no more will come. */
  end() {
    if (this.#ended) return
    this.#ended = true
    if (this.#began) this.#source.delete(this)
    for (const { resolve } of this.#noMore()) resolve({ value: undefined, done: true })
  }

  /**
   * For its source: no more will come, because of an error. Whoever waits is told, or else the next who asks.
   * @param {Error} error
   */
  fail(error) {
    if (this.#ended) return
    const [first] = this.#waiters
    if (first) first.reject(error)
    else this.#error = error
    this.end()
  }

  #noMore() {
    const waiters = this.#waiters
    if (waiters.length > 0) this.#source.pending?.(-waiters.length)
    this.#waiters = []
    return waiters
  }

  #take() {
    const value = this.#buffer[this.#taken++]
    if (this.#taken === this.#buffer.length) {
      this.#buffer = []
      this.#taken = 0
    } else if (this.#taken >= 1024) {
      // Otherwise what has been taken is kept for as long as there is more.
      this.#buffer.splice(0, this.#taken)
      this.#taken = 0
    }
    return value
  }
}

module.exports = { MessageIterator }
