// @ts-check
'use strict'

const { deflate, inflate } = require('./compression.js')
const { Connection } = require('./connection.js')
const { BrokerError, show } = require('./errors.js')
const native = require('./native.js')
const { kinds, readOptions } = require('./options.js')
const { workerName } = require('./worker-name.js')

/** @typedef {import('./connection.js').Reply} Reply */
/** @typedef {{ timeout?: number, signal?: AbortSignal }} RequestOptions */

/**
 * A request made ready: what is sent, and what its reply means.
 * @typedef {{ body: string | (() => string), result: (reply: Reply) => any, options: RequestOptions | undefined }} Call
 */

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

const DEFAULT_THRESHOLD = 1024

class Client {
  #options
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
    this.#options = readOptions('Client', SPEC, options)
    const { timeout, debug, secret, name = workerName() } = this.#options
    this.pipe = path
    this.#connection = new Connection({ pipe: path, name, timeout, debug, secret: secret || null })
  }

  get connected() {
    return this.#connection.open
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  get(key, options) {
    return this.#run(this.#get, key, options)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  getSync(key, options) {
    return this.#runSync(this.#get(key, options))
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | (RequestOptions & { ttl?: number })} [ttl]
   */
  set(key, value, ttl) {
    return this.#run(this.#set, key, value, ttl)
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | (RequestOptions & { ttl?: number })} [ttl]
   */
  setSync(key, value, ttl) {
    return this.#runSync(this.#set(key, value, ttl))
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  del(key, options) {
    return this.#run(this.#del, key, options)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  delSync(key, options) {
    return this.#runSync(this.#del(key, options))
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  has(key, options) {
    return this.#run(this.#has, key, options)
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   */
  hasSync(key, options) {
    return this.#runSync(this.#has(key, options))
  }

  /** @param {RequestOptions} [options] */
  list(options) {
    return this.#run(this.#ask, 'list', items, options)
  }

  /** @param {RequestOptions} [options] */
  listSync(options) {
    return this.#runSync(this.#ask('list', items, options))
  }

  /**
   * @param {string} key
   * @param {string | number} workerId
   * @param {number | (RequestOptions & { ttl?: number, detached?: boolean })} [ttl]
   */
  lease(key, workerId, ttl) {
    return this.#run(this.#lease, key, workerId, ttl)
  }

  /**
   * @param {string} key
   * @param {string | number} workerId
   * @param {number | (RequestOptions & { ttl?: number, detached?: boolean })} [ttl]
   */
  leaseSync(key, workerId, ttl) {
    return this.#runSync(this.#lease(key, workerId, ttl))
  }

  /**
   * @param {string | number} workerId
   * @param {string} [key]
   * @param {RequestOptions} [options]
   */
  release(workerId, key, options) {
    return this.#run(this.#release, workerId, key, options)
  }

  /**
   * @param {string | number} workerId
   * @param {string} [key]
   * @param {RequestOptions} [options]
   */
  releaseSync(workerId, key, options) {
    return this.#runSync(this.#release(workerId, key, options))
  }

  /** @param {RequestOptions} [options] */
  async ping(options) {
    if (!this.connected) await this.#run(this.#ask, 'ping', nothing, options)
    const start = native.now()
    await this.#run(this.#ask, 'ping', nothing, options)
    return roundTrip(start)
  }

  /** @param {RequestOptions} [options] */
  pingSync(options) {
    if (!this.connected) this.#runSync(this.#ask('ping', nothing, options))
    const start = native.now()
    this.#runSync(this.#ask('ping', nothing, options))
    return roundTrip(start)
  }

  /** @param {RequestOptions} [options] */
  stats(options) {
    return this.#run(this.#ask, 'stats', (/** @type {Reply} */ reply) => reply.stats, options)
  }

  /** @param {RequestOptions} [options] */
  health(options) {
    return this.#run(this.#ask, 'health', withoutId, options)
  }

  /** @param {RequestOptions} [options] */
  metrics(options) {
    return this.#run(this.#ask, 'metrics', (/** @type {Reply} */ reply) => reply.metrics, options)
  }

  close() {
    return this.#connection.close()
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   * @returns {Call}
   */
  #get(key, options) {
    return { body: `"action":"get","key":${keyText(key)}`, result: reply => this.#value(key, reply), options }
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | (RequestOptions & { ttl?: number })} [ttl]
   * @returns {Call}
   */
  #set(key, value, ttl) {
    const [time, options] = ttlOf(ttl)
    const json = valueText(key, value)
    const head = `"action":"set","key":${keyText(key)}`
    const plain = `${head},"value":${json}${time}`
    const body = this.#mayCompress(json) ? () => this.#compressed(head, json, time) ?? plain : plain
    return { body, result: yes, options }
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   * @returns {Call}
   */
  #del(key, options) {
    return { body: `"action":"del","key":${keyText(key)}`, result: reply => reply.deleted ?? true, options }
  }

  /**
   * @param {string} key
   * @param {RequestOptions} [options]
   * @returns {Call}
   */
  #has(key, options) {
    return { body: `"action":"has","key":${keyText(key)}`, result: reply => reply.exists, options }
  }

  /**
   * @param {string} key
   * @param {string | number} workerId
   * @param {number | (RequestOptions & { ttl?: number, detached?: boolean })} [ttl]
   * @returns {Call}
   */
  #lease(key, workerId, ttl) {
    const worker = nameOf(workerId)
    if (!key || !worker) {
      throw new BrokerError('key_and_worker_required', `lease takes a key and a workerId, not ${show(key)} and ${show(workerId)}`)
    }
    const [time, options] = ttlOf(ttl)
    const detached = /** @type {any} */ (options)?.detached ? ',"detached":true' : ''
    const body = `"action":"lease","key":${keyText(key)},"workerId":${JSON.stringify(worker)}${time}${detached}`
    return { body, result: reply => reply.value, options }
  }

  /**
   * @param {string | number} workerId
   * @param {string} [key]
   * @param {RequestOptions} [options]
   * @returns {Call}
   */
  #release(workerId, key, options) {
    const worker = nameOf(workerId)
    if (!worker) throw new BrokerError('worker_required', `release takes a workerId, not ${show(workerId)}`)
    const only = key === undefined ? '' : `,"key":${keyText(key)}`
    return { body: `"action":"release","workerId":${JSON.stringify(worker)}${only}`, result: reply => reply.released, options }
  }

  /**
   * @param {string} action
   * @param {(reply: Reply) => any} result
   * @param {RequestOptions} [options]
   * @returns {Call}
   */
  #ask(action, result, options) {
    return { body: `"action":"${action}"`, result, options }
  }

  /**
   * @template {any[]} A
   * @param {(...args: A) => Call} prepare
   * @param {A} args
   * @returns {Promise<any>}
   */
  #run(prepare, ...args) {
    return new Promise((resolve, reject) => {
      const { body, result, options } = prepare.apply(this, args)
      const finish = (/** @type {Reply} */ reply) => {
        try {
          resolve(result(reply))
        } catch (error) {
          reject(error)
        }
      }
      const { timeout, signal } = checked(options)
      const limit = timeout ?? this.#options.timeout
      if (!this.#options.debug) this.#connection.request(body, finish, reject, limit, signal)
      else this.#traced(body, finish, reject, limit, signal)
    })
  }

  /** @param {Call} call */
  #runSync({ body, result, options }) {
    return result(this.#connection.requestSync(body, checked(options).timeout ?? this.#options.timeout))
  }

  /** @type {(body: Call['body'], resolve: (reply: Reply) => void, reject: (error: any) => void, timeout: number, signal?: AbortSignal) => void} */
  #traced(body, resolve, reject, timeout, signal) {
    const start = native.now()
    const action = typeof body === 'string' ? (/"action":"([a-z]+)"/u.exec(body)?.[1] ?? '?') : 'set'
    const log = (/** @type {string} */ outcome) =>
      process.stderr.write(`[client] ${action}: ${outcome} (${roundTrip(start).toFixed(3)} ms)\n`)
    const onReply = (/** @type {Reply} */ reply) => {
      log('ok')
      resolve(reply)
    }
    const onError = (/** @type {any} */ error) => {
      log(error.code)
      reject(error)
    }
    this.#connection.request(body, onReply, onError, timeout, signal)
  }

  /**
   * @param {string} key
   * @param {Reply} reply
   */
  #value(key, reply) {
    return reply.compressed ? inflate(key, reply.value, this.#connection.broker.limits?.maxValueSize) : reply.value
  }

  /** Whether that is so may be known only when the broker is. @param {string} json */
  #mayCompress(json) {
    const { compression, compressionThreshold } = this.#options
    return (
      compression !== false &&
      json.length >= (compressionThreshold ?? 1) &&
      (compression === true || this.#connection.broker.compression?.enabled !== false)
    )
  }

  /**
   * @param {string} head
   * @param {string} json
   * @param {string} time
   */
  #compressed(head, json, time) {
    const { compression, compressionThreshold } = this.#options
    const wished = this.#connection.broker.compression
    const enabled = compression ?? wished?.enabled ?? false
    if (!enabled || json.length < (compressionThreshold ?? wished?.threshold ?? DEFAULT_THRESHOLD)) return null
    const packed = deflate(json)
    return packed === null
      ? null
      : `${head},"value":"${packed}"${time},"compressed":true,"beforeSize":${json.length},"afterSize":${packed.length}`
  }
}

const yes = () => true
const nothing = () => undefined
const items = (/** @type {Reply} */ reply) => reply.items
const withoutId = (/** @type {Reply} */ { id, ...rest }) => rest

/** @param {number} start */
function roundTrip(start) {
  // Above 0 even where the clock is coarse.
  return Math.max(native.now() - start, 0.001)
}

/** @param {unknown} key */
function keyText(key) {
  if (typeof key === 'string' && key !== '') return JSON.stringify(key)
  if (key === undefined || key === null || key === '')
    throw new BrokerError('key_required', `a key is a string that is not empty, not ${show(key)}`)
  throw new BrokerError('invalid_request', `a key is a string, not ${show(key)}`)
}

/** @param {unknown} worker */
function nameOf(worker) {
  return typeof worker === 'number' ? String(worker) : typeof worker === 'string' ? worker : ''
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function valueText(key, value) {
  let json
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new BrokerError('invalid_value', `the value for ${show(key)} cannot be said in JSON: ${/** @type {Error} */ (cause).message}`, {
      cause
    })
  }
  if (json === undefined) throw new BrokerError('invalid_value', `the value for ${show(key)} cannot be said in JSON: it is ${show(value)}`)
  return json
}

/**
 * A TTL, or options with one: as a member to send, and the options.
 * @param {number | (RequestOptions & { ttl?: number }) | null | undefined} given
 * @returns {[string, RequestOptions | undefined]}
 */
function ttlOf(given) {
  const options = typeof given === 'object' && given !== null ? given : undefined
  const ttl = options ? options.ttl : given
  if (ttl === undefined || ttl === null) return ['', options]
  if (typeof ttl !== 'number' || !(ttl >= 0 && ttl <= Number.MAX_SAFE_INTEGER)) {
    throw new BrokerError('invalid_ttl', `a TTL is a number of milliseconds above 0, not ${show(ttl)}`)
  }
  return [`,"ttl":${ttl}`, options]
}

/** @type {RequestOptions} */
const NO_OPTIONS = {}

/**
 * @param {RequestOptions | null | undefined} options
 * @returns {RequestOptions}
 */
function checked(options) {
  if (options === undefined || options === null) return NO_OPTIONS
  if (typeof options !== 'object') throw new BrokerError('invalid_option', `a request takes an object of options, not ${show(options)}`)
  const { timeout } = options
  if (timeout !== undefined && !kinds.timeout.check(timeout)) {
    throw new BrokerError('invalid_option', `timeout of a request must be ${kinds.timeout.allowed}, not ${show(timeout)}`)
  }
  return options
}

module.exports = { Client }
