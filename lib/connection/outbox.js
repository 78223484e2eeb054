// @ts-check
'use strict'

const settled = Promise.resolve()

/**
 * What leaves with the next write: all that is asked for in a tick. The end of a tick is found by promises alone, because tests replace timers,
 * `process.nextTick` and `queueMicrotask`.
 */
class Outbox {
  #send
  /** Lines, and how many they are. */
  #lines = ''
  #count = 0
  /** How many they were when the end of the tick was looked for last. */
  #seen = 0
  /** What follows those of the lines that say so. @type {Uint8Array[]} */
  #payloads = []

  /** @param {() => void} send called at the end of a tick, to take what there is */
  constructor(send) {
    this.#send = send
  }

  get isEmpty() {
    return this.#lines === ''
  }

  /** @param {string} line */
  add(line) {
    this.#lines += line
    if (this.#count++ === 0) {
      this.#seen = 1
      settled.then(this.#endOfTick)
    }
  }

  /**
   * @param {string} line one that says how long its payload is
   * @param {Uint8Array} payload
   */
  addWith(line, payload) {
    this.#payloads.push(payload)
    this.add(line)
  }

  /** @returns {{ lines: string, payloads: Uint8Array[] }} all there is, which is in it no more */
  take() {
    const [lines, payloads] = [this.#lines, this.#payloads]
    this.#lines = ''
    this.#count = 0
    if (payloads.length > 0) this.#payloads = []
    return { lines, payloads }
  }

  /** Waits for as long as the tick goes on asking. */
  #endOfTick = () => {
    if (this.#count !== this.#seen) {
      this.#seen = this.#count
      settled.then(this.#endOfTick)
    } else {
      this.#send()
    }
  }
}

module.exports = { Outbox }
