// @ts-check
'use strict'

// Taken now, before a test replaces the clock.
const { setTimeout, clearTimeout } = require('node:timers')
const { Abandoned } = require('./abandoned.js')
const { Alarm } = require('./alarm.js')
const { description } = require('./description.js')
const { BrokerError } = require('./errors.js')
const failures = require('./failures.js')
const { handshake } = require('./handshake.js')
const { Holdings } = require('./holdings.js')
const { Inboxes } = require('./inboxes.js')
const native = require('./native.js')
const { Pending, PendingTable } = require('./pending.js')
const { SignalRequests } = require('./signal-requests.js')
const { trace } = require('./trace.js')

/**
 * What a request comes to: its reply, as the broker sent it.
 * @typedef {Record<string, any> & { id?: number, ok: boolean, error?: string, message?: string }} Reply
 */

/** @typedef {InstanceType<typeof Pending>} Request */

/**
 * Lines that came, as an array of JSON, and what followed those of them that have a member `raw`.
 * @typedef {string | [text: string, payloads: ArrayBuffer[]]} Batch
 */

/**
 * How to reach a broker.
 * @typedef {{ pipe: string, name: string, timeout: number, secret: string | null, debug: boolean, wishes: import('./operations.js').Wishes }} Settings
 */

/** Errors for which a broker may be about to appear. */
const NOT_YET = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN'])
const RETRY_MS = [1, 2, 5, 10, 20, 50]
const settled = Promise.resolve()

/**
 * One connection, many requests on it. It connects with the first of them, and again after it was lost.
 *
 * The requests of a tick leave together, in one write. The end of a tick is found by promises alone, because tests
 * replace timers, `process.nextTick` and `queueMicrotask`.
 */
class Connection {
  #settings
  /** @type {import('../native.js').NativeClient | null} */
  #native = null
  /** @type {'idle' | 'seeking' | 'greeting' | 'open' | 'closed'} */
  #phase = 'idle'
  #pending = new PendingTable()
  /** How many wait for a message. */
  #listening = 0
  /** Lines for the next write, and how many they are. */
  #queue = ''
  #queued = 0
  #seen = 0
  /** What follows those of the lines that say so. @type {Uint8Array[]} */
  #payloads = []
  /** What the broker said of itself. @type {Record<string, any>} */
  #broker = {}
  /** For a broker that does not know sessions: how to write a request. @type {((body: string) => string) | null} */
  #plain = null
  /** Takes the replies of the greeting. @type {((replies: Reply[]) => void) | null} */
  #greeting = null
  #attempts = 0
  /** @type {Promise<void> | null} */
  #closing = null
  /** Takes no requests any more. */
  #leaving = false
  #everOpen = false
  /** @type {NodeJS.Timeout | null} */
  #retry = null
  #alarm = new Alarm(this)
  #abandoned = new Abandoned()
  /** Those that a signal gives up. @type {WeakMap<AbortSignal, InstanceType<typeof SignalRequests>>} */
  #bySignal = new WeakMap()
  /** What this worker does now, as it is told to each broker. @type {string | null} */
  #description = description(process.env.EPHEMERAL_TEST || null)
  /** What this worker did when it asked for what is not sent yet. @type {Map<Request, string | null>} */
  #asked = new Map()
  /** What was granted. */
  holdings = new Holdings(this)
  /** Who gets the messages that come. */
  inboxes = new Inboxes()

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings
  }

  /** How many of the requests under way are for what others may have. */
  get competing() {
    return this.#pending.competing
  }

  get open() {
    return this.#phase === 'open'
  }

  /** What the broker said of itself when it was greeted; nothing before that. */
  get broker() {
    return this.#broker
  }

  /**
   * Sends a request. `body` and `decode` are an operation's.
   * @param {Request['body']} body
   * @param {Request['decode']} decode
   * @param {unknown} subject
   * @param {number} timeout
   * @param {AbortSignal} [signal]
   * @param {import('./calls.js').More | null} [more]
   * @returns {Promise<any>}
   */
  request(body, decode, subject, timeout, signal, more = null) {
    // The collector is what limits the rate: no function is made for a request but the two that a promise needs.
    const promise = new Promise(capture)
    const pending = new Pending(body, decode, subject, deadlineIn(timeout), more)
    pending.resolve = captured.resolve
    pending.reject = captured.reject
    this.#ask(pending, signal)
    return promise
  }

  /**
   * Sends a request and blocks until it has come to something.
   * @param {Request['body']} body
   * @param {Request['decode']} decode
   * @param {unknown} subject
   * @param {number} timeout
   * @param {import('./calls.js').More | null} [more]
   * @returns {any}
   */
  requestSync(body, decode, subject, timeout, more = null) {
    const pending = new Pending(body, decode, subject, deadlineIn(timeout), more)
    /** @type {{ value?: any, error?: unknown } | undefined} */
    let outcome
    pending.resolve = value => (outcome = { value })
    pending.reject = error => (outcome = { error })
    this.#ask(pending)
    while (!outcome) this.#advance(pending)
    if ('error' in outcome) this.#flush()
    this.#native?.setAwaiting(this.#isAwaited)
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  /**
   * Says what this worker does now: with what is sent next, and to each broker that it connects to later.
   * @param {string | null} text
   */
  describe(text) {
    this.#description = text
    if (this.#phase === 'open') this.#tell(describing(text))
  }

  /**
   * Says that so many more wait for a message, or fewer: meanwhile the process goes on.
   * @param {number} more
   */
  listen(more) {
    this.#listening += more
    this.#native?.setAwaiting(this.#isAwaited)
  }

  /**
   * Sends what nobody waits for, if there is a broker to send it to.
   * @param {string} body
   */
  tell(body) {
    if (this.#phase === 'open') this.#tell(body)
  }

  /**
   * The same, and waits until it is done, or cannot be any more.
   * @param {string} body
   */
  async settle(body) {
    if (this.#phase !== 'open' || this.#leaving) return
    await this.request(body, () => undefined, undefined, this.#settings.timeout).catch(() => undefined)
  }

  /**
   * Calls a function after so many ms.
   * @param {number} ms
   * @param {() => void} fn
   * @returns {() => void} says that it need not be called
   */
  after(ms, fn) {
    if (ms >= LONG) return () => {}
    const timer = setTimeout(fn, Math.max(ms, 0))
    return () => clearTimeout(timer)
  }

  /** Takes leave of the broker, and gives up what is under way. */
  close() {
    this.#closing ??= this.#leave()
    return this.#closing
  }

  async #leave() {
    if (this.#phase === 'closed') return
    this.#leaving = true
    const open = this.#phase === 'open' && !this.#plain
    for (const pending of this.#takeAll()) pending.reject(failures.closed())
    if (open) await this.#bye()
    this.#end('closed', failures.closed)
  }

  /**
   * @param {Request} pending
   * @param {AbortSignal} [signal]
   */
  #ask(pending, signal) {
    if (this.#leaving) return pending.reject(failures.closed())
    if (signal?.aborted) return pending.reject(failures.aborted(signal))
    if (signal) this.#listen(pending, signal)
    this.#begin(pending)
  }

  /** @param {Request} pending */
  #begin(pending) {
    this.#pending.add(pending)
    if (this.#settings.debug) trace(pending)
    if (pending.deadline !== NEVER) this.#alarm.set(pending.deadline)
    if (this.#phase === 'open') return this.#enqueue(pending)
    this.#asked.set(pending, this.#description)
    if (this.#phase === 'idle') this.#connect()
  }

  /** @param {Request} pending */
  #enqueue(pending) {
    // A broker that names no ids takes one request at a time: the reply is that one's.
    if (this.#plain && this.#first() !== pending) return
    const body = typeof pending.body === 'string' ? pending.body : pending.body(this.#broker, this.#settings.wishes)
    if (this.#plain) this.#write(this.#plain(body))
    else if (pending.more !== null && pending.more.payload !== undefined) this.#writeWith(pending.more.payload, pending.id, body)
    else this.#write(`{"id":${pending.id},${body}}\n`)
    pending.body = ''
    pending.sent = true
    if (pending.more !== null && pending.more.patience !== 0)
      pending.deadline = pending.more.patience < 0 ? NEVER : deadlineIn(pending.more.patience)
  }

  /**
   * Sends what is not waited for: nobody looks at its reply.
   * @param {string} body
   * @returns {number} its id
   */
  #tell(body) {
    const id = this.#pending.skip()
    if (!this.#plain) this.#write(`{"id":${id},${body}}\n`)
    return id
  }

  /**
   * @param {Uint8Array} payload
   * @param {number} id
   * @param {string} body
   */
  #writeWith(payload, id, body) {
    this.#payloads.push(payload)
    this.#write(`{"raw":${payload.byteLength},"id":${id},${body}}\n`)
  }

  /** @param {string} line */
  #write(line) {
    this.#queue += line
    if (this.#queued++ === 0) {
      this.#seen = 1
      settled.then(this.#endOfTick)
    }
  }

  /** Waits for as long as the tick goes on asking. */
  #endOfTick = () => {
    if (this.#queued !== this.#seen) {
      this.#seen = this.#queued
      settled.then(this.#endOfTick)
    } else {
      this.#flush()
    }
  }

  #flush() {
    if (this.#queue === '') return
    const [lines, payloads] = [this.#queue, this.#payloads]
    this.#queue = ''
    this.#queued = 0
    try {
      if (payloads.length === 0) {
        this.#native?.send(lines)
      } else {
        this.#payloads = []
        this.#native?.send(lines, payloads)
      }
      // What nobody waits for keeps no process.
      if (!this.#isAwaited) this.#native?.setAwaiting(false)
    } catch (error) {
      this.#takeLastWords()
      this.#lost(String(/** @type {Error} */ (error).message))
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
   * Called by the addon, with whole lines or with why the connection ended.
   * @param {Batch | null} batch
   * @param {string | null} error
   * @returns {boolean} whether more is awaited
   */
  #onReady = (batch, error) => {
    if (batch !== null) this.#take(batch)
    if (error !== null) this.#lost(error)
    return this.#isAwaited
  }

  get #isAwaited() {
    return this.#pending.size > 0 || this.#listening > 0
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
      return this.#break(failures.notABroker(this.#settings.pipe))
    }
    if (this.#greeting) return this.#greet(replies)
    const connection = this.#native
    for (const reply of replies) {
      // What one of them ended, and perhaps began anew, is not the others'.
      if (this.#native !== connection) return
      const hasPayload = payloads !== NO_PAYLOADS && reply.raw !== undefined
      this.#settle(reply, hasPayload ? payloads[taken++] : null)
    }
  }

  /**
   * @param {Reply} reply
   * @param {ArrayBuffer | null} payload
   */
  #settle(reply, payload) {
    const pending = this.#plain ? this.#first() : this.#pending.get(/** @type {number} */ (reply?.id))
    if (!pending) return this.#onStray(reply, payload)
    this.#forget(pending)
    if (reply.ok) this.#resolve(pending, reply)
    else this.#refuse(pending, reply)
    if (this.#plain) this.#next()
  }

  /**
   * @param {Request} pending
   * @param {Reply} reply
   */
  #resolve(pending, reply) {
    let value
    try {
      value = pending.decode(reply, pending.subject, this.#broker)
    } catch (error) {
      // What it grants is nobody's.
      for (const body of pending.more?.undo?.(reply) ?? []) this.#tell(body)
      return pending.reject(error)
    }
    pending.resolve(value)
  }

  /**
   * @param {Request} pending
   * @param {Reply} reply
   */
  #refuse(pending, reply) {
    const value = pending.more?.refused?.(reply)
    if (value === undefined) pending.reject(failures.refused(reply))
    else pending.resolve(value)
  }

  /**
   * An event, or the reply to a request that was given up.
   * @param {Reply} reply
   * @param {ArrayBuffer | null} payload
   */
  #onStray(reply, payload) {
    if (reply.id === undefined && typeof reply.event === 'string') {
      if (reply.event === 'message') this.inboxes.take(reply, payload)
      else if (reply.event === 'ended') this.inboxes.finish(reply)
      else if (reply.event === 'lost') this.holdings.lose(reply.token, failures.heldLost(reply.message))
    } else if (typeof reply.id === 'number' && reply.id <= this.#pending.lastId) {
      for (const body of this.#abandoned.settle(reply)) this.#tell(body)
    } else {
      this.#break(failures.unasked(this.#settings.pipe, reply.message))
    }
  }

  /** The request whose turn it is, with a broker that takes one at a time. */
  #first() {
    return this.#pending.first()
  }

  #next() {
    const first = this.#first()
    if (first && !first.sent) this.#enqueue(first)
  }

  #connect() {
    this.#phase = 'seeking'
    this.#attempts = 0
    this.#seek()
  }

  /** Tries to connect; later again, when a broker may be about to appear. */
  #seek() {
    const { pipe } = this.#settings
    try {
      this.#native = native.NativeClient.connect(pipe, this.#onReady, THREADED)
    } catch (error) {
      return this.#unreachable(/** @type {Error} */ (error))
    }
    const user = this.#native.peerUser()
    const own = process.geteuid?.()
    if (!this.#settings.secret && user != null && own !== undefined && user !== own && user !== 0) {
      return this.#break(failures.untrusted(pipe, user, own))
    }
    this.#phase = 'greeting'
    this.#everOpen = true
    const greeting = handshake(this.#settings)
    this.#greeting = replies => greeting.next(replies)
    this.#greet([])
  }

  /** @param {Error} error */
  #unreachable(error) {
    const [, code = 'EIO', text = error.message] = /^([A-Z]+): (.*)$/su.exec(error.message) ?? []
    const gone = this.#everOpen && code !== 'EAGAIN'
    if (gone || !NOT_YET.has(code)) return this.#break(failures.unreachable(this.#settings.pipe, code, text, gone))
    const delay = RETRY_MS[Math.min(this.#attempts++, RETRY_MS.length - 1)]
    this.#retry = setTimeout(() => this.#phase === 'seeking' && this.#seek(), delay)
  }

  /**
   * A step of the greeting.
   * @param {Reply[]} replies
   */
  #greet(replies) {
    let step
    try {
      step = /** @type {(replies: Reply[]) => any} */ (this.#greeting)(replies)
    } catch (error) {
      return this.#break(/** @type {InstanceType<typeof BrokerError>} */ (error))
    }
    if (!step.done) {
      if (step.value === '') return
      this.#queue += step.value
      return this.#flush()
    }
    this.#greeting = null
    this.#broker = step.value.broker
    this.#plain = step.value.plain ?? null
    this.#phase = 'open'
    /** @type {string | null} */
    let said = null
    const describe = (/** @type {string | null} */ text) => {
      if (text !== said) this.#tell(describing(text))
      said = text
    }
    for (const pending of this.#pending.all()) {
      describe(this.#asked.get(pending) ?? null)
      this.#enqueueOrReject(pending)
    }
    describe(this.#description)
    this.#asked.clear()
    this.#flush()
  }

  /** @param {Request} pending */
  #enqueueOrReject(pending) {
    try {
      this.#enqueue(pending)
    } catch (error) {
      this.#forget(pending)
      pending.reject(error)
    }
  }

  /** @returns {Promise<void>} settles when the broker has taken leave, or cannot any more */
  #bye() {
    const left = new Promise(settle => {
      const bye = new Pending('"action":"bye"', () => undefined, undefined, deadlineIn(this.#settings.timeout), null)
      bye.resolve = bye.reject = () => settle(undefined)
      this.#begin(bye)
    })
    this.#flush()
    return left
  }

  /** @param {string} why */
  #lost(why) {
    this.#end('idle', pending => failures.lost(why, pending.sent))
  }

  /** @param {InstanceType<typeof BrokerError>} error */
  #break(error) {
    this.#end('idle', () => new BrokerError(error.code, error.message, { cause: error.cause, details: error.details }))
  }

  /**
   * @param {'idle' | 'closed'} phase
   * @param {(pending: Request) => InstanceType<typeof BrokerError>} why
   */
  #end(phase, why) {
    const given = this.#takeAll()
    this.#disconnect(phase)
    for (const pending of given) pending.reject(why(pending))
    // Last: who hears of it may ask again at once.
    const text = this.#leaving ? 'this client was closed' : 'the connection to the broker has ended'
    this.holdings.loseAll(() => failures.heldLost(text))
    this.inboxes.finishAll(() => (this.#leaving ? null : failures.subscriptionLost()))
  }

  /** @param {'idle' | 'closed'} phase */
  #disconnect(phase) {
    this.#native?.close()
    this.#native = null
    this.#phase = phase
    this.#greeting = null
    this.#plain = null
    this.#queue = ''
    this.#queued = 0
    this.#payloads = []
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    this.#abandoned.clear()
  }

  /** All that is under way, which is not any more. */
  #takeAll() {
    const all = this.#pending.all()
    for (const pending of all) this.#forget(pending)
    return all
  }

  /** @param {Request} pending */
  #forget(pending) {
    this.#pending.delete(pending)
    if (pending.release) pending.release()
  }

  /**
   * One signal may be many requests': it is listened to once.
   * @param {Request} pending
   * @param {AbortSignal} signal
   */
  #listen(pending, signal) {
    const requests = this.#bySignal.get(signal) ?? this.#requestsOf(signal)
    requests.add(pending)
    pending.release = () => requests.delete(pending)
  }

  /** @param {AbortSignal} signal */
  #requestsOf(signal) {
    const requests = new SignalRequests(
      signal,
      pending => this.#giveUp(pending, failures.aborted(signal)),
      () => this.#bySignal.delete(signal)
    )
    this.#bySignal.set(signal, requests)
    return requests
  }

  /**
   * @param {Request} pending
   * @param {InstanceType<typeof BrokerError>} error
   */
  #giveUp(pending, error) {
    if (this.#pending.get(pending.id) !== pending) return
    this.#forget(pending)
    pending.reject(error)
    // Without ids, a reply that is still to come would be taken for the next request's.
    if (this.#plain && pending.sent) return this.#lost('the connection was given up with a request')
    if (pending.sent && pending.more?.undo) {
      this.#abandoned.add(pending.id, pending.more.undo, this.#tell(`"action":"cancel","request":${pending.id}`))
    }
    if (this.#pending.size > 0) return
    if (this.#phase === 'seeking') this.#disconnect('idle')
    else this.#native?.setAwaiting(this.#isAwaited)
  }

  /** Called by the alarm: gives up what has waited for too long. */
  expire() {
    const now = native.now()
    for (const pending of this.#pending.all()) {
      if (pending.deadline === NEVER) continue
      if (pending.deadline <= now) this.#giveUp(pending, failures.timedOut(this.#settings.pipe, pending.sent, this.#phase === 'greeting'))
      else this.#alarm.set(pending.deadline)
    }
  }

  /**
   * A blocking request's step: whatever brings it further.
   * @param {Request} pending
   */
  #advance(pending) {
    const left = pending.deadline === NEVER ? LONG : pending.deadline - native.now()
    if (left <= 0) return this.#giveUp(pending, failures.timedOut(this.#settings.pipe, pending.sent, this.#phase === 'greeting'))
    if (this.#phase === 'seeking') {
      sleep(Math.min(left, RETRY_MS[Math.min(this.#attempts, RETRY_MS.length - 1)]))
      if (this.#retry) clearTimeout(this.#retry)
      return this.#seek()
    }
    this.#flush()
    try {
      const batch = this.#native?.receive(left)
      if (batch != null) this.#take(batch)
    } catch (error) {
      this.#lost(String(/** @type {Error} */ (error).message))
    }
  }
}

/** @type {ArrayBuffer[]} */
const NO_PAYLOADS = []

/** The deadline of what has none: a small number, as the others are. */
const NEVER = 0
/** What cannot be waited for in one step, or at all. */
const LONG = 2 ** 30

/** @param {number} timeout */
function deadlineIn(timeout) {
  return timeout < LONG ? Math.ceil(native.now() + timeout) : NEVER
}

/** @param {string | null} text */
function describing(text) {
  return `"action":"describe","text":${JSON.stringify(text)}`
}

/** @param {unknown} reply */
function isReply(reply) {
  return typeof reply === 'object' && reply !== null
}

/** Where `capture` leaves what a promise was given. */
const captured = { resolve: (/** @type {any} */ _value) => {}, reject: (/** @type {unknown} */ _error) => {} }

/**
 * @param {(value: any) => void} resolve
 * @param {(error: unknown) => void} reject
 */
function capture(resolve, reject) {
  captured.resolve = resolve
  captured.reject = reject
}

/** The escape hatch for a host whose event loop cannot watch the connection: a thread reads it. */
const THREADED = process.env.EPHEMERAL_BROKER_IO === 'thread' || 'bun' in process.versions || 'deno' in process.versions

/** @param {number} ms */
function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

module.exports = { Connection }
