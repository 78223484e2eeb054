// @ts-check
'use strict'

/** A message's data on its way: JSON where that carries it exactly, which any language reads; else bytes. */

const { isProxy, isUint8Array } = require('node:util/types')
const { BrokerError, show } = require('./errors.js')

/** How deep a value may be to be JSON, and how many parts it may have; a walk through more than that would take longer than it is worth. */
const MAX_DEPTH = 64
const MAX_PARTS = 100_000

/**
 * Data that is to be sent: its members in a request, and the bytes that follow.
 * @typedef {{ members: string, payload?: Uint8Array }} Encoded
 */

/**
 * @param {unknown} data
 * @returns {Encoded}
 * @throws {DOMException} `DataCloneError`
 */
function encode(data) {
  if (isUint8Array(data)) return { members: '"encoding":"bytes"', payload: new Uint8Array(data) }
  if (isJson(data)) return { members: `"data":${JSON.stringify(data)}` }
  // Loaded when needed.
  return { members: '"encoding":"v8"', payload: require('./structured-clone.js').serialize(data) }
}

/**
 * @param {import('./connection/index.js').Reply} event as the broker sent it
 * @param {ArrayBuffer | null} payload
 * @returns {any}
 */
function decode({ data, encoding }, payload) {
  if (payload === null) return data
  const bytes = new Uint8Array(payload)
  if (encoding === 'bytes') return bytes
  if (encoding !== 'v8')
    throw new BrokerError('invalid_value', `a message came in the encoding ${show(encoding)}, which this client does not know`)
  try {
    return require('./structured-clone.js').deserialize(bytes)
  } catch (cause) {
    const why = /** @type {Error} */ (cause).message
    throw new BrokerError('invalid_value', `a message came whose bytes are not what V8's structured clone makes: ${why}`, { cause })
  }
}

/**
 * Whether JSON says exactly what it is: plain objects and arrays without holes, each of them once, strings of whole characters, numbers that JSON has.
 * @param {unknown} data
 */
function isJson(data) {
  if (typeof data !== 'object' || data === null) return isJsonPrimitive(data)
  /** Each is looked into once: one that is there twice must be the same one again when it is read. @type {Set<object>} */
  const seen = new Set()
  let parts = 0

  /** @type {(object: any, depth: number) => boolean} */
  const isPlain = (object, depth) => {
    if (depth > MAX_DEPTH || seen.has(object) || isProxy(object)) return false
    seen.add(object)
    const keys = Object.keys(object)
    parts += keys.length
    if (parts > MAX_PARTS || typeof object.toJSON === 'function') return false
    if (Array.isArray(object)) {
      if (keys.length !== object.length) return false
    } else if (!isPlainObject(object)) {
      return false
    }
    for (const key of keys) {
      const value = object[key]
      const fits = typeof value === 'object' && value !== null ? isPlain(value, depth + 1) : isJsonPrimitive(value)
      if (!fits || !isWellFormed(key)) return false
    }
    return true
  }

  return isPlain(data, 0)
}

/** @param {unknown} value */
function isJsonPrimitive(value) {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value)
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'boolean':
      return true
    default:
      return value === null
  }
}

/** @param {string} text */
function isWellFormed(text) {
  return /** @type {any} */ (text).isWellFormed()
}

/**
 * Of any realm.
 * @param {object} object
 */
function isPlainObject(object) {
  const prototype = Object.getPrototypeOf(object)
  if (prototype === null) return true
  return (
    Object.getPrototypeOf(prototype) === null &&
    Object.prototype.toString.call(object) === '[object Object]' &&
    Object.hasOwn(prototype, 'hasOwnProperty')
  )
}

module.exports = { encode, decode, isJson }
