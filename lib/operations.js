// @ts-check
'use strict'

const { deflate, inflate } = require('./compression.js')
const { BrokerError, show } = require('./errors.js')

/** @typedef {import('./connection/index.js').Reply} Reply */

/**
 * What a client can ask. `encode` checks the arguments and gives the request's text between the braces, or, where that depends on what the broker says
 * when it is greeted, makes it then. `decode` gives what the reply means; `subject` is the first argument.
 * @typedef {{
 *   encode: (a?: any, b?: any, c?: any) => string | ((broker: Record<string, any>, wishes: Wishes) => string),
 *   decode: (reply: Reply, subject: any, broker: Record<string, any>) => any
 * }} Operation
 */

/**
 * What a client's options say of compression.
 * @typedef {{ compression?: boolean, compressionThreshold?: number }} Wishes
 */

const DEFAULT_THRESHOLD = 1024

/** @type {Operation} */
const get = {
  encode: key => `"action":"get","key":${keyText(key)}`,
  decode: valueIn
}

/** @type {Operation} */
const set = {
  encode(key, value, ttl) {
    const head = `"action":"set","key":${keyText(key)}`
    const json = valueText(key, value)
    return valueBody(head, json, typeof ttl === 'object' && ttl !== null ? ttlText(ttl) + conditionText(ttl) : ttlText(ttl))
  },
  decode: reply => reply.set ?? true
}

/** @type {Operation} */
const del = {
  encode: key => `"action":"del","key":${keyText(key)}`,
  decode: reply => reply.deleted ?? true
}

/** @type {Operation} */
const has = {
  encode: key => `"action":"has","key":${keyText(key)}`,
  decode: reply => reply.exists
}

/** @type {Operation} */
const release = {
  encode(workerId, key) {
    const worker = nameOf(workerId)
    if (!worker) throw new BrokerError('worker_required', `release takes a workerId, not ${show(workerId)}`)
    return `"action":"release","workerId":${JSON.stringify(worker)}${key === undefined ? '' : `,"key":${keyText(key)}`}`
  },
  decode: reply => reply.released
}

/** @type {Operation} */
const list = { encode: () => '"action":"list"', decode: reply => reply.items }

/** @type {Operation} */
const ping = { encode: () => '"action":"ping"', decode: () => undefined }

/** @type {Operation} */
const stats = { encode: () => '"action":"stats"', decode: reply => reply.stats }

/** @type {Operation} */
const health = { encode: () => '"action":"health"', decode: ({ id, ...rest }) => rest }

/** @type {Operation} */
const metrics = { encode: () => '"action":"metrics"', decode: reply => reply.metrics }

/** @type {Operation} */
const inspect = { encode: () => '"action":"inspect"', decode: reply => reply.inspect }

/**
 * @param {unknown} key
 * @param {string} [what]
 */
function keyText(key, what = 'a key') {
  if (typeof key === 'string' && key !== '') return JSON.stringify(key)
  if (key === undefined || key === null || key === '') {
    throw new BrokerError('key_required', `${what} is a string that is not empty, not ${show(key)}`)
  }
  throw new BrokerError('invalid_request', `${what} is a string, not ${show(key)}`)
}

/**
 * The value in a reply.
 * @param {Reply} reply
 * @param {string} key
 * @param {Record<string, any>} [broker]
 */
function valueIn(reply, key, broker) {
  return reply.compressed ? inflate(key, reply.value, broker?.limits?.maxValueSize) : reply.value
}

/**
 * What makes a request with a value, when it is known whether to compress it.
 * @param {string} head
 * @param {string} json
 * @param {string} tail
 */
function valueBody(head, json, tail) {
  return (/** @type {Record<string, any>} */ broker, /** @type {Wishes} */ wishes) =>
    compressed(head, json, tail, broker.compression, wishes) ?? `${head},"value":${json}${tail}`
}

/**
 * The members that say when a value is to be set.
 * @param {{ ifAbsent?: unknown, ifVersion?: unknown, keepTTL?: boolean }} options
 */
function conditionText({ ifAbsent, ifVersion, keepTTL }) {
  let text = keepTTL ? ',"keepTTL":true' : ''
  if (ifAbsent !== undefined) {
    if (typeof ifAbsent !== 'boolean')
      throw new BrokerError('invalid_option', `ifAbsent of set must be true or false, not ${show(ifAbsent)}`)
    if (ifAbsent) text += ',"ifAbsent":true'
  }
  if (ifVersion !== undefined) {
    if (!Number.isSafeInteger(ifVersion) || /** @type {number} */ (ifVersion) < 0) {
      const allowed = 'a version as getWithVersion gives it, a whole number from 0 on'
      throw new BrokerError('invalid_option', `ifVersion of set must be ${allowed}, not ${show(ifVersion)}`)
    }
    text += `,"ifVersion":${ifVersion}`
  }
  return text
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
    const why = /** @type {Error} */ (cause).message
    throw new BrokerError('invalid_value', `the value for ${show(key)} cannot be said in JSON: ${why}`, { cause })
  }
  if (json === undefined) throw new BrokerError('invalid_value', `the value for ${show(key)} cannot be said in JSON: it is ${show(value)}`)
  return json
}

/**
 * The member that says a TTL, given as such or in options.
 * @param {number | { ttl?: number } | null | undefined} given
 */
function ttlText(given) {
  const ttl = typeof given === 'object' ? given?.ttl : given
  if (ttl === undefined || ttl === null) return ''
  if (typeof ttl !== 'number' || !(ttl >= 0 && ttl <= Number.MAX_SAFE_INTEGER)) {
    throw new BrokerError('invalid_ttl', `a TTL is a number of milliseconds above 0, not ${show(ttl)}`)
  }
  return `,"ttl":${ttl}`
}

/**
 * The request with its value compressed, where that is wished and makes it smaller.
 * @param {string} head
 * @param {string} json
 * @param {string} time
 * @param {{ enabled: boolean, threshold: number } | undefined} broker
 * @param {Wishes} wishes
 */
function compressed(head, json, time, broker, { compression = broker?.enabled ?? false, compressionThreshold }) {
  if (!compression) return null
  const size = Buffer.byteLength(json)
  if (size < (compressionThreshold ?? broker?.threshold ?? DEFAULT_THRESHOLD)) return null
  const packed = deflate(json)
  if (packed.length >= size) return null
  return `${head},"value":"${packed}"${time},"compressed":true,"beforeSize":${size},"afterSize":${packed.length}`
}

/** What the host's program is asked for. @type {Operation} */
const host = { encode: value => `"action":"host","value":${JSON.stringify(value)}`, decode: reply => reply.value }

const operations = { host, get, set, del, has, release, list, ping, stats, health, metrics, inspect }

module.exports = { ...operations, keyText, nameOf, valueText, ttlText, valueIn, valueBody }
