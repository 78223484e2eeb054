// @ts-check
'use strict'

const { Connection } = require('./connection/index.js')
const { BrokerError, show } = require('./errors.js')
const { currentFlow, enterFlow } = require('./flow.js')
const { kinds } = require('./options.js')

/** @typedef {import('./operations.js').Operation} Operation */
/** @typedef {import('./connection/index.js').Reply} Reply */

/**
 * @typedef {{ timeout?: number, signal?: AbortSignal, wait?: number }} Options what a request is given
 */

/**
 * A request of a coordination primitive.
 * - `label`: what it is, for logs; never a value.
 * - `waits`: it may have to wait, and for how long where its options do not say: the client's `wait`, or no longer than any request.
 * - `competes`: it is for what others may have, who may wait for what this one has.
 * - `undo`: what to send when its reply comes although it was given up. Having one, it is cancelled with the broker.
 * - `payload`: bytes that follow the request.
 * - `refused`: what an error reply means, if it is no error.
 * - `byHand`: what it grants is kept until it is given back by hand, though it is not asked for with `hold`.
 * - `members`: the options there are beside those of every request; absent: not looked at.
 * @typedef {{
 *   label: string,
 *   body: string | ((broker: Record<string, any>, wishes: any) => string),
 *   decode: (reply: Reply, subject?: any, broker?: any) => any,
 *   waits?: 'wait' | 'timeout',
 *   competes?: boolean,
 *   undo?: (reply: Reply) => string[],
 *   payload?: Uint8Array,
 *   refused?: (reply: Reply) => any,
 *   byHand?: boolean,
 *   members?: readonly string[]
 * }} Ask
 */

/** What is known of a request beyond a plain one. `patience`: how long after it was sent, in ms; 0: as before, -1: for ever. */
/** @typedef {{ label: string, patience: number, competes?: boolean, undo?: Ask['undo'], payload?: Uint8Array, refused?: Ask['refused'] }} More */

/** From here on a time is as good as none; numbers below are the cheap ones. */
const FOREVER = 2 ** 30

/** A client's way of asking. */
class Calls {
  #connection
  #timeout
  #wait
  /**
   * What is to be told of grants that are given back by hand. Asked when they are asked for, told with their replies.
   * @type {(() => { granted: (token: number) => void } | null) | null}
   */
  taker = null

  /**
   * @param {import('./connection/index.js').Settings} settings
   * @param {number} wait
   */
  constructor(settings, wait) {
    this.pipe = settings.pipe
    this.#connection = new Connection(settings)
    this.#timeout = settings.timeout
    this.#wait = wait
  }

  /** How long to wait for what others do, in ms, where it is not said. */
  get wait() {
    return this.#wait
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
    return this.#ask(make, options, args)
  }

  /**
   * The same for what the line of work holds from then on. To be called where the user's own call has not been left yet.
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @returns {Promise<any>}
   */
  hold(make, options, ...args) {
    return this.#ask(make, options, args, enterFlow())
  }

  /**
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @returns {any}
   */
  askSync(make, options, ...args) {
    return this.#askSync(make, options, args)
  }

  /**
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @returns {any}
   */
  holdSync(make, options, ...args) {
    const flow = enterFlow()
    return flow.keep(this.#askSync(make, options, args, true), this.#connection.holdings)
  }

  /**
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @param {boolean} [byHand]
   * @returns {any}
   */
  #askSync(make, options, args, byHand) {
    const given = checked(options ?? {})
    const ask = make(this, given, ...args)
    // The thread stands still: whatever is held here is not released meanwhile.
    const { body, timeout, more } = this.#prepare(ask, given, this.#connection.holdings.tokens())
    return this.#connection.requestSync(body, this.#told(ask.decode, byHand || ask.byHand), undefined, timeout, more)
  }

  /**
   * @template {any[]} A
   * @param {(calls: Calls, options: any, ...args: A) => Ask} make
   * @param {any} options
   * @param {A} args
   * @param {InstanceType<typeof import('./flow.js').Flow>} [holder] what is to keep what is granted
   * @returns {Promise<any>}
   */
  #ask(make, options, args, holder) {
    try {
      const given = checked(options ?? {})
      const ask = make(this, given, ...args)
      const { holdings } = this.#connection
      if (ask.competes && this.#connection.competing > 0) holdings.share()
      const flow = currentFlow()
      const isKnown = flow !== undefined && !(flow === holder && flow.isFirst)
      const within = isKnown ? flow.tokens(holdings) : holdings.suspected()
      const { body, timeout, more } = this.#prepare(ask, given, within, !isKnown && within.length > 0)
      const decode = this.#told(ask.decode, holder !== undefined || ask.byHand)
      // With the reply, not with its promise: whoever is told of the grant asks as one that has it.
      const kept = holder ? (/** @type {[Reply, any, any]} */ ...reply) => holder.keep(decode(...reply), holdings) : decode
      return this.#connection.request(body, kept, undefined, timeout, given.signal, more)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {Ask['decode']} decode
   * @param {boolean | undefined} byHand
   * @returns {Ask['decode']}
   */
  #told(decode, byHand) {
    const taker = byHand ? this.taker?.() : null
    if (!taker) return decode
    return (reply, ...more) => {
      const granted = decode(reply, ...more)
      for (const { token } of reply.leases ?? [reply]) if (typeof token === 'number') taker.granted(token)
      return granted
    }
  }

  /**
   * @param {Ask} ask
   * @param {Options} options
   * @param {number[]} within what the line of work that asks holds
   * @param {boolean} [unsure] whether that is only what it may hold
   */
  #prepare({ label, body, waits, competes, undo, payload, refused, members }, options, within, unsure = false) {
    if (members) checkMembers(label, options, waits ? [...members, 'wait'] : members)
    const { timeout = this.#timeout } = options
    /** @type {More} */
    const more = { label, patience: 0, competes, undo, payload, refused }
    if (waits) {
      const { wait = waits === 'timeout' ? timeout : (options.timeout ?? this.#wait) } = options
      // The broker's answer, which says who is in the way, comes before this side's.
      more.patience = wait + timeout < FOREVER ? Math.max(Math.ceil(wait + timeout), 1) : -1
      if (wait !== Infinity) body += `,"wait":${wait}`
      // By which the broker tells lines of work apart, when it looks for those that wait for each other.
      body += `,"within":[${within.join(',')}]${unsure ? ',"unsure":true' : ''}`
    }
    return { body, timeout, more }
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

/** What every request takes. */
const COMMON = ['timeout', 'signal']

/**
 * @param {string} owner for messages
 * @param {unknown} options
 * @param {readonly string[]} members the options there are beside those of every request
 */
function checkMembers(owner, options, members) {
  for (const name of Object.keys(options ?? {})) {
    if (members.includes(name) || COMMON.includes(name)) continue
    const known = [...members, ...COMMON].join(', ')
    throw new BrokerError('invalid_option', `${owner} has no option ${show(name)}; there are ${known}`, { details: { option: name } })
  }
}

/**
 * @param {string} option
 * @param {string} allowed
 * @param {unknown} value
 */
function wrong(option, allowed, value) {
  return new BrokerError('invalid_option', `${option} of a request must be ${allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { Calls, checkMembers, wrong }
