// @ts-check
'use strict'

const failures = require('../failures.js')
const native = require('../native.js')
const { Abandoned } = require('./abandoned.js')
const { Alarm } = require('./alarm.js')
const { NEVER, PendingTable } = require('./pending.js')

/** @typedef {import('./index.js').Reply} Reply */
/** @typedef {InstanceType<typeof import('./link.js').Link>} Link */
/** @typedef {InstanceType<typeof import('./pending.js').Pending>} Request */
/** @typedef {InstanceType<typeof import('./signals.js').Signals>} Signals */

/** The requests under way: each goes out by the link, as soon as that is open, and is over with its reply, its signal or its deadline. */
class Requests {
  #settings
  #link
  #pending = new PendingTable()
  #alarm = new Alarm(this)
  /** Loaded when needed. @type {Signals | null} */
  #signals = null
  #abandoned = new Abandoned()
  /** What this worker does now, as it is told to each broker. @type {string | null} */
  #description = described(process.env.EPHEMERAL_TEST || null)
  /** What this worker did when it asked for what is not sent yet. @type {Map<Request, string | null>} */
  #asked = new Map()

  /**
   * @param {import('./index.js').Settings} settings
   * @param {Link} link
   */
  constructor(settings, link) {
    this.#settings = settings
    this.#link = link
  }

  get size() {
    return this.#pending.size
  }

  /** How many of them are for what others may have. */
  get competing() {
    return this.#pending.competing
  }

  /**
   * Sends a request, now or when there is a broker: it is looked for with the first.
   * @param {Request} pending
   * @param {AbortSignal} [signal]
   */
  add(pending, signal) {
    if (signal) this.#listen(pending, signal)
    this.#pending.add(pending)
    if (this.#settings.debug) require('./trace.js').trace(pending)
    if (pending.deadline !== NEVER) this.#alarm.set(pending.deadline)
    if (this.#link.phase === 'open') return this.#send(pending)
    this.#asked.set(pending, this.#description)
    if (this.#link.phase === 'idle') this.#link.connect()
  }

  /**
   * Sends what is not waited for: nobody looks at its reply. For an open link.
   * @param {string} body
   * @returns {number} its id
   */
  tell(body) {
    const id = this.#pending.skip()
    if (!this.#link.plain) this.#link.outbox.add(`{"id":${id},${body}}\n`)
    return id
  }

  /**
   * Says what this worker does now: with what is sent next, and to each broker that it connects to later.
   * @param {unknown} text
   */
  describe(text) {
    this.#description = described(text)
    if (this.#link.phase === 'open') this.tell(describing(this.#description))
  }

  /** Sends what was asked for before the link was open, each with what this worker did then. */
  sendAll() {
    /** @type {string | null} */
    let said = null
    const describe = (/** @type {string | null} */ text) => {
      if (text !== said) this.tell(describing(text))
      said = text
    }
    for (const pending of this.#pending.all()) {
      describe(this.#asked.get(pending) ?? null)
      this.#sendOrReject(pending)
    }
    describe(this.#description)
    this.#asked.clear()
  }

  /**
   * A reply, perhaps to a request that was given up.
   * @param {Reply} reply
   * @returns {boolean} false when nothing was asked that it answers
   */
  settle(reply) {
    const pending = this.#link.plain ? this.#pending.first() : this.#pending.get(/** @type {number} */ (reply.id))
    if (!pending) return this.#settleAbandoned(reply)
    this.#forget(pending)
    const undoing = pending.answer(reply, this.#link.broker)
    if (undoing !== null) for (const body of undoing) this.tell(body)
    if (this.#link.plain) this.#sendNext()
    return true
  }

  /** @returns {Request[]} all of them, which are under way no more */
  takeAll() {
    const all = this.#pending.all()
    for (const pending of all) this.#forget(pending)
    return all
  }

  /** The same at the end of a session: with that, what was given up is nobody's anyway. */
  end() {
    this.#abandoned.clear()
    // A timer would keep the realm for a while: Jest with --detectLeaks sees that.
    this.#alarm.cancel()
    return this.takeAll()
  }

  /** Called by the alarm: gives up what has waited for too long. */
  expire() {
    const now = native.now()
    for (const pending of this.#pending.all()) {
      if (pending.deadline === NEVER) continue
      if (pending.deadline <= now) this.timeOut(pending)
      else this.#alarm.set(pending.deadline)
    }
  }

  /**
   * Gives up one that has waited for too long.
   * @param {Request} pending
   */
  timeOut(pending) {
    this.#giveUp(pending, failures.timedOut(this.#settings.pipe, pending.sent, this.#link.phase === 'greeting'))
  }

  /** @param {Request} pending */
  #send(pending) {
    const { plain, broker, outbox } = this.#link
    // A broker that names no ids takes one request at a time: the reply is that one's.
    if (plain && this.#pending.first() !== pending) return
    const { id } = pending
    const payload = pending.more?.payload
    const body = typeof pending.body === 'string' ? pending.body : pending.body(broker, this.#settings.wishes)
    if (plain) outbox.add(plain(body))
    else if (payload !== undefined) outbox.addWith(`{"raw":${payload.byteLength},"id":${id},${body}}\n`, payload)
    else outbox.add(`{"id":${id},${body}}\n`)
    pending.onSent()
  }

  /** @param {Request} pending */
  #sendOrReject(pending) {
    try {
      this.#send(pending)
    } catch (error) {
      this.#forget(pending)
      pending.reject(error)
    }
  }

  /** With a broker that takes one at a time: the one whose turn it is. */
  #sendNext() {
    const first = this.#pending.first()
    if (first && !first.sent) this.#send(first)
  }

  /** @param {Reply} reply */
  #settleAbandoned(reply) {
    if (typeof reply.id !== 'number' || reply.id > this.#pending.lastId) return false
    for (const body of this.#abandoned.settle(reply)) this.tell(body)
    return true
  }

  /**
   * @param {Request} pending
   * @param {AbortSignal} signal
   */
  #listen(pending, signal) {
    this.#signals ??= new (require('./signals.js').Signals)((pending, signal) => this.#giveUp(pending, failures.aborted(signal)))
    this.#signals.listen(pending, signal)
  }

  /** @param {Request} pending */
  #forget(pending) {
    this.#pending.delete(pending)
    if (this.#asked.size > 0) this.#asked.delete(pending)
    if (pending.release) pending.release()
  }

  /**
   * @param {Request} pending
   * @param {InstanceType<typeof import('../errors.js').BrokerError>} error
   */
  #giveUp(pending, error) {
    if (this.#pending.get(pending.id) !== pending) return
    this.#forget(pending)
    pending.reject(error)
    // Without ids, a reply that is still to come would be taken for the next request's.
    if (this.#link.plain && pending.sent) return this.#link.lose('the connection was given up with a request')
    if (pending.sent && pending.more?.undo) {
      this.#abandoned.add(pending.id, pending.more.undo, this.tell(`"action":"cancel","request":${pending.id}`))
    }
    if (this.#pending.size > 0) return
    if (this.#link.phase === 'seeking') this.#link.disconnect('idle')
    else this.#link.setAwaiting()
  }
}

/** @param {unknown} text */
function described(text) {
  // Loaded when needed.
  return text === null || text === '' ? null : require('./description.js').description(text)
}

/** @param {string | null} text */
function describing(text) {
  return `"action":"describe","text":${JSON.stringify(text)}`
}

module.exports = { Requests }
