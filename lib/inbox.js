// @ts-check
'use strict'

const { decode } = require('./message-data.js')

/** @typedef {InstanceType<typeof import('./connection/index.js').Connection>} Connection */
/** @typedef {import('./connection/index.js').Reply} Reply */

/**
 * What an inbox is told to the broker by, and what is made of what comes.
 * - `window`: how many messages may be on their way. Those that were handed out are acknowledged when the reader comes back for more: so what a slow reader gets next is as new
 *   as its policy can make it.
 * - `single`: it ends with its first message, as the broker knows.
 * @typedef {{ window: number, single?: boolean, make: (event: Reply, data: any) => any }} Kind
 */

/**
 * The messages of a subscription, or the replies to a message: an async iterator. It keeps the process alive while somebody waits for the next.
 */
class Inbox {
  #connection
  #kind
  /** @type {AbortSignal | undefined} */
  #signal
  /** 0 before the broker has said it, and when the broker knows of it no more. */
  #id = 0
  /** What came and was not asked for yet. @type {Array<{ event: Reply, payload: ArrayBuffer | null }>} */
  #arrived = []
  /** Those who wait. @type {Array<{ resolve: (result: any) => void, reject: (error: unknown) => void }>} */
  #waiting = []
  /** How many were handed out, and are not known to be done with. */
  #handed = 0
  /** How many are done with, and were not told to the broker. */
  #untold = 0
  #isOver = false
  /** To be thrown when all that came has been handed out. @type {unknown} */
  #error = null

  /**
   * @param {Connection} connection
   * @param {Kind} kind
   * @param {AbortSignal} [signal]
   */
  constructor(connection, kind, signal) {
    this.#connection = connection
    this.#kind = kind
    this.until(signal)
    /** Settles when the broker has it: what is published from then on comes. @type {Promise<void>} */
    this.ready = Promise.resolve()
  }

  /**
   * Ends when the signal says so, too.
   * @param {AbortSignal} [signal]
   */
  until(signal) {
    if (!signal) return
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#signal = signal
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * The broker knows it by this id from now on.
   * @param {number} id
   */
  begin(id) {
    this.#id = id
    if (this.#isOver) void this.#leave()
    else this.#connection.inboxes.add(id, this)
  }

  /** @returns {Promise<any>} */
  next() {
    this.#untold += this.#handed
    this.#handed = 0
    const isDry = this.#arrived.length === 0
    if (this.#untold > 0 && (isDry || this.#untold * 2 >= this.#kind.window)) this.#tellTaken()
    if (!isDry) return this.#handOut()
    if (this.#isOver) return this.#sayOver()
    this.#connection.listen(1)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
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

  /**
   * A message came.
   * @param {Reply} event
   * @param {ArrayBuffer | null} payload
   */
  take(event, payload) {
    this.#arrived.push({ event, payload })
    if (this.#kind.single) this.end(null)
    const first = this.#waiting.shift()
    if (!first) return
    this.#connection.listen(-1)
    this.#handOut().then(first.resolve, first.reject)
  }

  /**
   * No more messages come.
   * @param {unknown} error why, if that is a failure
   */
  end(error) {
    if (this.#id !== 0) this.#connection.inboxes.delete(this.#id)
    this.#id = 0
    if (this.#isOver) return
    this.#error = error
    this.#over()
  }

  /**
   * It is not waited for any longer.
   * @param {unknown} error to be thrown
   */
  giveUp(error) {
    if (this.#isOver) return
    this.#error = error
    this.#over()
    void this.#leave()
  }

  #onAbort = () => void this.#finish()

  #over() {
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    // Who waits gets what came first.
    const waiting = this.#waiting.splice(this.#arrived.length)
    this.#connection.listen(-waiting.length)
    for (const { resolve, reject } of waiting) this.#sayOver().then(resolve, reject)
  }

  /** @returns {Promise<any>} */
  #sayOver() {
    const error = this.#error
    this.#error = null
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)
  }

  /** @returns {Promise<any>} */
  #handOut() {
    const { event, payload } = /** @type {{ event: Reply, payload: ArrayBuffer | null }} */ (this.#arrived.shift())
    this.#handed++
    try {
      return Promise.resolve({ done: false, value: this.#kind.make(event, decode(event, payload)) })
    } catch (error) {
      // A loop that is thrown out of does not come back to end it.
      void this.#finish()
      return Promise.reject(error)
    }
  }

  async #finish() {
    this.#arrived = []
    this.#error = null
    if (!this.#isOver) this.#over()
    await this.#leave()
  }

  async #leave() {
    if (this.#id === 0) return
    const id = this.#id
    this.end(null)
    await this.#connection.settle(`"action":"unsubscribe","subscription":${id}`)
  }

  #tellTaken() {
    const count = this.#untold
    this.#untold = 0
    if (this.#id !== 0) this.#connection.tell(`"action":"taken","subscription":${this.#id},"count":${count}`)
  }
}

module.exports = { Inbox }
