// @ts-check
'use strict'

const { setImmediate } = require('node:timers')
const { BrokerError } = require('../errors.js')
const { HEADER, MAX_FRAME, MESSAGE_HEADER, TYPES } = require('./frames.js')

/** Bytes: frames up to this are copied beside each other, larger ones are written as they are. */
const SMALL = 16 * 1024
/** UTF-16 units, each of which takes up to 3 bytes. */
const SMALL_TEXT = Math.floor(SMALL / 3)
const BATCH = 64 * 1024
const NOTHING = Buffer.alloc(0)

/**
 * What a socket is to be sent: the frames of a turn leave in one write. What the other side does not read stays here, in the memory of who wrote it.
 */
class Outbox {
  #socket
  #batch = NOTHING
  #used = 0
  #scheduled = false
  #flush = () => this.flush()

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.#socket = socket
  }

  /**
   * @param {number} type
   * @param {Uint8Array} [body]
   */
  frame(type, body = NOTHING) {
    const at = this.#room(HEADER, body)
    this.#batch.writeUInt32LE(HEADER - 4 + body.length, at)
    this.#batch[at + 4] = type
    this.#body(body)
  }

  /**
   * @param {number} number
   * @param {number} replyTo 0: to none
   * @param {string | Uint8Array} data text is written as UTF-8
   */
  message(number, replyTo, data) {
    if (typeof data === 'string' && data.length > SMALL_TEXT) data = Buffer.from(data)
    const at = this.#room(MESSAGE_HEADER, data)
    const batch = this.#batch
    batch[at + 4] = TYPES.message
    batch.writeDoubleLE(number, at + HEADER)
    batch.writeDoubleLE(replyTo, at + HEADER + 8)
    let { length } = data
    if (typeof data === 'string') {
      length = batch.write(data, this.#used)
      this.#used += length
    }
    batch.writeUInt32LE(MESSAGE_HEADER - 4 + length, at)
    if (typeof data !== 'string') this.#body(data)
  }

  /** Gives what there is to the system, or as much as it takes, at once. */
  flush() {
    this.#scheduled = false
    if (this.#used === 0) return
    this.#socket.write(this.#batch.subarray(0, this.#used))
    this.#used = 0
    // What the system has taken may be written over.
    if (this.#socket.writableLength > 0) this.#batch = NOTHING
  }

  /**
   * @param {number} header
   * @param {string | Uint8Array} body
   * @returns {number} where the header goes
   */
  #room(header, body) {
    if (header + body.length > MAX_FRAME) {
      throw new BrokerError(
        'too_large',
        `a message of ${body.length} bytes: at most ${MAX_FRAME} can be sent. Share a file, or send it in pieces`
      )
    }
    const size = header + (typeof body === 'string' ? body.length * 3 : body.length > SMALL ? 0 : body.length)
    if (this.#used + size > this.#batch.length) {
      this.flush()
      if (this.#batch.length === 0) this.#batch = Buffer.allocUnsafeSlow(BATCH)
    }
    const at = this.#used
    this.#used += header
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#flush)
    }
    return at
  }

  /** @param {Uint8Array} body */
  #body(body) {
    if (body.length > SMALL) {
      this.flush()
      this.#socket.write(body)
    } else {
      this.#batch.set(body, this.#used)
      this.#used += body.length
    }
  }
}

module.exports = { Outbox }
