// @ts-check
'use strict'

const { show } = require('../errors.js')
const { counterOf } = require('./counter.js')
const { SemaphoreDownError } = require('./errors.js')
const { checkId } = require('./names.js')
const { letGo, worker } = require('./worker.js')

/** @typedef {import('../../cooperate.js').SharedContext} SharedContext */
/** @typedef {InstanceType<typeof import('./counter.js').Counter>} Counter */
/** @typedef {Awaited<ReturnType<Counter['hold']>>} Hold */

class ManagedSemaphore {
  #context

  /**
   * @param {SharedContext} context
   * @param {string} id
   * @param {number} initialValue
   */
  constructor(context, id, initialValue) {
    checkId(id, 'a semaphore')
    checkAmount(initialValue, 'initialValue')
    this.#context = context
    this.id = id
    this.initialValue = initialValue
  }

  async acquire(amount = 1) {
    checkAmount(amount, 'amount')
    const counter = await this.#counter()
    if (amount > this.initialValue) {
      const text = `amount must be a whole number from 0 to the semaphore's initial value, ${this.initialValue}, not ${amount}: as much is never there`
      throw new RangeError(text)
    }
    const hold = await holding(counter, true, hold => counter.takeInTurn(amount, hold))
    return releaser(counter, hold, amount)
  }

  async acquireNow(amount = 1) {
    checkAmount(amount, 'amount')
    const counter = await this.#counter()
    const hold = await holding(counter, false, async hold => {
      if (!(await counter.take(amount, hold))) throw new SemaphoreDownError(this.id, amount)
    })
    return releaser(counter, hold, amount)
  }

  #counter() {
    return defined(this.#context, this.id, { initialValue: this.initialValue, managed: true })
  }
}

class UnmanagedSemaphore {
  #context

  /**
   * @param {SharedContext} context
   * @param {string} id
   * @param {number} initialValue
   */
  constructor(context, id, initialValue) {
    checkId(id, 'a semaphore')
    checkAmount(initialValue, 'initialValue')
    this.#context = context
    this.id = id
    this.initialValue = initialValue
  }

  async down(amount = 1) {
    checkAmount(amount, 'amount')
    const counter = await this.#counter()
    const hold = await holding(counter, true, async hold => {
      if (await counter.takeInTurn(amount, hold)) await counter.keep(hold)
    })
    letGo(hold.lock)
  }

  async downNow(amount = 1) {
    checkAmount(amount, 'amount')
    const counter = await this.#counter()
    if (!(await counter.take(amount))) throw new SemaphoreDownError(this.id, amount)
  }

  async up(amount = 1) {
    checkAmount(amount, 'amount')
    const counter = await this.#counter()
    await counter.add(amount)
  }

  #counter() {
    return defined(this.#context, this.id, { initialValue: this.initialValue, managed: false })
  }
}

/**
 * @param {SharedContext} context
 * @param {string} id
 * @param {import('./errors.js').Definition} definition
 */
async function defined(context, id, definition) {
  const counter = counterOf(worker(), context.id, id, definition)
  await counter.define()
  return counter
}

/**
 * Takes something with a name to hold it by.
 * @param {Counter} counter
 * @param {boolean} mayWait
 * @param {(hold: Hold) => Promise<unknown>} take
 */
async function holding(counter, mayWait, take) {
  const hold = await counter.hold(mayWait)
  try {
    await take(hold)
  } catch (error) {
    void counter.giveBack(hold)
    throw error
  }
  return hold
}

/**
 * What gives back all of an amount or, called several times, parts of it.
 * @param {Counter} counter
 * @param {Hold} hold
 * @param {number} held
 */
function releaser(counter, hold, held) {
  if (held === 0) void counter.giveBack(hold)
  return (amount = held) => {
    if (!isAmount(amount) || amount > held) {
      throw new RangeError(`the amount to release must be a whole number from 0 to what is still held, ${held}, not ${show(amount)}`)
    }
    if (amount === 0) return
    held -= amount
    void counter.giveBack(hold, held)
  }
}

/** @param {unknown} value */
function isAmount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function checkAmount(value, what) {
  if (!isAmount(value)) throw new RangeError(`${what} must be a whole number from 0 to 2^53 - 1, not ${show(value)}`)
}

module.exports = { ManagedSemaphore, UnmanagedSemaphore }
