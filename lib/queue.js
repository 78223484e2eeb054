// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { Held, giveBack } = require('./held.js')
const { Iteration } = require('./iteration.js')
const { keyText, valueText } = require('./operations.js')
const { kinds } = require('./options.js')
const { reasonText } = require('./reason.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */

class Job extends Held {
  /**
   * @param {Calls} calls
   * @param {import('./connection/index.js').Reply} reply
   */
  constructor(calls, reply) {
    super(calls, reply)
    this.value = reply.item
    this.attempt = reply.attempt
  }

  ack() {
    return this._end(acking)
  }

  /** @param {unknown} [reason] */
  nack(reason) {
    return this._end((_calls, _options, token) => ({
      label: 'nack',
      body: `"action":"nack","token":${token}${reason === undefined ? '' : `,"reason":${reasonText(reason)}`}`,
      decode: reply => reply.nacked
    }))
  }
}

class Queue {
  #calls
  #maxAttempts

  /**
   * @param {Calls} calls
   * @param {string} name
   * @param {{ maxAttempts?: number }} [options]
   */
  constructor(calls, name, options) {
    keyText(name, "a queue's name")
    for (const option of Object.keys(options ?? {})) {
      if (option !== 'maxAttempts') {
        throw new BrokerError('invalid_option', `queue ${show(name)} has no option ${show(option)}; there is maxAttempts`, {
          details: { option }
        })
      }
    }
    const { maxAttempts } = options ?? {}
    if (maxAttempts !== undefined && !kinds.number.check(maxAttempts)) {
      throw new BrokerError(
        'invalid_option',
        `maxAttempts of queue ${show(name)} must be ${kinds.number.allowed}, not ${show(maxAttempts)}`
      )
    }
    this.#calls = calls
    this.#maxAttempts = maxAttempts
    this.name = name
  }

  /** @param {unknown[]} items */
  push(...items) {
    return this.#calls.ask(push, undefined, this.name, items, this.#maxAttempts)
  }

  /** @param {any} [options] */
  take(options) {
    return this.#calls.ask(take, options, this.name, false)
  }

  /** @param {any} [options] */
  done(options) {
    return this.#calls.ask(done, options, this.name)
  }

  [Symbol.asyncIterator]() {
    /** @type {Job | null} */
    let job = null
    return new Iteration(
      async signal => {
        await job?.ack()
        job = null
        job = await this.#calls.ask(take, { signal, wait: Infinity }, this.name, true)
        return job === null ? { done: true } : { value: job }
      },
      undefined,
      async () => job?.release().catch(() => false)
    )
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @param {unknown[]} items
 * @param {number} [maxAttempts]
 * @returns {Ask}
 */
function push(_calls, _options, name, items, maxAttempts) {
  const texts = items.map(item => valueText(name, item))
  const attempts = maxAttempts === undefined ? '' : `,"maxAttempts":${maxAttempts}`
  return {
    label: `push ${show(name)}`,
    body: `"action":"push","queue":${keyText(name)},"items":[${texts.join(',')}]${attempts}`,
    decode: reply => reply.length
  }
}

/**
 * @param {Calls} calls
 * @param {unknown} _options
 * @param {string} name
 * @param {boolean} untilDone
 * @returns {Ask}
 */
function take(calls, _options, name, untilDone) {
  return {
    label: `take ${show(name)}`,
    body: `"action":"take","queue":${keyText(name)}${untilDone ? ',"untilDone":true' : ''}`,
    decode: reply => (reply.none || reply.done ? null : new Job(calls, reply)),
    waits: 'wait',
    undo: giveBack,
    byHand: true,
    members: []
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @returns {Ask}
 */
function done(_calls, _options, name) {
  return {
    label: `done ${show(name)}`,
    body: `"action":"done","queue":${keyText(name)}`,
    decode: ({ acked, failures }) => ({
      acked,
      failures: failures.map((/** @type {any} */ { item, ...rest }) => ({ value: item, ...rest }))
    }),
    waits: 'wait',
    undo: () => [],
    members: []
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {number} token
 * @returns {Ask}
 */
function acking(_calls, _options, token) {
  return { label: 'ack', body: `"action":"ack","token":${token}`, decode: reply => reply.acked }
}

module.exports = { Queue }
