// @ts-check
'use strict'

const failures = require('../failures.js')
const native = require('../native.js')

/** @typedef {import('./index.js').Reply} Reply */

/** The deadline of what has none: a small number, as the others are. */
const NEVER = 0
/** What cannot be waited for in one step, or at all, in ms. */
const LONG = 2 ** 30

/** A request under way. */
class Pending {
  /**
   * @param {string | ((broker: Record<string, any>, wishes: any) => string)} body
   * @param {import('../operations.js').Operation['decode']} decode
   * @param {unknown} subject
   * @param {number} timeout in ms
   * @param {import('../calls.js').More | null} more
   */
  constructor(body, decode, subject, timeout, more) {
    this.id = 0
    /** What to send; no more than that it was, once it was. */
    this.body = body
    this.decode = decode
    this.subject = subject
    /** When it is given up, by the addon's clock. */
    this.deadline = deadlineIn(timeout)
    /** What a plain request has not. */
    this.more = more
    this.sent = false
    /** @type {(value: any) => void} */
    this.resolve = ignore
    /** @type {(error: unknown) => void} */
    this.reject = ignore
    /** Undoes what was done for its signal. @type {(() => void) | null} */
    this.release = null
  }

  /** Says that it was sent. What may have to wait there has its time from then on. */
  onSent() {
    this.body = ''
    this.sent = true
    if (this.more !== null && this.more.patience !== 0) this.deadline = this.more.patience < 0 ? NEVER : deadlineIn(this.more.patience)
  }

  /**
   * Takes its reply.
   * @param {Reply} reply
   * @param {Record<string, any>} broker what the broker said of itself
   * @returns {string[] | null} what to send for it
   */
  answer(reply, broker) {
    if (!reply.ok) {
      const meant = this.more?.refused?.(reply)
      if (meant === undefined) this.reject(failures.refused(reply))
      else this.resolve(meant)
      return null
    }
    let value
    try {
      value = this.decode(reply, this.subject, broker)
    } catch (error) {
      this.reject(error)
      // What it grants is nobody's.
      return this.more?.undo?.(reply) ?? null
    }
    this.resolve(value)
    return null
  }
}

function ignore() {}

/** @param {number} timeout in ms */
function deadlineIn(timeout) {
  return timeout < LONG ? Math.ceil(native.now() + timeout) : NEVER
}

/**
 * The requests under way, by id. A ring of slots in place of a Map: a Map that thousands of ids pass through is rebuilt over and over, which was most of
 * what the collector had to do.
 */
class PendingTable {
  /** A power of two of them, at most half of them taken. @type {Array<Pending | undefined>} */
  #slots = new Array(64).fill(undefined)
  #lastId = 0
  /** None has a lower id. */
  #firstId = 1
  size = 0
  /** How many of them are for what others may have. */
  competing = 0

  /** The id given last. */
  get lastId() {
    return this.#lastId
  }

  /**
   * Gives it the next id whose slot is free.
   * @param {Pending} pending
   */
  add(pending) {
    if (this.size * 2 >= this.#slots.length) this.#grow()
    const mask = this.#slots.length - 1
    do this.#lastId++
    while (this.#slots[this.#lastId & mask] !== undefined)
    pending.id = this.#lastId
    this.#slots[pending.id & mask] = pending
    this.size++
    if (pending.more?.competes) this.competing++
  }

  /** An id for what is not to be waited for. */
  skip() {
    return ++this.#lastId
  }

  /**
   * @param {number} id
   * @returns {Pending | undefined}
   */
  get(id) {
    const pending = this.#slots[id & (this.#slots.length - 1)]
    return pending?.id === id ? pending : undefined
  }

  /** @param {Pending} pending */
  delete(pending) {
    this.#slots[pending.id & (this.#slots.length - 1)] = undefined
    this.size--
    if (pending.more?.competes) this.competing--
  }

  /** The one that was asked first. */
  first() {
    if (this.size === 0) return undefined
    while (this.get(this.#firstId) === undefined) this.#firstId++
    return this.get(this.#firstId)
  }

  /** All of them, in the order in which they were asked. */
  all() {
    const taken = /** @type {Pending[]} */ (this.#slots.filter(slot => slot !== undefined))
    return taken.sort((a, b) => a.id - b.id)
  }

  #grow() {
    const all = this.all()
    this.#slots = new Array(this.#slots.length * 2).fill(undefined)
    const mask = this.#slots.length - 1
    // Two that had slots of their own have them among twice as many, too.
    for (const pending of all) this.#slots[pending.id & mask] = pending
  }
}

module.exports = { LONG, NEVER, Pending, PendingTable }
