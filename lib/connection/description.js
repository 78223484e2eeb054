// @ts-check
'use strict'

const { BrokerError, show } = require('../errors.js')

/** In bytes. */
const MAX_LENGTH = 1024

/**
 * What a worker does now, as much of it as the broker takes.
 * @param {unknown} text
 */
function description(text) {
  if (typeof text !== 'string') throw new BrokerError('invalid_option', `describe takes a string, or null, not ${show(text)}`)
  const bytes = Buffer.from(text)
  let end = Math.min(bytes.length, MAX_LENGTH)
  // Not within a character.
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

module.exports = { description }
