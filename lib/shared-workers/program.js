// @ts-check
'use strict'

const { setImmediate } = require('node:timers')
const { MessageIterator } = require('./iterator.js')
const { PROTOCOL } = require('./protocol.js')
const { decode, encode } = require('./data.js')
const { ReplySubscribers, Subscribers } = require('./subscribers.js')
const { Teardowns } = require('./teardowns.js')
const { Member, ReceivedMessage } = require('./test-worker.js')

/** @typedef {InstanceType<typeof import('./channel.js').Channel>} Channel */
/** @typedef {InstanceType<typeof Member>} Joined */
/** @typedef {InstanceType<typeof ReceivedMessage>} Received */
/** @typedef {InstanceType<typeof MessageIterator<Received>>} Messages */
/** @typedef {import('./iterator.js').Source<Received>} Source */

/** What a program's own code deals with: the test workers that it has and what is between them and it. Connections are the business of `connections.js`. */
class Program {
  #id
  #number = 0
  /** By the id of the test worker. @type {Map<string, Joined>} */
  #members = new Map()
  /** Test workers whose teardowns run. @type {Set<Promise<void>>} */
  #leaving = new Set()
  /** @type {InstanceType<typeof Subscribers<Received>>} */
  #subscribers = new Subscribers()
  /** @type {InstanceType<typeof Subscribers<Joined['testWorker']>>} */
  #newcomers = new Subscribers()
  /** The program's own, for what it has for all test workers. */
  #teardowns = new Teardowns()
  #onReady
  #onError
  /** After a failure nothing more is delivered. */
  #failed = false
  /** @type {InstanceType<typeof ReplySubscribers<Received>>} */
  replies = new ReplySubscribers()

  /**
   * @param {string} id unique in the host
   * @param {{ onReady: () => void, onError: (error: unknown) => void }} handlers
   */
  constructor(id, { onReady, onError }) {
    this.#id = id
    this.#onReady = onReady
    this.#onError = onError
  }

  /**
   * What `negotiateProtocol()` gives to the program.
   * @param {unknown} initialData
   */
  main(initialData) {
    const main = {
      initialData,
      protocol: PROTOCOL,
      ready: () => {
        this.#onReady()
        return main
      },
      teardown: (/** @type {() => unknown} */ fn) => {
        if (typeof fn !== 'function') throw new TypeError(`teardown() takes a function, not ${typeof fn}`)
        return this.#teardowns.add(fn)
      },
      broadcast: (/** @type {unknown} */ data) => this.#broadcast(data),
      subscribe: () => new MessageIterator(this.#received(this.#subscribers)),
      testWorkers: () => new MessageIterator(this.#newcomers)
    }
    return main
  }

  nextNumber() {
    return ++this.#number
  }

  /** @param {number} number */
  idOf(number) {
    return `${this.#id}/message/${number}`
  }

  /**
   * @param {Channel} channel
   * @param {{ id: string, file: string }} identity
   * @throws {RangeError} there is one of this id
   */
  join(channel, identity) {
    if (this.#members.has(identity.id)) throw new RangeError(`two test workers of the id ${identity.id}`)
    const member = new Member(this, channel, identity)
    this.#members.set(identity.id, member)
    this.#newcomers.push(member.testWorker)
    return member
  }

  /**
   * In a turn of its own.
   * @param {Joined} member
   * @param {number} number
   * @param {number} replyTo
   * @param {Buffer} data
   */
  receive(member, number, replyTo, data) {
    if (this.#failed) return
    if (replyTo !== 0) {
      this.replies.get(replyTo)?.push(new ReceivedMessage(member, number, decode(data)))
    } else if (this.#subscribers.size > 0 || member.observed) {
      const message = new ReceivedMessage(member, number, decode(data))
      this.#subscribers.push(message)
      member.push(message)
    }
  }

  /**
   * A test worker has ended.
   * @param {Joined} member
   * @param {{ lost: boolean }} how
   * @returns {Promise<void>} settles when its teardowns have run
   */
  leave(member, { lost }) {
    const { id } = member.testWorker
    if (this.#members.get(id) !== member || this.#failed) return Promise.resolve()
    this.#members.delete(id)
    const left = this.#dismiss(member, lost)
    this.#leaving.add(left)
    left.then(() => this.#leaving.delete(left))
    return left
  }

  /** The end of the run: all teardowns that are left, the program's own last. */
  async stop() {
    for (const member of [...this.#members.values()]) void this.leave(member, { lost: false })
    await Promise.all(this.#leaving)
    for (const error of await this.#teardowns.run()) this.#onError(error)
  }

  fail() {
    this.#failed = true
  }

  /**
   * @param {Joined} member
   * @param {boolean} lost
   */
  async #dismiss(member, lost) {
    const errors = await member.leave(lost)
    for (const error of errors) this.#onError(error)
    // In a turn of its own, as its messages were.
    await new Promise(resolve => setImmediate(resolve))
    member.end()
  }

  /** @param {unknown} data */
  #broadcast(data) {
    const number = this.nextNumber()
    const encoded = encode(data)
    for (const member of this.#members.values()) member.send(number, 0, encoded)
    const replies = () => {
      const add = (/** @type {Messages} */ iterator) => this.replies.add(number, iterator)
      return new MessageIterator(this.#received({ add, delete: iterator => this.replies.delete(number, iterator) }))
    }
    return { id: this.idOf(number), replies }
  }

  /**
   * @param {Pick<Source, 'add' | 'delete'>} subscribers
   * @returns {Source}
   */
  #received(subscribers) {
    return {
      add: iterator => subscribers.add(iterator),
      delete: iterator => subscribers.delete(iterator),
      skips: ReceivedMessage.isLost
    }
  }
}

module.exports = { Program }
