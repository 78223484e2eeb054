// @ts-check
'use strict'

// Taken now, before a test replaces the clock.
const { setTimeout, clearTimeout } = require('node:timers')
const { BrokerError } = require('../errors.js')
const failures = require('../failures.js')
const { dial } = require('./dial.js')
const { handshake } = require('./handshake.js')
const { Outbox } = require('./outbox.js')

/** @typedef {import('./index.js').Reply} Reply */
/** @typedef {InstanceType<typeof BrokerError>} Failure */

/**
 * Lines that came, as an array of JSON, and what followed those of them that have a member `raw`.
 * @typedef {string | [text: string, payloads: ArrayBuffer[]]} Batch
 */

/**
 * Whom a link tells what becomes of it.
 * - `isAwaited`: whether anything is to come; meanwhile the process goes on.
 * - `opened`: a broker was greeted, and takes requests.
 * - `replied`: it said something.
 * - `ended`: no broker was found, or it is there no more; `why` makes the error of a request that was sent, or was not.
 * @typedef {{
 *   isAwaited: () => boolean,
 *   opened: () => void,
 *   replied: (reply: Reply, payload: ArrayBuffer | null) => void,
 *   ended: (why: (sent: boolean) => Failure) => void
 * }} Owner
 */

/** Errors for which a broker may be about to appear. */
const NOT_YET = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN'])
const RETRY_MS = [1, 2, 5, 10, 20, 50]

/** @type {ArrayBuffer[]} */
const NO_PAYLOADS = []

/** The way to a broker: finds it, greets it, and carries lines there and back until one of them hangs up. Then it can be made anew. */
class Link {
  #settings
  #owner
  /** @type {import('../../native.js').NativeClient | null} */
  #native = null
  /** Takes the replies of the greeting. @type {((replies: Reply[]) => IteratorResult<string, any>) | null} */
  #greeting = null
  /** How often a broker was looked for in vain. */
  #attempts = 0
  #everOpen = false
  /** @type {NodeJS.Timeout | null} */
  #retry = null
  /** @type {'idle' | 'seeking' | 'greeting' | 'open' | 'closed'} */
  phase = 'idle'
  /** What the broker said of itself when it was greeted. @type {Record<string, any>} */
  broker = {}
  /** For a broker that does not know sessions: how to write a request. @type {((body: string) => string) | null} */
  plain = null
  /** For an open link: what leaves at the end of the tick, or with `flush`. */
  outbox = new Outbox(() => this.flush())

  /**
   * @param {import('./index.js').Settings} settings
   * @param {Owner} owner
   */
  constructor(settings, owner) {
    this.#settings = settings
    this.#owner = owner
  }

  /** Looks for a broker, until the owner gives it up with `disconnect`. */
  connect() {
    this.phase = 'seeking'
    this.#attempts = 0
    this.#seek()
  }

  /** Sends what is in the outbox. */
  flush() {
    if (this.outbox.isEmpty) return
    const { lines, payloads } = this.outbox.take()
    this.#send(lines, payloads)
  }

  /** To be called when what the owner awaits has changed. */
  setAwaiting() {
    this.#native?.setAwaiting(this.#owner.isAwaited())
  }

  /**
   * Blocks until another attempt to find a broker is due, and makes it.
   * @param {number} ms how long at most
   */
  seekSync(ms) {
    sleep(Math.min(ms, this.#delay()))
    if (this.#retry) clearTimeout(this.#retry)
    this.#seek()
  }

  /**
   * Blocks until something has come.
   * @param {number} ms how long at most
   */
  receiveSync(ms) {
    try {
      const batch = this.#native?.receive(ms)
      if (batch != null) this.#take(batch)
    } catch (error) {
      this.lose(messageOf(error))
    }
  }

  /** @param {string} why the connection is of no use any more */
  lose(why) {
    this.#owner.ended(sent => failures.lost(why, sent))
  }

  /** @param {Failure} error what is wrong with the broker */
  break(error) {
    this.#owner.ended(() => new BrokerError(error.code, error.message, { cause: error.cause, details: error.details }))
  }

  /** @param {'idle' | 'closed'} phase */
  disconnect(phase) {
    this.#native?.close()
    this.#native = null
    this.phase = phase
    this.#greeting = null
    this.plain = null
    this.outbox.take()
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
  }

  /** Tries to connect; later again, when a broker may be about to appear. */
  #seek() {
    try {
      this.#native = dial(this.#settings, this.#onReady)
    } catch (error) {
      return error instanceof BrokerError ? this.break(error) : this.#unreachable(/** @type {Error} */ (error))
    }
    this.phase = 'greeting'
    this.#everOpen = true
    const greeting = handshake(this.#settings)
    this.#greeting = replies => greeting.next(replies)
    this.#greet([])
  }

  /** @param {Error} error */
  #unreachable(error) {
    const [, code = 'EIO', text = error.message] = /^([A-Z]+): (.*)$/su.exec(error.message) ?? []
    const gone = this.#everOpen && code !== 'EAGAIN'
    if (gone || !NOT_YET.has(code)) return this.break(failures.unreachable(this.#settings.pipe, code, text, gone))
    const delay = this.#delay()
    this.#attempts++
    this.#retry = setTimeout(() => this.phase === 'seeking' && this.#seek(), delay)
  }

  /** How long to wait before the next attempt, in ms. */
  #delay() {
    return RETRY_MS[Math.min(this.#attempts, RETRY_MS.length - 1)]
  }

  /**
   * A step of the greeting.
   * @param {Reply[]} replies
   */
  #greet(replies) {
    let step
    try {
      step = /** @type {(replies: Reply[]) => IteratorResult<string, any>} */ (this.#greeting)(replies)
    } catch (error) {
      return this.break(/** @type {Failure} */ (error))
    }
    if (!step.done) {
      if (step.value !== '') this.#send(step.value, [])
      return
    }
    this.#greeting = null
    this.broker = step.value.broker
    this.plain = step.value.plain ?? null
    this.phase = 'open'
    this.#owner.opened()
    this.flush()
  }

  /**
   * @param {string} lines
   * @param {Uint8Array[]} payloads
   */
  #send(lines, payloads) {
    try {
      if (payloads.length === 0) this.#native?.send(lines)
      else this.#native?.send(lines, payloads)
      // What nobody waits for keeps no process.
      if (!this.#owner.isAwaited()) this.#native?.setAwaiting(false)
    } catch (error) {
      this.#takeLastWords()
      this.lose(messageOf(error))
    }
  }

  /** A broker that hangs up may have said why. */
  #takeLastWords() {
    try {
      const batch = this.#native?.receive(0)
      if (batch != null) this.#take(batch)
    } catch {
      // It has not.
    }
  }

  /**
   * Called by the addon, with whole lines or with why the connection ended. Held weakly there, unless something is awaited.
   * @param {Batch | null} batch
   * @param {string | null} error
   * @returns {boolean} whether more is awaited
   */
  #onReady = (batch, error) => {
    if (batch !== null) this.#take(batch)
    if (error !== null) this.lose(error)
    return this.#owner.isAwaited()
  }

  /** @param {Batch} batch */
  #take(batch) {
    const [text, payloads] = typeof batch === 'string' ? [batch, NO_PAYLOADS] : batch
    let taken = 0
    /** @type {Reply[]} */
    let replies
    try {
      replies = JSON.parse(text)
      if (!replies.every(isReply)) throw new SyntaxError('a reply is an object')
    } catch {
      return this.break(failures.notABroker(this.#settings.pipe))
    }
    if (this.#greeting) return this.#greet(replies)
    const connection = this.#native
    for (const reply of replies) {
      // What one of them ended, and perhaps began anew, is not the others'.
      if (this.#native !== connection) return
      const hasPayload = payloads !== NO_PAYLOADS && reply.raw !== undefined
      this.#owner.replied(reply, hasPayload ? payloads[taken++] : null)
    }
  }
}

/** @param {unknown} reply */
function isReply(reply) {
  return typeof reply === 'object' && reply !== null
}

/** @param {unknown} error */
function messageOf(error) {
  return String(/** @type {Error} */ (error).message)
}

/** @param {number} ms */
function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

module.exports = { Link }
