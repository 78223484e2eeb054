// @ts-check
'use strict'

const { BrokerError } = require('../errors.js')
const { MessageIterator } = require('./iterator.js')
const { encode } = require('./data.js')
const { Subscribers } = require('./subscribers.js')
const { Teardowns } = require('./teardowns.js')

/** @typedef {InstanceType<typeof import('./program.js').Program>} Program */
/** @typedef {InstanceType<typeof import('./channel.js').Channel>} Channel */
/** @typedef {InstanceType<typeof MessageIterator<ReceivedMessage>>} Messages */

/** A test worker as its program sees it. */
class TestWorker {
  #member

  /**
   * @param {Member} member
   * @param {string} id
   * @param {string} file
   */
  constructor(member, id, file) {
    this.#member = member
    this.id = id
    this.file = file
  }

  /** @param {unknown} data */
  publish(data) {
    return this.#member.publish(data, 0)
  }

  subscribe() {
    return new MessageIterator(this.#member)
  }

  /** @param {() => unknown} fn */
  teardown(fn) {
    return this.#member.teardown(fn)
  }
}

/** A message from a test worker. Everybody who sees it sees the same object. */
class ReceivedMessage {
  #member
  #number

  /**
   * @param {Member} member
   * @param {number} number
   * @param {any} data
   */
  constructor(member, number, data) {
    this.#member = member
    this.#number = number
    this.testWorker = member.testWorker
    this.id = `${member.testWorker.id}/message/${number}`
    this.data = data
  }

  /** @param {unknown} data */
  reply(data) {
    return this.#member.publish(data, this.#number)
  }

  /**
   * For iterators: whether it was buffered when its test worker was lost. Who comes so late cannot answer any more.
   * @param {ReceivedMessage} message
   */
  static isLost(message) {
    return message.#member.lost
  }
}

/** What a program keeps of a test worker. It is the source of that worker's messages for iterators. */
class Member {
  #program
  #channel
  /** @type {InstanceType<typeof Subscribers<ReceivedMessage>>} */
  #subscribers = new Subscribers()
  /** Iterators of replies from it, to end with it. @type {Set<Messages>} */
  #replyIterators = new Set()
  #teardowns = new Teardowns()
  /** @type {'here' | 'leaving' | 'gone'} */
  #state = 'here'
  /** It went without a word: killed, or its process ended. */
  lost = false
  skips = ReceivedMessage.isLost

  /**
   * @param {Program} program
   * @param {Channel} channel
   * @param {{ id: string, file: string }} identity
   */
  constructor(program, channel, { id, file }) {
    this.#program = program
    this.#channel = channel
    this.testWorker = new TestWorker(this, id, file)
  }

  /**
   * @param {unknown} data
   * @param {number} replyTo
   */
  publish(data, replyTo) {
    const number = this.#program.nextNumber()
    this.send(number, replyTo, encode(data))
    const replies = () => {
      /** @type {import('./iterator.js').Source<ReceivedMessage>} */
      const source = {
        add: iterator => {
          if (this.#state === 'gone') return iterator.end()
          this.#replyIterators.add(iterator)
          this.#program.replies.add(number, iterator)
        },
        delete: iterator => {
          this.#replyIterators.delete(iterator)
          this.#program.replies.delete(number, iterator)
        },
        skips: this.skips
      }
      return new MessageIterator(source)
    }
    return { id: this.#program.idOf(number), replies }
  }

  /**
   * @param {number} number
   * @param {number} replyTo
   * @param {string | Uint8Array} data
   */
  send(number, replyTo, data) {
    // Whoever is gone is not told.
    if (this.#channel.open) this.#channel.outbox.message(number, replyTo, data)
  }

  /** @param {() => unknown} fn */
  teardown(fn) {
    if (typeof fn !== 'function') throw new TypeError(`testWorker.teardown() takes a function, not ${typeof fn}`)
    if (this.#state !== 'here') {
      const { id, file } = this.testWorker
      throw new BrokerError('test_worker_gone', `no teardown can be registered: the test worker ${id} (${file}) is gone. Clean up now`)
    }
    return this.#teardowns.add(fn)
  }

  /** Whether anybody wants its messages beside those who want them all. */
  get observed() {
    return this.#subscribers.size > 0
  }

  /** @param {ReceivedMessage} message */
  push(message) {
    this.#subscribers.push(message)
  }

  /** @param {Messages} iterator */
  add(iterator) {
    if (this.#state === 'gone') iterator.end()
    else this.#subscribers.add(iterator)
  }

  /** @param {Messages} iterator */
  delete(iterator) {
    this.#subscribers.delete(iterator)
  }

  /**
   * Its end: teardowns first.
   * @param {boolean} lost
   * @returns {Promise<unknown[]>} what teardowns threw
   */
  async leave(lost) {
    this.#state = 'leaving'
    this.lost = lost
    return this.#teardowns.run()
  }

  /** Ends its iterators. */
  end() {
    this.#state = 'gone'
    this.#subscribers.end()
    for (const iterator of [...this.#replyIterators]) iterator.end()
  }
}

module.exports = { Member, ReceivedMessage }
