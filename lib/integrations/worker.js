// @ts-check
'use strict'

/**
 * The side of an integration that is in test workers: `broker`, a client that is made when it is first used, knows the running test, and gives back what a test took
 * when that is over.
 *
 * Runners load it once for each test file, or once for a process. Its state is the realm's, so that a module that is loaded twice in a test file is the same.
 */

const { Client } = require('../client.js')
const { BrokerError } = require('../errors.js')
const { callsOf } = require('../internals.js')
const { workerName } = require('../worker-name.js')
const { home } = require('./home.js')
const { leakError, leaksFail } = require('./leaks.js')
const { Scope } = require('./scope.js')
const { slotOf } = require('./slot.js')

/** @typedef {import('./types.js').TestBroker} TestBroker */
/** @typedef {import('../../index.js').BrokerReport['leaked'][number]} Leak */

/**
 * What an integration says of itself.
 * - `runner`: as people write it: `Jest`.
 * - `check`: what to check when there is no broker: `that jest.config has preset: 'ephemeral-broker'`.
 * - `name`: the worker's; absent: after the runner's worker number, else the pid.
 * - `slot`: the worker's number from 1 on, where it is not simply what runners set in the environment; null: the runner gives none that is used again.
 * - `running`: the scope of the test that runs now, where the runner can be asked; else it is what was begun last.
 * @typedef {object} Adapter
 * @property {string} runner
 * @property {string} check
 * @property {() => string} [name]
 * @property {() => number | null} [slot]
 * @property {() => InstanceType<typeof Scope> | null | undefined} [running]
 */

class Worker {
  #adapter
  /** @type {InstanceType<typeof Connected> | null} */
  #client = null
  /** The test that runs, where tests run one after the other. @type {InstanceType<typeof Scope> | null} */
  #running = null
  /** What is taken outside of tests. */
  #file = new Scope(null)
  /** Where tests run side by side. @type {import('node:async_hooks').AsyncLocalStorage<InstanceType<typeof Scope>> | null} */
  #contexts = null
  /** @type {string | null} */
  #described = null

  /** @param {Adapter} adapter */
  constructor(adapter) {
    this.#adapter = adapter
    this.broker = facade(() => this.#connected())
  }

  /** Whether anything was asked of the broker in this test file. */
  get isUsed() {
    return this.#client !== null
  }

  /**
   * A test begins: what is taken from now on is its.
   * @param {string} title
   */
  begin(title) {
    this.#running = new Scope(title)
    if (this.#client) this.#describe(this.#scope().title)
    return this.#running
  }

  /**
   * A test is over: what it did not release is given back. The host tells of it.
   * @param {InstanceType<typeof Scope> | null} [scope] @default the one that was begun last
   * @returns {Promise<InstanceType<typeof BrokerError> | null>} for the test to fail with, where a leak is to make it fail
   */
  async end(scope = this.#running) {
    if (scope === null) return null
    if (scope === this.#running) this.#running = null
    const leaks = await scope.end()
    return leaks.length > 0 && leaksFail() ? leakError(leaks) : null
  }

  /**
   * Runs a test beside others.
   * @template T
   * @param {InstanceType<typeof Scope>} scope
   * @param {() => T} test
   * @returns {T}
   */
  run(scope, test) {
    this.#contexts ??= new (require('node:async_hooks').AsyncLocalStorage)()
    return this.#contexts.run(scope, test)
  }

  /**
   * A test file is over: what was taken outside of its tests is given back. What is asked for later begins anew.
   * @param {{ late?: boolean }} [when] `late`: another file runs already. What this one waits for still does not fail in the middle of that: it is given back when granted
   */
  async endFile({ late = false } = {}) {
    const [file, client, test] = [this.#file, this.#client, this.end()]
    this.#file = new Scope(null)
    this.#client = null
    this.#described = null
    await test
    if (client === null) return
    await file.end()
    if (!late || callsOf(client).connection.competing === 0) await client.close()
  }

  #scope() {
    return this.#contexts?.getStore() ?? this.#adapter.running?.() ?? this.#running ?? this.#file
  }

  #connected() {
    // Asked first: with a test file that begins, the one before it may end.
    const { title } = this.#scope()
    if (!this.#client) {
      const pipe = process.env.EPHEMERAL_PIPE
      if (!pipe) throw this.#missing()
      const { name = workerName, slot = slotOf } = this.#adapter
      const client = new Connected(pipe, name(), slot)
      callsOf(client).taker = () => {
        const scope = this.#scope()
        return { granted: token => scope.granted(client, token) }
      }
      this.#client = client
    }
    this.#describe(title)
    return this.#client
  }

  /** @param {string | null} title */
  #describe(title) {
    if (title === this.#described) return
    this.#described = title
    this.#client?.describe(title)
  }

  #missing() {
    const { runner, check } = this.#adapter
    return new BrokerError(
      'no_pipe',
      `this ${runner} worker finds no broker, because EPHEMERAL_PIPE is not set: check ${check}, or run the tests with 'npx ephemeral-broker start -- <command>'`
    )
  }
}

/** A client that knows its worker. */
class Connected extends Client {
  #name
  #slot

  /**
   * @param {string} pipe
   * @param {string} name
   * @param {() => number | null} slot
   */
  constructor(pipe, name, slot) {
    super(pipe, { name })
    this.#name = name
    this.#slot = slot
  }

  get slot() {
    return this.#slot() ?? home().slot(this.pipe, this.#name)
  }

  /**
   * @param {import('../../index.js').WantedPool | readonly import('../../index.js').WantedPool[]} pool
   * @param {import('../../index.js').AcquireOptions} [options]
   */
  async forWorker(pool, { signal, ...options } = {}) {
    if (signal) throw new BrokerError('invalid_option', 'forWorker takes no signal: others may wait for the same lease')
    return JSON.parse(await home().lease(this.pipe, this.#name, JSON.stringify({ pool, options })))
  }
}

/**
 * Looks like a client, and gets it when something is asked of it: the module that exports it can be loaded where there is no broker. Its methods are its own, as tests put
 * spies in their place.
 * @param {() => InstanceType<typeof Connected>} connected
 * @returns {TestBroker}
 */
function facade(connected) {
  /** @type {PropertyDescriptorMap & Record<string | symbol, PropertyDescriptor>} */
  const own = { pipe: { get: () => connected().pipe, configurable: true } }
  for (const { prototype } of [Client, Connected]) {
    for (const key of Reflect.ownKeys(prototype)) {
      if (key === 'constructor') continue
      const { get } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, key))
      own[key] = get
        ? { get: () => Reflect.get(connected(), key), configurable: true }
        : { value: method(key), writable: true, configurable: true }
    }
  }
  /** @param {string | symbol} key */
  function method(key) {
    /** @param {unknown[]} given */
    const call = (...given) => {
      const client = connected()
      return located(Reflect.apply(Reflect.get(client, key), client, given), call)
    }
    return call
  }
  return Object.create(Connected.prototype, own)
}

/** Errors that say already where they come from: what is thrown in `withLock(name, fn)` comes by twice. @type {WeakSet<object>} */
const placed = new WeakSet()

/**
 * What a call returns. When that is a promise which rejects, the error's stack begins where the test made the call, so that runners show that line: the error itself is
 * made where the broker's answer is read.
 * @template T
 * @param {T} returned
 * @param {Function} call the stack begins with who called it
 * @returns {T}
 */
function located(returned, call) {
  if (!(returned instanceof Promise)) return returned
  const here = new Error()
  Error.captureStackTrace(here, call)
  const told = returned.catch(error => {
    if (error instanceof BrokerError && !placed.has(error)) {
      placed.add(error)
      const frames = /\n {4}at .*$/su.exec(here.stack ?? '')
      if (frames) error.stack = `${error}${frames[0]}`
    }
    throw error
  })
  return /** @type {T} */ (told)
}

const WORKER = Symbol.for('ephemeral-broker.worker')
const realm = /** @type {{ [WORKER]?: Worker }} */ (/** @type {unknown} */ (globalThis))

/**
 * The realm's worker. The first integration that is loaded says what it is.
 * @param {Adapter} adapter
 */
function worker(adapter) {
  realm[WORKER] ??= new Worker(adapter)
  return realm[WORKER]
}

/** The realm's worker, if an integration was loaded. */
const currentWorker = () => realm[WORKER]

module.exports = { Scope, currentWorker, worker }
