// @ts-check
'use strict'

const { BrokerError } = require('./errors.js')

/** Loaded when needed, which is rarely. */
const zlib = () => require('node:zlib')

/** What an inflated value may have with a broker that does not tell its limit, in bytes. */
const MAX_INFLATED = 64 * 1024 * 1024

/**
 * A value's JSON text as it is sent compressed.
 * @param {string} json
 */
function deflate(json) {
  return zlib().gzipSync(json).toString('base64')
}

/**
 * The value in a reply whose setter had compressed it.
 * @param {string} key
 * @param {unknown} packed
 * @param {number} [limit]
 */
function inflate(key, packed, limit = MAX_INFLATED) {
  let why = 'it is not the gzip of a JSON text'
  try {
    const json = zlib()
      .gunzipSync(Buffer.from(String(packed), 'base64'), { maxOutputLength: limit })
      .toString()
    return JSON.parse(json)
  } catch (error) {
    if (/** @type {any} */ (error).code === 'ERR_BUFFER_TOO_LARGE') why = `it has more than ${limit} bytes`
    // No cause: the parser's words quote the text, and so the value.
    throw new BrokerError(
      'invalid_value',
      `the value under ${JSON.stringify(key)} says that it is compressed, but cannot be inflated: ${why}`
    )
  }
}

module.exports = { deflate, inflate }
