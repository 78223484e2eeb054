// @ts-check
'use strict'

// Taken now, before a test replaces the clock.
const { setTimeout, clearTimeout } = require('node:timers')
const failures = require('../failures.js')
const native = require('../native.js')
const { Holdings } = require('./holdings.js')
const { Inboxes } = require('./inboxes.js')
const { Link } = require('./link.js')
const { LONG, NEVER, Pending } = require('./pending.js')
const { Requests } = require('./requests.js')

/**
 * What a request comes to: its reply, as the broker sent it.
 * @typedef {Record<string, any> & { id?: number, ok: boolean, error?: string, message?: string }} Reply
 */

/** @typedef {InstanceType<typeof Pending>} Request */

/**
 * How to reach a broker.
 * @typedef {{ pipe: string, name: string, timeout: number, secret: string | null, debug: boolean, wishes: import('../operations.js').Wishes }} Settings
 */

/**
 * One connection, many requests on it. It connects with the first of them, and again after it was lost.
 *
 * A request is a `Pending`. `Requests` has all that are under way, and gives up those whose time is over. What they send gathers in the link's `Outbox` until
 * the tick ends. The `Link` finds a broker (`dial`), greets it (`handshake`), and hands on what it says: replies to the requests, the loss of what was
 * granted to `Holdings`, messages to `Inboxes`.
 */
class Connection {
  #settings
  #link
  #requests
  /** How many wait for a message. */
  #listening = 0
  /** @type {Promise<void> | null} */
  #closing = null
  /** Takes no requests any more. */
  #leaving = false
  /** What was granted. */
  holdings = new Holdings(this)
  /** Who gets the messages that come. */
  inboxes = new Inboxes()

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings
    this.#link = new Link(settings, {
      isAwaited: () => this.#requests.size > 0 || this.#listening > 0,
      opened: () => this.#requests.sendAll(),
      replied: (reply, payload) => this.#requests.settle(reply) || this.#onEvent(reply, payload),
      ended: why => this.#end('idle', why)
    })
    this.#requests = new Requests(settings, this.#link)
  }

  /** How many of the requests under way are for what others may have. */
  get competing() {
    return this.#requests.competing
  }

  get open() {
    return this.#link.phase === 'open'
  }

  /**
   * Sends a request. `body` and `decode` are an operation's.
   * @param {Request['body']} body
   * @param {Request['decode']} decode
   * @param {unknown} subject
   * @param {number} timeout
   * @param {AbortSignal} [signal]
   * @param {import('../calls.js').More | null} [more]
   * @returns {Promise<any>}
   */
  request(body, decode, subject, timeout, signal, more = null) {
    // The collector is what limits the rate: no function is made for a request but the two that a promise needs.
    const promise = new Promise(capture)
    const pending = new Pending(body, decode, subject, timeout, more)
    pending.resolve = captured.resolve
    pending.reject = captured.reject
    this.#ask(pending, signal)
    return promise
  }

  /**
   * Sends a request and blocks until it has come to something.
   * @param {Request['body']} body
   * @param {Request['decode']} decode
   * @param {unknown} subject
   * @param {number} timeout
   * @param {import('../calls.js').More | null} [more]
   * @returns {any}
   */
  requestSync(body, decode, subject, timeout, more = null) {
    const pending = new Pending(body, decode, subject, timeout, more)
    /** @type {{ value?: any, error?: unknown } | undefined} */
    let outcome
    pending.resolve = value => (outcome = { value })
    pending.reject = error => (outcome = { error })
    this.#ask(pending)
    while (!outcome) this.#advance(pending)
    if ('error' in outcome) this.#link.flush()
    this.#link.setAwaiting()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /**
   * Says what this worker does now: with what is sent next, and to each broker that it connects to later.
   * @param {unknown} text
   */
  describe(text) {
    this.#requests.describe(text)
  }

  /**
   * Says that so many more wait for a message, or fewer: meanwhile the process goes on.
   * @param {number} more
   */
  listen(more) {
    this.#listening += more
    this.#link.setAwaiting()
  }

  /**
   * Sends what nobody waits for, if there is a broker to send it to.
   * @param {string} body
   */
  tell(body) {
    if (this.open) this.#requests.tell(body)
  }

  /**
   * The same, and waits until it is done, or cannot be any more.
   * @param {string} body
   */
  async settle(body) {
    if (!this.open || this.#leaving) return
    await this.request(body, () => undefined, undefined, this.#settings.timeout).catch(() => undefined)
  }

  /**
   * Calls a function after so many ms.
   * @param {number} ms
   * @param {() => void} fn
   * @returns {() => void} says that it need not be called
   */
  after(ms, fn) {
    if (ms >= LONG) return () => {}
    const timer = setTimeout(fn, Math.max(ms, 0))
    return () => clearTimeout(timer)
  }

  /** Takes leave of the broker, and gives up what is under way. */
  close() {
    this.#closing ??= this.#leave()
    return this.#closing
  }

  async #leave() {
    if (this.#link.phase === 'closed') return
    this.#leaving = true
    const open = this.open && !this.#link.plain
    for (const pending of this.#requests.takeAll()) pending.reject(failures.closed())
    if (open) await this.#bye()
    this.#end('closed', failures.closed)
  }

  /** @returns {Promise<void>} settles when the broker has taken leave, or cannot any more */
  #bye() {
    const left = new Promise(settle => {
      const bye = new Pending('"action":"bye"', () => undefined, undefined, this.#settings.timeout, null)
      bye.resolve = bye.reject = () => settle(undefined)
      this.#requests.add(bye)
    })
    this.#link.flush()
    return left
  }

  /**
   * @param {Request} pending
   * @param {AbortSignal} [signal]
   */
  #ask(pending, signal) {
    if (this.#leaving) return pending.reject(failures.closed())
    if (signal?.aborted) return pending.reject(failures.aborted(signal))
    this.#requests.add(pending, signal)
  }

  /**
   * A blocking request's step: whatever brings it further.
   * @param {Request} pending
   */
  #advance(pending) {
    const left = pending.deadline === NEVER ? LONG : pending.deadline - native.now()
    if (left <= 0) return this.#requests.timeOut(pending)
    if (this.#link.phase === 'seeking') return this.#link.seekSync(left)
    this.#link.flush()
    this.#link.receiveSync(left)
  }

  /**
   * What is no reply.
   * @param {Reply} reply
   * @param {ArrayBuffer | null} payload
   */
  #onEvent(reply, payload) {
    const isEvent = reply.id === undefined && typeof reply.event === 'string'
    if (!isEvent) this.#link.break(failures.unasked(this.#settings.pipe, reply.message))
    else if (reply.event === 'message') this.inboxes.take(reply, payload)
    else if (reply.event === 'ended') this.inboxes.finish(reply)
    else if (reply.event === 'lost') this.holdings.lose(reply.token, failures.heldLost(reply.message))
  }

  /**
   * @param {'idle' | 'closed'} phase
   * @param {(sent: boolean) => InstanceType<typeof import('../errors.js').BrokerError>} why of a request that was sent, or was not
   */
  #end(phase, why) {
    const given = this.#requests.end()
    this.#link.disconnect(phase)
    for (const pending of given) pending.reject(why(pending.sent))
    // Last: who hears of it may ask again at once.
    const text = this.#leaving ? 'this client was closed' : 'the connection to the broker has ended'
    this.holdings.loseAll(() => failures.heldLost(text))
    this.inboxes.finishAll(() => (this.#leaving ? null : failures.subscriptionLost()))
  }
}

/** Where `capture` leaves what a promise was given. */
const captured = { resolve: (/** @type {any} */ _value) => {}, reject: (/** @type {unknown} */ _error) => {} }

/**
 * @param {(value: any) => void} resolve
 * @param {(error: unknown) => void} reject
 */
function capture(resolve, reject) {
  captured.resolve = resolve
  captured.reject = reject
}

module.exports = { Connection }
