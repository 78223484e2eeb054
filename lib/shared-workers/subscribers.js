// @ts-check
'use strict'

/**
 * @template T
 * @typedef {InstanceType<typeof import('./iterator.js').MessageIterator<T>>} Iterator
 */

/**
 * The iterators that see the same.
 * @template T
 */
class Subscribers {
  /** @type {Set<Iterator<T>>} */
  #iterators = new Set()

  get size() {
    return this.#iterators.size
  }

  /** @param {Iterator<T>} iterator */
  add(iterator) {
    this.#iterators.add(iterator)
  }

  /** @param {Iterator<T>} iterator */
  delete(iterator) {
    this.#iterators.delete(iterator)
  }

  /** @param {T} value */
  push(value) {
    for (const iterator of this.#iterators) iterator.push(value)
  }

  end() {
    for (const iterator of [...this.#iterators]) iterator.end()
  }

  /** @param {Error} error */
  fail(error) {
    for (const iterator of [...this.#iterators]) iterator.fail(error)
  }
}

/**
 * The iterators of replies, by the number of what is replied to: a reply is looked up, not offered to each.
 * @template T
 */
class ReplySubscribers {
  /** @type {Map<number, Subscribers<T>>} */
  #byNumber = new Map()

  /**
   * @param {number} number
   * @param {Iterator<T>} iterator
   */
  add(number, iterator) {
    let subscribers = this.#byNumber.get(number)
    if (subscribers === undefined) {
      subscribers = new Subscribers()
      this.#byNumber.set(number, subscribers)
    }
    subscribers.add(iterator)
  }

  /**
   * @param {number} number
   * @param {Iterator<T>} iterator
   */
  delete(number, iterator) {
    const subscribers = this.#byNumber.get(number)
    subscribers?.delete(iterator)
    if (subscribers?.size === 0) this.#byNumber.delete(number)
  }

  /** @param {number} number */
  get(number) {
    return this.#byNumber.get(number)
  }

  end() {
    for (const subscribers of [...this.#byNumber.values()]) subscribers.end()
  }

  /** @param {Error} error */
  fail(error) {
    for (const subscribers of [...this.#byNumber.values()]) subscribers.fail(error)
  }
}

module.exports = { ReplySubscribers, Subscribers }
