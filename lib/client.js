// @ts-check
'use strict'

const { Calls } = require('./calls.js')
const { ASK } = require('./host-calls.js')
const { CALLS } = require('./internals.js')
const { BrokerError, show } = require('./errors.js')
const native = require('./native.js')
const operations = require('./operations.js')
const { kinds, readOptions } = require('./options.js')
const { workerName } = require('./worker-name.js')

// No worker needs all of them.
const limits = whenNeeded(() => require('./limits.js'))
const locks = whenNeeded(() => require('./locks.js'))
const onces = whenNeeded(() => require('./once.js'))
const pools = whenNeeded(() => require('./pools.js'))
const ports = whenNeeded(() => require('./ports.js'))
const queues = whenNeeded(() => require('./queue.js'))
const reservations = whenNeeded(() => require('./reservations.js'))
const topics = whenNeeded(() => require('./topics.js'))
const values = whenNeeded(() => require('./values.js'))

/** @typedef {import('../index.js').Client} Api */
/** @typedef {import('../index.js').RequestOptions} RequestOptions */
/** @typedef {import('../index.js').OnceOptions} OnceOptions */

const secret = {
  parse: (/** @type {string} */ text) => text,
  check: (/** @type {any} */ value) => value === null || value === false || kinds.text.check(value),
  allowed: 'a string that is not empty, or false for none'
}

const SPEC = {
  timeout: { kind: kinds.timeout, env: ['CLIENT_TIMEOUT'] },
  wait: { kind: kinds.wait, env: ['CLIENT_WAIT'] },
  debug: { kind: kinds.flag, env: ['CLIENT_DEBUG'], fallback: false },
  secret: { kind: secret, env: ['EPHEMERAL_SECRET', 'CLIENT_SECRET'] },
  compression: { kind: kinds.flag, env: ['CLIENT_COMPRESSION'] },
  compressionThreshold: { kind: kinds.bytes, env: ['CLIENT_COMPRESSION_THRESHOLD'] },
  name: { kind: kinds.text },
  allowNoTtl: { kind: kinds.flag }
}

const DEFAULT_TIMEOUT = 5000
const DEFAULT_WAIT = 60_000

/** The face of it all: what is asked and what the replies mean stands in the files of the operations and primitives. */
class Client {
  #calls

  /**
   * @param {string | null} [pipe]
   * @param {import('../index.js').ClientOptions} [options]
   */
  constructor(pipe, options) {
    const path = pipe ?? process.env.EPHEMERAL_PIPE
    if (path !== undefined && typeof path !== 'string') {
      throw new BrokerError('invalid_option', `the pipe is the path that broker.start() gave, a string, not ${show(path)}`)
    }
    if (!path) {
      throw new BrokerError(
        'no_pipe',
        'there is no broker to connect to: EPHEMERAL_PIPE is not set. Start a Broker before the workers, in the global setup of your runner ' +
          "(onPrepare of WebdriverIO, globalSetup of Jest, Vitest and Playwright), or run them with 'npx ephemeral-broker start -- <command>'"
      )
    }
    const given = readOptions('Client', SPEC, options)
    const { timeout = DEFAULT_TIMEOUT, wait = given.timeout ?? DEFAULT_WAIT, debug, name = workerName() } = given
    const { secret, compression, compressionThreshold } = given
    this.pipe = path
    const wishes = { compression, compressionThreshold }
    this.#calls = new Calls({ pipe: path, name, timeout, debug, secret: secret || null, wishes }, wait)
  }

  /** For parts of this package that look deeper. */
  get [CALLS]() {
    return this.#calls
  }

  get connected() {
    return this.#calls.connection.open
  }

  /** @type {Api['get']} */
  get(key, options) {
    return this.#calls.call(operations.get, options, key)
  }

  /** @type {Api['getSync']} */
  getSync(key, options) {
    return this.#calls.callSync(operations.get, options, key)
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {any} [ttl]
   */
  set(key, value, ttl) {
    return this.#calls.call(operations.set, optionsIn(ttl), key, value, ttl)
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {any} [ttl]
   */
  setSync(key, value, ttl) {
    return this.#calls.callSync(operations.set, optionsIn(ttl), key, value, ttl)
  }

  /** @type {Api['del']} */
  del(key, options) {
    return this.#calls.call(operations.del, options, key)
  }

  /** @type {Api['delSync']} */
  delSync(key, options) {
    return this.#calls.callSync(operations.del, options, key)
  }

  /** @type {Api['has']} */
  has(key, options) {
    return this.#calls.call(operations.has, options, key)
  }

  /** @type {Api['hasSync']} */
  hasSync(key, options) {
    return this.#calls.callSync(operations.has, options, key)
  }

  /** @type {Api['list']} */
  list(options) {
    return this.#calls.call(operations.list, options)
  }

  /** @type {Api['listSync']} */
  listSync(options) {
    return this.#calls.callSync(operations.list, options)
  }

  /** @type {Api['lease']} */
  lease(key, workerId, ttl) {
    return this.#calls.ask(pools().lease, optionsIn(ttl), key, workerId, ttl)
  }

  /** @type {Api['leaseSync']} */
  leaseSync(key, workerId, ttl) {
    return this.#calls.askSync(pools().lease, optionsIn(ttl), key, workerId, ttl)
  }

  /** @type {Api['release']} */
  release(workerId, key, options) {
    return this.#calls.call(operations.release, options, workerId, key)
  }

  /** @type {Api['releaseSync']} */
  releaseSync(workerId, key, options) {
    return this.#calls.callSync(operations.release, options, workerId, key)
  }

  /**
   * @param {any} wanted
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  acquire(wanted, options) {
    return this.#calls.hold(pools().acquire, options, wanted)
  }

  /**
   * @param {any} wanted
   * @param {any} [options]
   * @returns {any}
   */
  acquireSync(wanted, options) {
    return this.#calls.holdSync(pools().acquire, options, wanted)
  }

  /** @type {Api['definePool']} */
  definePool(name, values, options) {
    return this.#calls.ask(pools().define, options, name, values)
  }

  /** @type {Api['addToPool']} */
  addToPool(name, values, options) {
    return this.#calls.ask(pools().add, options, name, values)
  }

  /** @type {Api['listPool']} */
  listPool(name, options) {
    return this.#calls.ask(pools().list, options, name)
  }

  /** @type {Api['lock']} */
  lock(name, options) {
    return this.#calls.hold(locks().lock, options, name)
  }

  /** @type {Api['lockSync']} */
  lockSync(name, options) {
    return this.#calls.holdSync(locks().lock, options, name)
  }

  /** @type {Api['tryLock']} */
  tryLock(name, options) {
    return locks().tryLock(this.#calls, options, name)
  }

  /**
   * @param {string} name
   * @param {any} options
   * @param {any} [fn]
   * @returns {Promise<any>}
   */
  withLock(name, options, fn) {
    return locks().withLock(this.#calls, name, options, fn)
  }

  /** @type {Api['semaphore']} */
  semaphore(name, permits) {
    return new (locks().Semaphore)(this.#calls, name, permits)
  }

  /** @type {Api['reserve']} */
  reserve(...values) {
    return this.#calls.ask(reservations().reserve, undefined, values)
  }

  /** @type {Api['unreserve']} */
  unreserve(...values) {
    return this.#calls.ask(reservations().unreserve, undefined, values)
  }

  /** @type {Api['getPort']} */
  getPort(options) {
    return ports().getPort(this.#calls, options)
  }

  /** @type {Api['releasePort']} */
  releasePort(port) {
    return ports().releasePort(this.#calls, port)
  }

  /** @type {Api['once']} */
  once(key, fn, options) {
    return onces().once(this.#calls, key, fn, /** @type {any} */ (options))
  }

  /** @type {Api['onceSync']} */
  onceSync(key, fn, options) {
    return onces().onceSync(this.#calls, key, fn, /** @type {any} */ (options))
  }

  /** @type {Api['waitFor']} */
  waitFor(key, options) {
    return this.#calls.ask(values().waitFor, options, key)
  }

  /** @type {Api['waitForSync']} */
  waitForSync(key, options) {
    return this.#calls.askSync(values().waitFor, options, key)
  }

  /** @type {Api['watch']} */
  watch(key, options) {
    return values().watch(this.#calls, key, options)
  }

  /** @type {Api['incr']} */
  incr(key, by, options) {
    return this.#calls.ask(values().incr, options, key, by)
  }

  /** @type {Api['incrSync']} */
  incrSync(key, by, options) {
    return this.#calls.askSync(values().incr, options, key, by)
  }

  /** @type {Api['getWithVersion']} */
  getWithVersion(key, options) {
    return this.#calls.ask(values().withVersion, options, key)
  }

  /** @type {Api['update']} */
  update(key, fn, options) {
    return values().update(this.#calls, key, fn, options)
  }

  /** @type {Api['append']} */
  append(list, ...items) {
    return this.#calls.ask(values().append, undefined, list, items)
  }

  /** @type {Api['appendSync']} */
  appendSync(list, ...items) {
    return this.#calls.askSync(values().append, undefined, list, items)
  }

  /** @type {Api['collect']} */
  collect(list, options) {
    return values().collect(this.#calls, list, options)
  }

  /** @type {Api['queue']} */
  queue(name, options) {
    return new (queues().Queue)(this.#calls, name, /** @type {any} */ (options))
  }

  /** @type {Api['limit']} */
  limit(name, options) {
    return this.#calls.ask(limits().limit, options, name)
  }

  /** @type {Api['throttle']} */
  throttle(name, cost, options) {
    return this.#calls.ask(limits().throttle, options, name, cost)
  }

  /** @type {Api['throttleSync']} */
  throttleSync(name, cost, options) {
    return this.#calls.askSync(limits().throttle, options, name, cost)
  }

  /** @type {Api['barrier']} */
  barrier(name, parties, options) {
    return this.#calls.ask(limits().barrier, options, name, parties)
  }

  /**
   * @param {string} topic
   * @param {unknown} data
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  publish(topic, data, options) {
    return topics().publish(this.#calls, topic, data, options)
  }

  /**
   * @param {string} topic
   * @param {any} [options]
   * @returns {any}
   */
  subscribe(topic, options) {
    return topics().subscribe(this.#calls, topic, options)
  }

  /**
   * @param {string} topic
   * @param {unknown} data
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  request(topic, data, options) {
    return topics().request(this.#calls, topic, data, options)
  }

  /** @type {Api['describe']} */
  describe(text) {
    this.#calls.connection.describe(text)
  }

  /** @type {Api['inspect']} */
  inspect(options) {
    return this.#calls.call(operations.inspect, options)
  }

  /** @type {Api['ping']} */
  async ping(options) {
    // Connecting is no part of the round trip.
    if (!this.connected) await this.#calls.call(operations.ping, options)
    const start = native.now()
    await this.#calls.call(operations.ping, options)
    return roundTrip(start)
  }

  /** @type {Api['pingSync']} */
  pingSync(options) {
    if (!this.connected) this.#calls.callSync(operations.ping, options)
    const start = native.now()
    this.#calls.callSync(operations.ping, options)
    return roundTrip(start)
  }

  /** @type {Api['stats']} */
  stats(options) {
    return this.#calls.call(operations.stats, options)
  }

  /** @type {Api['health']} */
  health(options) {
    return this.#calls.call(operations.health, options)
  }

  /** @type {Api['metrics']} */
  metrics(options) {
    return this.#calls.call(operations.metrics, options)
  }

  /**
   * For parts of this package that have a side in the host's process.
   * @param {{ kind: string }} value
   * @param {{ timeout?: number, signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  [ASK](value, options) {
    return this.#calls.call(operations.host, options, value)
  }

  close() {
    return this.#calls.connection.close()
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }
}

/**
 * Loads a file when it is first used.
 * @template T
 * @param {() => T} load
 */
function whenNeeded(load) {
  /** @type {T | undefined} */
  let loaded
  return () => {
    loaded ??= load()
    return loaded
  }
}

/** @param {number} start */
function roundTrip(start) {
  // Above 0 even where the clock is coarse.
  return Math.max(native.now() - start, 0.001)
}

/**
 * The options of a method that takes a TTL or options.
 * @param {unknown} ttl
 * @returns {any}
 */
function optionsIn(ttl) {
  return typeof ttl === 'object' && ttl !== null ? ttl : undefined
}

module.exports = { Client }
