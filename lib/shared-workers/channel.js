// @ts-check
'use strict'

const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { FrameReader, HEADER, MAX_FRAME, MESSAGE_HEADER, TYPES } = require('./frames.js')
const { Outbox } = require('./outbox.js')

/**
 * @typedef {object} Handlers
 * @property {(type: number, body: Buffer) => void} onFrame what is not a message, as it comes; what it throws ends the connection
 * @property {(number: number, replyTo: number, data: Buffer) => void} onMessage a message, in a turn of its own
 * @property {() => void} onClose once, after all that came before
 */

/**
 * A connection between a test worker and a program. Each message comes in a turn of its own of the event loop, so that whoever awaited the message before has done
 * what follows from it, such as subscribing to replies.
 */
class Channel {
  #socket
  #handlers
  #limit

  /**
   * @param {import('node:net').Socket} socket
   * @param {Handlers} handlers
   * @param {number} [limit] the most bytes that a frame of the other side may have
   */
  constructor(socket, handlers, limit = MAX_FRAME) {
    this.#socket = socket
    this.#handlers = handlers
    this.#limit = limit
    this.outbox = new Outbox(socket)
    const reader = new FrameReader(
      (type, chunk, start, end) => this.#onFrame(type, chunk, start, end),
      () => this.#limit
    )
    socket.on('data', chunk => {
      try {
        reader.push(/** @type {Buffer} */ (chunk))
      } catch {
        // Whoever talks nonsense is not talked to.
        socket.destroy()
      }
    })
    // Its end is told by `close`.
    socket.on('error', () => {})
    socket.on('close', () => setImmediate(handlers.onClose))
  }

  get open() {
    return !this.#socket.destroyed
  }

  /** @param {number} bytes */
  set limit(bytes) {
    this.#limit = bytes
  }

  /** @param {boolean} hold whether it keeps the process alive */
  hold(hold) {
    if (hold) this.#socket.ref()
    else this.#socket.unref()
  }

  /**
   * Sends all that was written and ends.
   * @returns {Promise<void>} settles when the system has it all, or the connection has ended otherwise
   */
  end() {
    this.outbox.flush()
    return new Promise(resolve => {
      this.#socket.once('close', () => resolve())
      if (this.#socket.destroyed) resolve()
      else this.#socket.end(() => resolve())
    })
  }

  /**
   * Sends all that was written and waits for the other side to end.
   * @param {number} limit ms, after which it is not waited for any more
   * @returns {Promise<void>}
   */
  async ended(limit) {
    this.outbox.flush()
    if (!this.#socket.destroyed) {
      await new Promise(resolve => {
        const timer = setTimeout(resolve, limit)
        this.#socket.once('close', () => {
          clearTimeout(timer)
          resolve(undefined)
        })
      })
    }
    await this.end()
  }

  destroy() {
    this.#socket.destroy()
  }

  /**
   * @param {number} type
   * @param {Buffer} chunk
   * @param {number} start
   * @param {number} end
   */
  #onFrame(type, chunk, start, end) {
    if (this.#socket.destroyed) return
    if (type !== TYPES.message) return this.#handlers.onFrame(type, chunk.subarray(start, end))
    const data = start + MESSAGE_HEADER - HEADER
    if (data > end) throw new RangeError('a message that ends too soon')
    setImmediate(this.#handlers.onMessage, chunk.readDoubleLE(start), chunk.readDoubleLE(start + 8), chunk.subarray(data, end))
  }
}

module.exports = { Channel }
