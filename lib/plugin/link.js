// @ts-check
'use strict'

const { clearTimeout, setTimeout } = require('node:timers')
const { BrokerError } = require('../errors.js')
const { Channel } = require('../shared-workers/channel.js')
const { revive } = require('../shared-workers/failure.js')
const { TYPES } = require('../shared-workers/frames.js')
const { deserialize } = require('../structured-clone.js')
const { connect } = require('./connect.js')

/** @typedef {InstanceType<typeof import('../client.js').Client>} Client */

/** How long a program may take to read the last messages, in ms. */
const MOST_TO_TAKE = 5000
/** How often a program may close the connection before it is available, unless it has failed. */
const MOST_ATTEMPTS = 50
/** Between these, in ms. */
const PAUSE = 20

/**
 * @typedef {object} Handlers
 * @property {(instance: string) => void} onReady the program is available, by its id
 * @property {(number: number, replyTo: number, data: Buffer) => void} onMessage in a turn of its own
 * @property {(error: Error | undefined) => void} onLost once, unless it was detached: the program is gone, with its error where it is known
 */

/** The way from a test worker to a program. */
class Link {
  #filename
  #handlers
  /** @type {InstanceType<typeof Channel> | null} */
  #channel = null
  /** How many want the process to stay for what comes. */
  #holds = 0
  #ready = false
  #attempts = 0
  #detached = false
  #lost = false

  /**
   * @param {string} filename
   * @param {Handlers} handlers
   */
  constructor(filename, handlers) {
    this.#filename = filename
    this.#handlers = handlers
  }

  /**
   * Keeps the process until the program is available, or is not going to be.
   * @param {Client} client
   * @param {Uint8Array} hello
   * @param {string} [instance] the one that closed the connection before
   */
  async open(client, hello, instance) {
    try {
      const { socket, place } = await connect(client, this.#filename, instance)
      if (this.#detached) return void socket.destroy()
      /** @type {Error | undefined} */
      let error
      this.#channel = new Channel(socket, {
        onFrame: (type, body) => {
          if (type === TYPES.ready) this.#onReady(place.instance)
          else if (type === TYPES.crashed) error = revive(deserialize(body))
        },
        onMessage: this.#handlers.onMessage,
        onClose: () => this.#onClose(() => this.open(client, hello, place.instance), error)
      })
      this.hold(1)
      this.#channel.outbox.frame(TYPES.token, Buffer.from(place.token, 'hex'))
      this.#channel.outbox.frame(TYPES.hello, hello)
    } catch (error) {
      this.#lose(failureIn(error))
    }
  }

  /**
   * @param {number} number
   * @param {number} replyTo
   * @param {string | Uint8Array} data
   */
  send(number, replyTo, data) {
    if (this.#channel?.open) this.#channel.outbox.message(number, replyTo, data)
  }

  /** @param {number} count so many more, or fewer, want the process to stay */
  hold(count) {
    const held = this.#holds > 0
    this.#holds += count
    if (!this.#detached && held !== this.#holds > 0) this.#channel?.hold(this.#holds > 0)
  }

  /**
   * Takes leave, after all that was published.
   * @param {number} finished ms that the program's teardowns for this test worker are waited for
   * @returns {Promise<void>} settles when it is written, or they have run
   * @throws {BrokerError} `timeout`: the program does not read
   */
  async detach(finished) {
    if (this.#detached) return
    this.#detached = true
    const channel = this.#channel
    if (!channel?.open) return
    channel.hold(true)
    if (this.#ready) {
      channel.outbox.frame(TYPES.detach)
      if (finished > 0) await channel.ended(finished)
    }
    let late = false
    const giveUp = () => {
      late = true
      channel.destroy()
    }
    const timer = setTimeout(giveUp, MOST_TO_TAKE)
    await channel.end()
    clearTimeout(timer)
    if (late) {
      throw new BrokerError(
        'timeout',
        `the shared worker ${this.#filename} has not taken what was published to it, within ${MOST_TO_TAKE / 1000} s: is it busy for ever?`
      )
    }
    channel.hold(false)
  }

  /** @param {string} instance */
  #onReady(instance) {
    if (this.#ready || this.#detached) return
    this.#ready = true
    this.#channel?.outbox.frame(TYPES.attached)
    this.#handlers.onReady(instance)
    this.hold(-1)
  }

  /**
   * @param {() => Promise<void>} openAgain
   * @param {Error | undefined} error
   */
  #onClose(openAgain, error) {
    if (this.#detached) return
    if (error || this.#ready || ++this.#attempts > MOST_ATTEMPTS) return this.#lose(error)
    // It failed while this one was on its way. The host will know why, if not yet.
    this.hold(-1)
    setTimeout(openAgain, PAUSE)
  }

  /** @param {Error | undefined} error */
  #lose(error) {
    if (this.#lost || this.#detached) return
    this.#lost = true
    this.#handlers.onLost(error)
  }
}

/**
 * @param {any} error what the host answered
 * @returns {Error} the program's own, where it is that
 */
function failureIn(error) {
  return error?.details?.failure ? revive(error.details.failure) : error
}

module.exports = { Link }
