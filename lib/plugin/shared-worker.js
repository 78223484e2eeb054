// @ts-check
'use strict'

const { MessageIterator } = require('../shared-workers/iterator.js')
const { PROTOCOL } = require('../shared-workers/protocol.js')
const { decode, encode } = require('../shared-workers/data.js')
const { serialize } = require('../structured-clone.js')
const { ReplySubscribers, Subscribers } = require('../shared-workers/subscribers.js')
const { Link } = require('./link.js')

/** @typedef {InstanceType<typeof import('../client.js').Client>} Client */
/** @typedef {{ id: string, file: string, nextNumber: () => number }} Identity */
/** @typedef {{ id: string, replies: () => Messages }} PublishedMessage */
/** @typedef {InstanceType<typeof MessageIterator<ReceivedMessage>>} Messages */

/** A message from a program. All subscriptions see the same object. */
class ReceivedMessage {
  #reply

  /**
   * @param {string} id
   * @param {any} data
   * @param {(data: unknown) => PublishedMessage} reply
   */
  constructor(id, data, reply) {
    this.id = id
    this.data = data
    this.#reply = reply
  }

  /** @param {unknown} data */
  reply(data) {
    return this.#reply(data)
  }
}

/** What a test worker has of a program. */
class Registration {
  #identity
  #link
  /** @type {'starting' | 'available' | 'lost' | 'detached'} */
  #state = 'starting'
  /** Why it is lost, where that is known. @type {Error | undefined} */
  #cause
  /** @type {InstanceType<typeof Subscribers<ReceivedMessage>>} */
  #subscribers = new Subscribers()
  /** @type {InstanceType<typeof ReplySubscribers<ReceivedMessage>>} */
  #replies = new ReplySubscribers()
  /** @type {(error?: Error) => void} */
  #settle = () => {}
  /** @type {Array<() => unknown>} */
  #teardowns = []
  /** The first part of the ids of a program's messages. */
  #instance = ''

  /**
   * @param {string} filename
   * @param {Identity} identity
   */
  constructor(filename, identity) {
    this.filename = filename
    this.#identity = identity
    /** @type {Promise<void>} */
    this.available = new Promise((resolve, reject) => {
      this.#settle = error => (error ? reject(error) : resolve())
    })
    // Whoever does not ask is not bothered.
    this.available.catch(() => {})
    this.#link = new Link(filename, {
      onReady: instance => this.#onReady(instance),
      onMessage: (number, replyTo, data) => this.#onMessage(number, replyTo, data),
      onLost: error => this.#onLost(error)
    })
    this.face = this.#face()
  }

  /**
   * @param {Client} client
   * @param {Uint8Array} initialData
   */
  open(client, initialData) {
    const { id, file } = this.#identity
    void this.#link.open(client, serialize({ id, file, initialData }))
  }

  /** @param {() => unknown} fn */
  addTeardown(fn) {
    this.#teardowns.push(fn)
  }

  /**
   * Runs the teardowns, the last one first, and takes leave.
   * @param {number} finished ms that the program's teardowns for this test worker are waited for
   * @returns {Promise<unknown[]>} what they threw
   */
  async end(finished) {
    const errors = []
    for (const fn of this.#teardowns.splice(0).reverse()) {
      try {
        await fn()
      } catch (error) {
        errors.push(error)
      }
    }
    if (this.#state !== 'lost') this.#state = 'detached'
    await this.#link.detach(finished)
    return errors
  }

  #face() {
    const registration = this
    return {
      available: this.available,
      get currentlyAvailable() {
        return registration.#state === 'available'
      },
      protocol: PROTOCOL,
      publish: (/** @type {unknown} */ data) => this.#publish(data, 0),
      subscribe: () => new MessageIterator(this.#source(this.#subscribers))
    }
  }

  /**
   * @param {unknown} data
   * @param {number} replyTo
   * @returns {PublishedMessage}
   */
  #publish(data, replyTo) {
    if (this.#state !== 'available') throw this.#unavailable()
    const number = this.#identity.nextNumber()
    this.#link.send(number, replyTo, encode(data))
    const replies = () =>
      new MessageIterator(
        this.#source({
          add: iterator => this.#replies.add(number, iterator),
          delete: iterator => this.#replies.delete(number, iterator)
        })
      )
    return { id: `${this.#identity.id}/message/${number}`, replies }
  }

  /**
   * @param {Pick<import('../shared-workers/iterator.js').Source<ReceivedMessage>, 'add' | 'delete'>} subscribers
   * @returns {import('../shared-workers/iterator.js').Source<ReceivedMessage>}
   */
  #source(subscribers) {
    return {
      add: iterator => {
        if (this.#state === 'lost') iterator.fail(this.#unavailable())
        else subscribers.add(iterator)
      },
      delete: iterator => subscribers.delete(iterator),
      pending: count => this.#link.hold(count)
    }
  }

  /** @param {string} instance */
  #onReady(instance) {
    this.#state = 'available'
    this.#instance = instance
    this.#settle()
  }

  /**
   * @param {number} number
   * @param {number} replyTo
   * @param {Buffer} data
   */
  #onMessage(number, replyTo, data) {
    const subscribers = replyTo === 0 ? this.#subscribers : this.#replies.get(replyTo)
    if (!subscribers?.size || this.#state !== 'available') return
    const reply = (/** @type {unknown} */ data) => this.#publish(data, number)
    subscribers.push(new ReceivedMessage(`${this.#instance}/message/${number}`, decode(data), reply))
  }

  /** @param {Error | undefined} cause */
  #onLost(cause) {
    this.#cause = cause
    const started = this.#state === 'available'
    this.#state = 'lost'
    if (!started) this.#settle(this.#unavailable())
    const error = this.#unavailable()
    this.#subscribers.fail(error)
    this.#replies.fail(error)
  }

  #unavailable() {
    if (this.#state === 'starting') return withCode('Shared worker is not yet available', 'not_yet_available')
    if (this.#state === 'lost') return withCode('The shared worker is no longer available', 'no_longer_available', this.#cause)
    return withCode('The shared worker is no longer available: the test file that registered it has ended', 'no_longer_available')
  }
}

/**
 * @param {string} message
 * @param {string} code
 * @param {Error} [cause]
 */
function withCode(message, code, cause) {
  return Object.assign(new Error(message, cause && { cause }), { code })
}

module.exports = { Registration }
