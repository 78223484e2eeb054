// @ts-check
'use strict'

const { SemaphoreCreationError } = require('./errors.js')
const { nameOf } = require('./names.js')
const states = require('./state.js')
const { apart, letGo } = require('./worker.js')

/** @typedef {import('../../index.js').Client} Client */
/** @typedef {import('./errors.js').Definition} Definition */
/** @typedef {import('./state.js').State} State */

/** Longer than any run, in ms: a broker may ask for a TTL. */
const FOR_EVER = 100 * 365 * 24 * 60 * 60 * 1000
const UNCHANGED = Symbol('unchanged')

/**
 * A semaphore's state, shared by all workers: the value of a key, changed by comparing versions.
 *
 * Whoever is to be served later, or has what is to come back, stands in the state by a name of his own, and holds the broker's lock of that name. Who gets this
 * lock knows that he is gone, and takes him out: the first of those who wait looks after all who have something; who does not wait looks for the dead where
 * there is too little for him.
 *
 * Of those who wait the first alone watches the state. Each holds a second lock, his *turn*, until he was served; the one behind him waits for that, however it
 * comes free.
 */
class Counter {
  #client
  #name
  #id
  #definition
  /** @type {Promise<void> | null} */
  #defined = null
  /** This thread's last change: they are made one after the other, in the order in which they were asked for. @type {Promise<unknown>} */
  #last = Promise.resolve()

  /**
   * @param {Client} client
   * @param {string} name
   * @param {string} id for errors
   * @param {Definition} definition
   */
  constructor(client, name, id, definition) {
    this.#client = client
    this.#name = name
    this.#id = id
    this.#definition = definition
  }

  /** Sees that all mean the same semaphore. What was once found stays so. */
  define() {
    this.#defined ??= this.#define().catch(error => {
      if (!(error instanceof SemaphoreCreationError)) this.#defined = null
      throw error
    })
    return this.#defined
  }

  /**
   * Takes a name, and holds its lock.
   * @param {boolean} mayWait whether it holds its turn too
   */
  async hold(mayWait) {
    // Loaded when needed.
    const holder = require('node:crypto').randomBytes(9).toString('base64url')
    const names = mayWait ? [this.#lockOf(holder), this.#turnOf(holder)] : [this.#lockOf(holder)]
    const [lock, turn = null] = await apart(() => Promise.all(names.map(name => this.#client.lock(name, { wait: Infinity }))))
    return new Hold(holder, lock, turn)
  }

  /**
   * Takes an amount, past those who wait, or nothing where there is less.
   * @param {number} amount
   * @param {Hold} [hold] with which it comes back
   */
  async take(amount, hold) {
    let isTaken = false
    do {
      isTaken = (await this.#change(state => states.take(state, amount, hold?.holder))) !== null
      // What the dead had may first go to others who wait, and are dead too.
    } while (!isTaken && (await this.#bury()))
    if (isTaken) hold?.check()
    return isTaken
  }

  /**
   * Takes an amount when there is as much for this one too, after all who came before. What is managed, or was waited for, comes back with `hold`.
   * @param {number} amount
   * @param {Hold} hold
   * @returns {Promise<boolean>} whether it was waited for
   */
  async takeInTurn(amount, hold) {
    const state = await this.#change(state => states.join(state, amount, hold.holder))
    const isWaiting = state !== null && states.isWaiting(state, hold.holder)
    if (isWaiting) await this.#served(hold.holder)
    if (hold.turn) letGo(hold.turn)
    if (isWaiting || this.#definition.managed) hold.check()
    return isWaiting
  }

  /** @param {number} amount */
  async add(amount) {
    await this.#change(state => states.add(state, amount))
  }

  /**
   * What was taken does not come back with `hold` any more.
   * @param {Hold} hold
   */
  async keep(hold) {
    await this.#change(state => states.keep(state, hold.holder))
  }

  /**
   * Gives back what is beyond an amount; all: and its name. Where that fails, the others do it when the lock comes free.
   * @param {Hold} hold
   * @param {number} [remaining]
   */
  async giveBack({ holder, lock, turn }, remaining = 0) {
    await this.#giveBack(holder, remaining).catch(() => null)
    if (remaining > 0) return
    letGo(lock)
    if (turn) letGo(turn)
  }

  async #define() {
    if (await this.#client.set(this.#name, states.fresh(this.#definition), { ttl: FOR_EVER, ifAbsent: true })) return
    /** @type {State} */
    const actual = await this.#client.get(this.#name)
    const { initialValue, managed } = this.#definition
    if (actual.initialValue !== initialValue || actual.managed !== managed) {
      throw new SemaphoreCreationError(this.#id, this.#definition, actual)
    }
  }

  /** @param {string} holder */
  #lockOf(holder) {
    return `${this.#name}|${holder}`
  }

  /** @param {string} holder */
  #turnOf(holder) {
    return `${this.#lockOf(holder)}|turn`
  }

  /** @param {string} holder */
  async #served(holder) {
    let before = await this.#before(holder)
    while (before) {
      const turn = await this.#shared(this.#turnOf(before))
      const next = await this.#before(holder)
      // His turn came free, and he still waits: he is gone.
      if (next === before) await this.#giveBack(before).finally(() => letGo(turn))
      else letGo(turn)
      before = next === before ? await this.#before(holder) : next
    }
    await this.#servedFirst(holder)
  }

  /**
   * Who is to be served before another.
   * @param {string} holder
   */
  async #before(holder) {
    return states.before(await this.#client.get(this.#name), holder)
  }

  /**
   * For the first of those who wait, or one who has been served.
   * @param {string} holder
   */
  async #servedFirst(holder) {
    const over = new AbortController()
    /** @type {Set<string>} */
    const watched = new Set()
    try {
      for await (const { value: state } of this.#client.watch(this.#name, { signal: over.signal })) {
        if (!state || !states.isWaiting(state, holder)) return
        for (const other of Object.keys(state.held)) this.#lookAfter(other, watched, over.signal)
      }
    } finally {
      over.abort()
    }
  }

  /**
   * Takes somebody out when he is gone.
   * @param {string} holder
   * @param {Set<string>} watched
   * @param {AbortSignal} signal
   */
  #lookAfter(holder, watched, signal) {
    if (watched.has(holder)) return
    watched.add(holder)
    // Where it fails the watch has failed too, or is over.
    this.#shared(this.#lockOf(holder), signal)
      .then(lock => this.#giveBack(holder).finally(() => letGo(lock)))
      .catch(() => null)
  }

  /**
   * Waits until somebody has let go of his lock. Shared, so that all who look find the same.
   * @param {string} name
   * @param {AbortSignal} [signal]
   */
  #shared(name, signal) {
    return apart(() => this.#client.lock(name, { shared: true, wait: Infinity, signal }))
  }

  /** Takes those out who are gone and had something; whether there were any. */
  async #bury() {
    /** @type {State} */
    const { held } = await this.#client.get(this.#name)
    const found = Object.keys(held).map(async holder => {
      const lock = await apart(() => this.#client.tryLock(this.#lockOf(holder), { shared: true }))
      if (!lock) return false
      await this.#giveBack(holder).finally(() => letGo(lock))
      return true
    })
    return (await Promise.all(found)).includes(true)
  }

  /**
   * @param {string} holder
   * @param {number} [remaining]
   */
  #giveBack(holder, remaining) {
    return this.#change(state => states.giveBack(state, holder, remaining))
  }

  /**
   * @param {(state: State) => State | null} change null: it stays as it is
   * @returns {Promise<State | null>} what it was changed to
   */
  #change(change) {
    const changed = this.#last.then(() => this.#update(change))
    this.#last = changed.catch(() => null)
    return changed
  }

  /** @param {(state: State) => State | null} change */
  async #update(change) {
    try {
      return await this.#client.update(
        this.#name,
        (state = states.fresh(this.#definition)) => {
          const next = change(state)
          if (next === null) throw UNCHANGED
          return next
        },
        { ttl: FOR_EVER }
      )
    } catch (error) {
      if (error === UNCHANGED) return null
      throw error
    }
  }
}

/** A name in the state, the lock that says that its bearer lives, and the one that says that he was not served. */
class Hold {
  /**
   * @param {string} holder
   * @param {import('../../index.js').Lock} lock
   * @param {import('../../index.js').Lock | null} turn
   */
  constructor(holder, lock, turn) {
    this.holder = holder
    this.lock = lock
    this.turn = turn
  }

  /** Throws when the connection was lost: to the others it looks as if the bearer had died. */
  check() {
    if (this.lock.signal.aborted) throw this.lock.signal.reason
  }
}

/** @type {WeakMap<Client, Map<string, Counter>>} */
const counters = new WeakMap()

/**
 * The same for all objects of this thread that mean the same semaphore: what is asked of them is done in order.
 * @param {Client} client
 * @param {string} contextId
 * @param {string} id
 * @param {Definition} definition
 * @returns {Counter}
 */
function counterOf(client, contextId, id, definition) {
  /** @type {Map<string, Counter>} */
  const known = counters.get(client) ?? new Map()
  counters.set(client, known)
  const name = nameOf('cooperate-semaphore', contextId, id)
  const key = `${name}|${definition.managed}|${definition.initialValue}`
  const counter = known.get(key) ?? new Counter(client, name, id, definition)
  known.set(key, counter)
  return counter
}

module.exports = { Counter, counterOf }
