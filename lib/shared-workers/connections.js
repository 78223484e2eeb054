// @ts-check
'use strict'

const { timingSafeEqual } = require('node:crypto')
const { setImmediate } = require('node:timers')
const { Channel } = require('./channel.js')
const { MAX_FRAME, TYPES } = require('./frames.js')
const { deserialize, serialize } = require('../structured-clone.js')

/** @typedef {InstanceType<typeof import('./program.js').Program>} Program */
/** @typedef {InstanceType<typeof import('./test-worker.js').Member>} Member */
/** @typedef {{ id: string, file: string, initialData: Uint8Array }} Hello */

const TOKEN_FRAME = 33

/** The test workers' connections to a program, from their first byte on. */
class Connections {
  #program
  #token
  #onFirst
  #ready = false
  #failed = false
  /** @type {Set<Connection>} */
  #greeted = new Set()

  /**
   * @param {Program} program
   * @param {Buffer} token what a connection has to know
   * @param {(initialData: Uint8Array) => void} onFirst the first test worker is here: what it gives is the program's
   */
  constructor(program, token, onFirst) {
    this.#program = program
    this.#token = token
    this.#onFirst = onFirst
  }

  /** @param {import('node:net').Socket} socket */
  accept(socket) {
    // One that was on its way when the program failed. The host tells it why.
    if (this.#failed) return void socket.destroy()
    new Connection(socket, this.#program, this.#token, connection => this.#greet(connection))
  }

  /** The program is available. */
  ready() {
    if (this.#ready) return
    this.#ready = true
    for (const { channel } of this.#greeted) channel.outbox.frame(TYPES.ready)
  }

  /**
   * Tells all that the program has failed. What was sent to them before comes first.
   * @param {import('./failure.js').Failure} failure
   */
  crashed(failure) {
    this.#failed = true
    for (const { channel } of this.#greeted) {
      channel.outbox.frame(TYPES.crashed, serialize(failure))
      channel.outbox.flush()
    }
  }

  /** @returns {Promise<unknown>} settles when all that was sent is with the system */
  end() {
    return Promise.all([...this.#greeted].map(({ channel }) => channel.end()))
  }

  /** @param {Connection} connection */
  #greet(connection) {
    this.#greeted.add(connection)
    connection.onClose = () => this.#greeted.delete(connection)
    if (this.#ready) connection.channel.outbox.frame(TYPES.ready)
    const onFirst = this.#onFirst
    this.#onFirst = () => {}
    onFirst(/** @type {Hello} */ (connection.hello).initialData)
  }
}

/** A connection, which is a test worker's once it has said so. */
class Connection {
  #program
  #token
  #onGreeted
  #known = false
  /** @type {Member | null} */
  #member = null
  /** @type {Hello | null} */
  hello = null
  onClose = () => {}

  /**
   * @param {import('node:net').Socket} socket
   * @param {Program} program
   * @param {Buffer} token
   * @param {(connection: Connection) => void} onGreeted
   */
  constructor(socket, program, token, onGreeted) {
    this.#program = program
    this.#token = token
    this.#onGreeted = onGreeted
    this.channel = new Channel(
      socket,
      {
        onFrame: (type, body) => this.#onFrame(type, body),
        onMessage: (number, replyTo, data) => this.#onMessage(number, replyTo, data),
        onClose: () => this.#onEnd(true)
      },
      TOKEN_FRAME
    )
  }

  /**
   * @param {number} type
   * @param {Buffer} body
   * @throws {Error} it is nonsense
   */
  #onFrame(type, body) {
    if (!this.#known) return this.#identify(type, body)
    if (type === TYPES.hello && !this.hello) {
      this.hello = helloOf(body)
      this.#onGreeted(this)
    } else if (type === TYPES.attached && this.hello && !this.#member) {
      this.#member = this.#program.join(this.channel, this.hello)
    } else if (type === TYPES.detach && this.#member) {
      // After its messages, which wait for turns of their own.
      setImmediate(() => this.#onEnd(false))
    } else {
      throw new TypeError(`a frame of type ${type} out of place`)
    }
  }

  /**
   * @param {number} type
   * @param {Buffer} body
   */
  #identify(type, body) {
    if (type !== TYPES.token || body.length !== this.#token.length || !timingSafeEqual(body, this.#token)) throw new Error('a wrong token')
    this.#known = true
    this.channel.limit = MAX_FRAME
  }

  /**
   * @param {number} number
   * @param {number} replyTo
   * @param {Buffer} data
   */
  #onMessage(number, replyTo, data) {
    try {
      if (this.#member) this.#program.receive(this.#member, number, replyTo, data)
      else this.channel.destroy()
    } catch {
      // Data that nobody can read was not written by us.
      this.channel.destroy()
    }
  }

  /** @param {boolean} lost */
  async #onEnd(lost) {
    if (lost) this.onClose()
    const left = this.#member && this.#program.leave(this.#member, { lost })
    if (lost) return
    // Its end tells whoever waits that the teardowns have run.
    await left
    await this.channel.end()
  }
}

/**
 * @param {Buffer} body
 * @returns {Hello}
 */
function helloOf(body) {
  const hello = deserialize(body)
  if (typeof hello?.id !== 'string' || typeof hello.file !== 'string' || !(hello.initialData instanceof Uint8Array)) {
    throw new TypeError('a test worker that does not say who it is')
  }
  return hello
}

module.exports = { Connections }
