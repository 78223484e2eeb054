// @ts-check
'use strict'

/**
 * What test workers and programs say to each other: frames of a length (4 bytes, little-endian, of what follows), a type (1 byte) and a body.
 * A message's body is its number and the number of the message that it replies to (0: none), as doubles, and its data.
 */

const TYPES = /** @type {const} */ ({
  /** The token, first of all. Test worker → program. */
  token: 1,
  /** Who it is, and `initialData`. Test worker → program. */
  hello: 2,
  /** The program is available. Program → test worker. */
  ready: 3,
  /** The test worker knows: it may be announced. Test worker → program. */
  attached: 4,
  message: 5,
  /** The test worker has ended in an orderly way. Test worker → program. */
  detach: 6,
  /** The program has failed, with its error. Program → test worker. */
  crashed: 7
})

/** Bytes of length and type. */
const HEADER = 5
/** Bytes before the data of a message. */
const MESSAGE_HEADER = HEADER + 16
const MAX_FRAME = 256 * 1024 * 1024

/** Cuts what comes from a socket into frames. */
class FrameReader {
  #onFrame
  #limit
  /** The beginning of a frame whose end has not come yet. @type {Buffer[]} */
  #parts = []
  #have = 0
  #need = 0

  /**
   * @param {(type: number, chunk: Buffer, start: number, end: number) => void} onFrame the body lies in the chunk from `start` to `end`
   * @param {() => number} limit the most bytes that a frame may have now
   */
  constructor(onFrame, limit) {
    this.#onFrame = onFrame
    this.#limit = limit
  }

  /**
   * @param {Buffer} chunk
   * @throws {RangeError} a frame has an impossible length
   */
  push(chunk) {
    if (this.#have > 0) {
      this.#parts.push(chunk)
      this.#have += chunk.length
      if (this.#have < this.#need) return
      chunk = Buffer.concat(this.#parts, this.#have)
      this.#parts = []
      this.#have = 0
    }
    const rest = this.#frames(chunk)
    if (rest.length === 0) return
    this.#parts.push(rest)
    this.#have = rest.length
    this.#need = rest.length < 4 ? HEADER : 4 + this.#length(rest, 0)
  }

  /**
   * @param {Buffer} chunk
   * @returns {Buffer} what is left
   */
  #frames(chunk) {
    let at = 0
    while (chunk.length - at >= HEADER) {
      const end = at + 4 + this.#length(chunk, at)
      if (end > chunk.length) break
      this.#onFrame(chunk[at + 4], chunk, at + HEADER, end)
      at = end
    }
    return chunk.subarray(at)
  }

  /**
   * @param {Buffer} chunk
   * @param {number} at
   */
  #length(chunk, at) {
    const length = chunk.readUInt32LE(at)
    if (length < 1 || length > this.#limit()) throw new RangeError(`a frame of ${length} bytes`)
    return length
  }
}

module.exports = { FrameReader, HEADER, MAX_FRAME, MESSAGE_HEADER, TYPES }
