// @ts-check
'use strict'

const { Connection } = require('./connection.js')
const { BrokerError, show } = require('./errors.js')
const { withinText } = require('./making.js')
const { kinds } = require('./options.js')

/** @typedef {import('./operations.js').Operation} Operation */
/** @typedef {import('./connection.js').Reply} Reply */

/**
 * @typedef {{ timeout?: number, signal?: AbortSignal, wait?: number }} Options what a request is given
 */

/**
 * A request of a coordination primitive.
 * - `label`: what it is, for logs; never a value.
 * - `waits`: it may have to wait, and for how long where its options do not say: the client's `wait`, or no longer than any request.
 * - `undo`: what to send when its reply comes although it was given up. Having one, it is cancelled with the broker.
 * - `refused`: what an error reply means, if it is no error.
 * @typedef {{
 *   label: string,
 *   body: string | ((broker: Record<string, any>, wishes: any) => string),
 *   decode: (reply: Reply, subject?: any, broker?: any) => any,
 *   waits?: 'wait' | 'timeout',
 *   undo?: (reply: Reply) => string[],
 *   refused?: (reply: Reply) => any
 * }} Ask
 */

/** What is known of a request beyond a plain one. `patience`: how long after it was sent, in ms; 0: as before, -1: for ever. */
/** @typedef {{ label: string, patience: number, undo?: Ask['undo'], refused?: Ask['refused'] }} More */

/** From here on a time is as good as none; numbers below are the cheap ones. */
const FOREVER = 2 ** 30

/** A client's way of asking. */
class Calls {
  #connection
  #timeout
  #wait

  /**
   * @param {import('./connection.js').Settings} settings
   * @param {number} wait
   */
  constructor(settings, wait) {
    this.pipe = settings.pipe
    this.#connection = new Connection(settings)
    this.#timeout = settings.timeout
    this.#wait = wait
  }

  get connection() {
    return this.#connection
  }

  /**
   * A plain operation.
   * @param {Operation} operation
   * @param {Options | null | undefined} options
   * @param {any} [a] the operation's arguments; the first is its subject
   * @param {any} [b]
   * @param {any} [c]
   * @returns {Promise<any>}
   */
  call({ encode, decode }, options, a, b, c) {
    try {
      const body = encode(a, b, c)
      if (options === undefined || options === null) return this.#connection.request(body, decode, a, this.#timeout)
      const { timeout = this.#timeout, signal } = checked(options)
      return this.#connection.request(body, decode, a, timeout, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {Operation} operation
   * @param {Options | null | undefined} options
   * @param {any} [a]
   * @param {any} [b]
   * @param {any} [c]
   * @returns {any}
   */
  callSync({ encode, decode }, options, a, b, c) {
    const body = encode(a, b, c)
    const { timeout = this.#timeout } = checked(options ?? {})
    return this.#connection.requestSync(body, decode, a, timeout)
  }

  /**
   * A primitive's request, as `make` makes it of the arguments.
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @returns {Promise<any>}
   */
  ask(make, options, ...args) {
    try {
      const given = checked(options ?? {})
      const { body, decode, timeout, more } = this.#prepare(make(this, given, ...args), given)
      return this.#connection.request(body, decode, undefined, timeout, given.signal, more)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @returns {any}
   */
  askSync(make, options, ...args) {
    const given = checked(options ?? {})
    const { body, decode, timeout, more } = this.#prepare(make(this, given, ...args), given)
    return this.#connection.requestSync(body, decode, undefined, timeout, more)
  }

  /**
   * @param {Ask} ask
   * @param {Options} options
   */
  #prepare({ label, body, decode, waits, undo, refused }, options) {
    const { timeout = this.#timeout } = options
    /** @type {More} */
    const more = { label, patience: 0, undo, refused }
    if (waits) {
      const { wait = waits === 'timeout' ? timeout : (options.timeout ?? this.#wait) } = options
      // The broker's answer, which says who is in the way, comes before this side's.
      more.patience = wait + timeout < FOREVER ? Math.max(Math.ceil(wait + timeout), 1) : -1
      if (wait !== Infinity) body += `,"wait":${wait}`
      // By which the broker tells lines of work apart, when it looks for those that wait for each other.
      body += `,"seen":${this.#connection.holdings.seen}${withinText(this.pipe)}`
    }
    return { body, decode, timeout, more }
  }
}

/**
 * @param {Options} options
 * @returns {Options}
 */
function checked(options) {
  if (typeof options !== 'object') throw new BrokerError('invalid_option', `a request takes an object of options, not ${show(options)}`)
  const { timeout, signal, wait } = options
  if (timeout !== undefined && !kinds.timeout.check(timeout)) throw wrong('timeout', kinds.timeout.allowed, timeout)
  if (wait !== undefined && !kinds.wait.check(wait)) throw wrong('wait', kinds.wait.allowed, wait)
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') throw wrong('signal', 'an AbortSignal', signal)
  return options
}

/**
 * @param {string} option
 * @param {string} allowed
 * @param {unknown} value
 */
function wrong(option, allowed, value) {
  return new BrokerError('invalid_option', `${option} of a request must be ${allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { Calls, wrong }
