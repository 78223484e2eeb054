// @ts-check
'use strict'

const { gunzipSync, gzipSync } = require('node:zlib')
const { BrokerError } = require('./errors.js')

/** What an inflated value may have with a broker that does not tell its limit, in bytes. */
const MAX_INFLATED = 64 * 1024 * 1024

/**
 * A value's JSON text as it is sent compressed, or null when that would not make it smaller.
 * @param {string} json
 */
function deflate(json) {
  const packed = gzipSync(json).toString('base64')
  return packed.length < json.length ? packed : null
}

/**
 * The value in a reply whose setter had compressed it.
 * @param {string} key
 * @param {unknown} packed
 * @param {number} [limit]
 */
function inflate(key, packed, limit = MAX_INFLATED) {
  try {
    if (typeof packed !== 'string') throw new TypeError('it is not a string')
    return JSON.parse(gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: limit }).toString())
  } catch (cause) {
    const why = /** @type {Error} */ (cause).message
    throw new BrokerError(
      'invalid_value',
      `the value under ${JSON.stringify(key)} says that it is compressed, but cannot be inflated: ${why}`,
      { cause }
    )
  }
}

module.exports = { deflate, inflate }
