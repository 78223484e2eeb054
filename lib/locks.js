// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { forkFlow } = require('./flow.js')
const { Held, giveBack, holding, isGone, releaseBody, requireFunction } = require('./held.js')
const { keyText } = require('./operations.js')
const { kinds } = require('./options.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */

class Lock extends Held {
  /**
   * @param {Calls} calls
   * @param {import('./connection/index.js').Reply} reply
   * @param {string} name
   * @param {boolean} shared
   */
  constructor(calls, reply, name, shared) {
    super(calls, reply)
    this.name = name
    this.shared = shared
  }
}

class Permits extends Held {
  #amount

  /**
   * @param {Calls} calls
   * @param {import('./connection/index.js').Reply} reply
   * @param {string} name
   * @param {number} amount
   */
  constructor(calls, reply, name, amount) {
    super(calls, reply)
    this.name = name
    this.#amount = amount
  }

  get amount() {
    return this._isHeld ? this.#amount : 0
  }

  /** @param {number} [amount] */
  async release(amount) {
    if (!this.#divide(amount)) return super.release()
    try {
      return await this._use(part(amount))
    } catch (error) {
      return this.#undivide(amount, error)
    }
  }

  /** @param {number} [amount] */
  releaseSync(amount) {
    if (!this.#divide(amount)) return super.releaseSync()
    try {
      return this._useSync(part(amount))
    } catch (error) {
      return this.#undivide(amount, error)
    }
  }

  /**
   * Takes a part off; false when it is all of them.
   * @param {number | undefined} amount
   * @returns {amount is number}
   */
  #divide(amount) {
    if (amount === undefined || !this._isHeld) return false
    if (!Number.isInteger(amount) || amount < 1 || amount > this.amount) {
      throw new BrokerError('invalid_option', `of ${this.amount} permits 1 to ${this.amount} can be released, not ${show(amount)}`)
    }
    if (amount === this.amount) return false
    this.#amount -= amount
    return true
  }

  /**
   * @param {number} amount
   * @param {unknown} error
   */
  #undivide(amount, error) {
    if (isGone(error)) return false
    this.#amount += amount
    throw error
  }
}

/**
 * @param {Calls} calls
 * @param {{ shared?: boolean }} options
 * @param {string} name
 * @returns {Ask}
 */
function lock(calls, { shared = false }, name) {
  if (!kinds.flag.check(shared)) throw new BrokerError('invalid_option', `shared of a lock must be true or false, not ${show(shared)}`)
  return {
    label: `lock ${show(name)}`,
    body: `"action":"lock","name":${keyText(name, "a lock's name")}${shared ? ',"shared":true' : ''}`,
    decode: reply => new Lock(calls, reply, name, shared),
    waits: 'wait',
    competes: true,
    undo: giveBack,
    members: ['shared']
  }
}

/**
 * With `wait: 0`: null where there was nothing to have.
 * @param {(calls: Calls, options: any, ...args: any[]) => Ask} make
 * @returns {(calls: Calls, options: any, ...args: any[]) => Ask}
 */
function orNull(make) {
  return (calls, options, ...args) => ({
    ...make(calls, options, ...args),
    refused: ({ error }) => (error === 'timeout' ? null : undefined)
  })
}

const lockOrNull = orNull(lock)

/**
 * @param {Calls} calls
 * @param {any} options
 * @param {string} name
 */
function tryLock(calls, options, name) {
  return calls.hold(lockOrNull, { ...options, wait: 0 }, name)
}

/**
 * @param {Calls} calls
 * @param {string} name
 * @param {any} options
 * @param {any} fn
 */
async function withLock(calls, name, options, fn) {
  if (fn === undefined && typeof options === 'function') [options, fn] = [undefined, options]
  requireFunction(fn, 'withLock')
  const flow = forkFlow()
  return holding(await calls.ask(lock, options, name), fn, flow)
}

/**
 * @param {Calls} calls
 * @param {{ amount?: number }} options
 * @param {{ name: string, permits: number }} semaphore
 * @returns {Ask}
 */
function permits(calls, { amount = 1 }, { name, permits }) {
  if (!Number.isInteger(amount) || amount < 1 || amount > permits) {
    throw new BrokerError(
      'invalid_option',
      `amount of semaphore ${show(name)} must be a whole number from 1 to ${permits}, not ${show(amount)}`
    )
  }
  return {
    label: `semaphore ${show(name)}`,
    body: `"action":"semaphore","name":${keyText(name)},"permits":${permits},"amount":${amount}`,
    decode: reply => new Permits(calls, reply, name, amount),
    waits: 'wait',
    competes: true,
    undo: giveBack,
    members: ['amount']
  }
}

const permitsOrNull = orNull(permits)

class Semaphore {
  #calls

  /**
   * @param {Calls} calls
   * @param {string} name
   * @param {number} permits
   */
  constructor(calls, name, permits) {
    keyText(name, "a semaphore's name")
    if (!kinds.number.check(permits)) {
      throw new BrokerError('invalid_option', `permits of semaphore ${show(name)} must be ${kinds.number.allowed}, not ${show(permits)}`)
    }
    this.#calls = calls
    this.name = name
    this.permits = permits
  }

  /** @param {any} [options] */
  acquire(options) {
    return this.#calls.hold(permits, options, this)
  }

  /** @param {any} [options] */
  acquireSync(options) {
    return this.#calls.holdSync(permits, options, this)
  }

  /** @param {any} [options] */
  tryAcquire(options) {
    return this.#calls.hold(permitsOrNull, { ...options, wait: 0 }, this)
  }

  /**
   * @param {(held: any) => any} fn
   * @param {any} [options]
   */
  async with(fn, options) {
    requireFunction(fn, 'with')
    const flow = forkFlow()
    return holding(await this.#calls.ask(permits, options, this), fn, flow)
  }
}

/** @param {number} amount */
function part(amount) {
  return (/** @type {Calls} */ _calls, /** @type {unknown} */ _options, /** @type {number} */ token) => ({
    label: 'release',
    body: `${releaseBody(token)},"amount":${amount}`,
    decode: (/** @type {import('./connection/index.js').Reply} */ reply) => reply.released
  })
}

module.exports = { lock, tryLock, withLock, Semaphore }
