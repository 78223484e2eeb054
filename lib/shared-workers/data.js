// @ts-check
'use strict'

/** Data of messages between test workers and programs. What JSON carries as well is JSON, which is faster. */

const { deserialize, serialize } = require('../structured-clone.js')
const { plainText } = require('./plain.js')

/** The first byte that V8 writes, which no text in UTF-8 has. */
const V8 = 0xff

/**
 * @param {unknown} value
 * @returns {string | Uint8Array}
 * @throws {DOMException} `DataCloneError`
 */
function encode(value) {
  return plainText(value) ?? serialize(value)
}

/**
 * @param {Buffer} bytes what {@link encode} made
 * @returns {any}
 */
function decode(bytes) {
  return bytes[0] === V8 ? deserialize(bytes) : JSON.parse(bytes.toString())
}

module.exports = { decode, encode }
