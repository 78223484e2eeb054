// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { heldLost } = require('./failures.js')
const { runFlow } = require('./flow.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */
/** @typedef {import('./connection/index.js').Reply} Reply */

const GONE = new Set(['closed', 'connection_closed', 'broker_unreachable'])

/**
 * What lines of work know of something held: whose it is, until it is released or lost. No more, so that they keep no client alive.
 * @typedef {{ token: number, holdings: InstanceType<typeof import('./connection/holdings.js').Holdings> | null }} Hold
 */

/** What one has by a token. */
class Held {
  #calls
  #session
  /** @type {Hold} */
  #hold
  /** Most never look at their signal. @type {AbortController | null} */
  #controller = null
  /** @type {InstanceType<typeof BrokerError> | null} */
  #lost = null

  /**
   * Made while the reply is read, so that it belongs to the session that was granted it.
   * @param {Calls} calls
   * @param {Record<string, any>} reply
   */
  constructor(calls, { token, waited = 0 }) {
    this.#calls = calls
    this.#session = calls.connection.holdings.session
    /** @type {number} */
    this.token = token
    this.waited = waited
    this.#hold = { token, holdings: null }
    this.#have()
  }

  get signal() {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#lost) this.#controller.abort(this.#lost)
    }
    return this.#controller.signal
  }

  release() {
    return this._end(releasing)
  }

  releaseSync() {
    return this._endSync(releasing)
  }

  async [Symbol.asyncDispose]() {
    await this.release()
  }

  /** Whether nothing is known of its end. */
  get _isHeld() {
    return this.#hold.holdings !== null
  }

  get _hold() {
    return this.#hold
  }

  /** Why it is not. */
  get _reason() {
    return this.#lost ?? notHeld()
  }

  /**
   * Asks for something that is done with the token.
   * @param {(calls: Calls, options: any, token: number) => Ask} make
   * @returns {Promise<any>}
   */
  async _use(make) {
    if (!this._isHeld) throw this._reason
    return this.#calls.ask(make, undefined, this.token)
  }

  /**
   * @param {(calls: Calls, options: any, token: number) => Ask} make
   * @returns {any}
   */
  _useSync(make) {
    if (!this._isHeld) throw this._reason
    return this.#calls.askSync(make, undefined, this.token)
  }

  /**
   * Asks for something that ends it.
   * @param {(calls: Calls, options: any, token: number) => Ask} make
   * @returns {Promise<any>} false when it was not held any more
   */
  _end(make) {
    if (!this.#letGo()) return Promise.resolve(false)
    return this.#calls.ask(make, undefined, this.token).catch(error => this.#stillHeld(error))
  }

  /**
   * @param {(calls: Calls, options: any, token: number) => Ask} make
   * @returns {any}
   */
  _endSync(make) {
    if (!this.#letGo()) return false
    try {
      return this.#calls.askSync(make, undefined, this.token)
    } catch (error) {
      return this.#stillHeld(error)
    }
  }

  #have() {
    const { holdings } = this.#calls.connection
    this.#hold.holdings = holdings
    holdings.add(this.token, reason => this.#lose(reason))
  }

  #letGo() {
    if (!this._isHeld) return false
    this.#hold.holdings = null
    this.#calls.connection.holdings.delete(this.token)
    return true
  }

  /**
   * After a request to end it failed.
   * @param {any} error
   */
  #stillHeld(error) {
    if (isGone(error)) {
      this.#lost = heldLost(error.message)
      return false
    }
    // Not answered, or refused: it may be asked again, or something else.
    if (error?.code !== 'not_held' && this.#session === this.#calls.connection.holdings.session) this.#have()
    throw error
  }

  /** @param {InstanceType<typeof BrokerError>} reason */
  #lose(reason) {
    this.#hold.holdings = null
    this.#lost = reason
    this.#controller?.abort(reason)
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {number} token
 * @returns {Ask}
 */
function releasing(_calls, _options, token) {
  return { label: 'release', body: releaseBody(token), decode: reply => reply.released }
}

/** @param {number} token */
function releaseBody(token) {
  return `"action":"release","token":${token}`
}

/**
 * For requests that grant one token: gives it back.
 * @param {Reply} reply
 */
function giveBack({ token }) {
  return typeof token === 'number' ? [releaseBody(token)] : []
}

/**
 * Whether a request failed because the connection is gone, and what was held with it.
 * @param {any} error
 */
function isGone(error) {
  return GONE.has(error?.code)
}

function notHeld() {
  return new BrokerError('not_held', 'it was released already')
}

/**
 * Runs a function while something is held. Its outcome counts, whatever comes of the release.
 * @template {Held} H
 * @param {H} held
 * @param {(held: H) => any} fn
 * @param {InstanceType<typeof import('./flow.js').Flow>} flow the line of work that it is
 */
async function holding(held, fn, flow) {
  flow.keep(held)
  try {
    return await runFlow(flow, () => fn(held))
  } finally {
    await held.release().catch(() => false)
  }
}

/**
 * @param {unknown} fn
 * @param {string} what
 */
function requireFunction(fn, what) {
  if (typeof fn !== 'function') throw new BrokerError('invalid_option', `${what} takes a function, not ${show(fn)}`)
}

module.exports = { Held, releaseBody, giveBack, holding, isGone, requireFunction }
