// @ts-check
'use strict'

const { Connection } = require('./connection.js')
const { BrokerError, show } = require('./errors.js')
const native = require('./native.js')
const operations = require('./operations.js')
const { kinds, readOptions } = require('./options.js')
const { workerName } = require('./worker-name.js')

/** @typedef {{ timeout?: number, signal?: AbortSignal }} RequestOptions */
/** @typedef {import('./operations.js').Operation} Operation */

const secret = {
  parse: (/** @type {string} */ text) => text,
  check: (/** @type {any} */ value) => value === null || value === false || kinds.text.check(value),
  allowed: 'a string that is not empty, or false for none'
}

const SPEC = {
  timeout: { kind: kinds.timeout, env: ['CLIENT_TIMEOUT'], fallback: 5000 },
  debug: { kind: kinds.flag, env: ['CLIENT_DEBUG'], fallback: false },
  secret: { kind: secret, env: ['EPHEMERAL_SECRET', 'CLIENT_SECRET'] },
  compression: { kind: kinds.flag, env: ['CLIENT_COMPRESSION'] },
  compressionThreshold: { kind: kinds.bytes, env: ['CLIENT_COMPRESSION_THRESHOLD'] },
  name: { kind: kinds.text },
  allowNoTtl: { kind: kinds.flag }
}

class Client {
  #timeout
  #connection

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
    const { timeout, debug, secret, name = workerName(), compression, compressionThreshold } = readOptions('Client', SPEC, options)
    this.pipe = path
    this.#timeout = timeout
    const wishes = { compression, compressionThreshold }
    this.#connection = new Connection({ pipe: path, name, timeout, debug, secret: secret || null, wishes })
  }

  get connected() {
    return this.#connection.open
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  get(key, options) {
    return this.#call(operations.get, options, key)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  getSync(key, options) {
    return this.#callSync(operations.get, options, key)
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | (RequestOptions & { ttl?: number })} [ttl]
   */
  set(key, value, ttl) {
    return this.#call(operations.set, optionsIn(ttl), key, value, ttl)
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | (RequestOptions & { ttl?: number })} [ttl]
   */
  setSync(key, value, ttl) {
    return this.#callSync(operations.set, optionsIn(ttl), key, value, ttl)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  del(key, options) {
    return this.#call(operations.del, options, key)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  delSync(key, options) {
    return this.#callSync(operations.del, options, key)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  has(key, options) {
    return this.#call(operations.has, options, key)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  hasSync(key, options) {
    return this.#callSync(operations.has, options, key)
  }

  /** @param {RequestOptions} [options] */
  list(options) {
    return this.#call(operations.list, options)
  }

  /** @param {RequestOptions} [options] */
  listSync(options) {
    return this.#callSync(operations.list, options)
  }

  /**
   * @param {string} key
   * @param {string | number} workerId
   * @param {number | (RequestOptions & { ttl?: number, detached?: boolean })} [ttl]
   */
  lease(key, workerId, ttl) {
    return this.#call(operations.lease, optionsIn(ttl), key, workerId, ttl)
  }

  /**
   * @param {string} key
   * @param {string | number} workerId
   * @param {number | (RequestOptions & { ttl?: number, detached?: boolean })} [ttl]
   */
  leaseSync(key, workerId, ttl) {
    return this.#callSync(operations.lease, optionsIn(ttl), key, workerId, ttl)
  }

  /**
   * @param {string | number} workerId
   * @param {string} [key]
   * @param {RequestOptions} [options]
   */
  release(workerId, key, options) {
    return this.#call(operations.release, options, workerId, key)
  }

  /**
   * @param {string | number} workerId
   * @param {string} [key]
   * @param {RequestOptions} [options]
   */
  releaseSync(workerId, key, options) {
    return this.#callSync(operations.release, options, workerId, key)
  }

  /** @param {RequestOptions} [options] */
  async ping(options) {
    // Connecting is no part of the round trip.
    if (!this.connected) await this.#call(operations.ping, options)
    const start = native.now()
    await this.#call(operations.ping, options)
    return roundTrip(start)
  }

  /** @param {RequestOptions} [options] */
  pingSync(options) {
    if (!this.connected) this.#callSync(operations.ping, options)
    const start = native.now()
    this.#callSync(operations.ping, options)
    return roundTrip(start)
  }

  /** @param {RequestOptions} [options] */
  stats(options) {
    return this.#call(operations.stats, options)
  }

  /** @param {RequestOptions} [options] */
  health(options) {
    return this.#call(operations.health, options)
  }

  /** @param {RequestOptions} [options] */
  metrics(options) {
    return this.#call(operations.metrics, options)
  }

  close() {
    return this.#connection.close()
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  /**
   * @param {Operation} operation
   * @param {RequestOptions | null | undefined} options
   * @param {any} [a] the operation's arguments; the first is its subject
   * @param {any} [b]
   * @param {any} [c]
   */
  #call({ encode, decode }, options, a, b, c) {
    try {
      const body = encode(a, b, c)
      if (options === undefined || options === null) return this.#connection.request(body, decode, a, this.#timeout)
      const { timeout = this.#timeout, signal } = checked(options)
      return this.#connection.request(body, decode, a, timeout, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {Operation} operation
   * @param {RequestOptions | null | undefined} options
   * @param {any} [a]
   * @param {any} [b]
   * @param {any} [c]
   */
  #callSync({ encode, decode }, options, a, b, c) {
    const body = encode(a, b, c)
    const { timeout = this.#timeout } = checked(options ?? {})
    return this.#connection.requestSync(body, decode, a, timeout)
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
 * @returns {RequestOptions | undefined}
 */
function optionsIn(ttl) {
  return typeof ttl === 'object' && ttl !== null ? ttl : undefined
}

/**
 * @param {RequestOptions} options
 * @returns {RequestOptions}
 */
function checked(options) {
  if (typeof options !== 'object') throw new BrokerError('invalid_option', `a request takes an object of options, not ${show(options)}`)
  const { timeout } = options
  if (timeout !== undefined && !kinds.timeout.check(timeout)) {
    throw new BrokerError('invalid_option', `timeout of a request must be ${kinds.timeout.allowed}, not ${show(timeout)}`)
  }
  return options
}

module.exports = { Client }
