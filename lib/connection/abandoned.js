// @ts-check
'use strict'

/** @typedef {import('./index.js').Reply} Reply */
/** @typedef {(reply: Reply) => string[]} Undo */

/** Requests that were given up when they had been sent: what their replies grant is nobody's. */
class Abandoned {
  /** By id what to do, and by the id of its cancellation which it was. @type {Map<number, Undo | number>} */
  #ids = new Map()

  /**
   * @param {number} id
   * @param {Undo} undo
   * @param {number} cancellation
   */
  add(id, undo, cancellation) {
    this.#ids.set(id, undo).set(cancellation, id)
  }

  /**
   * @param {Reply} reply one that nobody waits for
   * @returns {string[]} what to send for it
   */
  settle(reply) {
    const id = /** @type {number} */ (reply.id)
    const entry = this.#ids.get(id)
    if (entry === undefined) return []
    this.#ids.delete(id)
    if (typeof entry === 'function') return reply.ok ? entry(reply) : []
    // What was not cancelled is on its way, or may be.
    if (reply.cancelled === true) this.#ids.delete(entry)
    return []
  }

  clear() {
    this.#ids.clear()
  }
}

module.exports = { Abandoned }
