// @ts-check
'use strict'

/** @typedef {InstanceType<typeof import('../errors.js').BrokerError>} BrokerError */

/**
 * Those that hold something. A client that nobody uses any more is collected, and what it holds is given back with that; but who has the value of a
 * lease need not have kept the client.
 * @type {Set<object>}
 */
const holders = new Set()

/** What a connection holds: who is to be told when it is lost, by its token. */
class Holdings {
  /** @type {Map<number, (reason: BrokerError) => void>} */
  #held = new Map()
  #reserved = 0
  /** The tokens of what was taken by hand: no function's end releases it. @type {Set<number>} */
  #byHand = new Set()
  /** Several things were asked for at a time: so several lines of work share this connection. */
  #isShared = false
  /** Keeps the connection alive for as long as it holds something. */
  #owner
  /** Which session's they are: of another one, a token is nothing. */
  session = 0

  /** @param {object} owner */
  constructor(owner) {
    this.#owner = owner
  }

  /**
   * @param {number} token
   * @param {(reason: BrokerError) => void} lose
   */
  add(token, lose) {
    this.#held.set(token, lose)
    holders.add(this.#owner)
  }

  tokens() {
    return [...this.#held.keys()]
  }

  /** @param {number} token */
  has(token) {
    return this.#held.has(token)
  }

  /** @param {number} token */
  takeByHand(token) {
    if (this.#held.has(token)) this.#byHand.add(token)
  }

  /**
   * What a line of work may hold of which nothing is known: all that was taken by hand, as long as nothing speaks for several lines. (Where a process does what
   * it is told from outside, each thing that it does is a line of its own to JavaScript.)
   */
  suspected() {
    return this.#isShared ? [] : [...this.#byHand]
  }

  /** Something is asked for while something else is. */
  share() {
    this.#isShared = true
  }

  /** @param {number} token */
  delete(token) {
    this.#held.delete(token)
    this.#byHand.delete(token)
    this.#leave()
  }

  /**
   * Counts what has no token.
   * @param {number} more
   */
  reserve(more) {
    this.#reserved = Math.max(this.#reserved + more, 0)
    if (this.#reserved > 0) holders.add(this.#owner)
    else this.#leave()
  }

  /**
   * @param {number} token
   * @param {BrokerError} reason
   */
  lose(token, reason) {
    const lose = this.#held.get(token)
    this.delete(token)
    lose?.(reason)
  }

  /** @param {() => BrokerError} why */
  loseAll(why) {
    this.session++
    this.#reserved = 0
    const held = [...this.#held.values()]
    this.#held.clear()
    this.#byHand.clear()
    this.#leave()
    if (held.length === 0) return
    const reason = why()
    for (const lose of held) lose(reason)
  }

  #leave() {
    if (this.#held.size === 0 && this.#reserved === 0) holders.delete(this.#owner)
  }
}

module.exports = { Holdings }
