// @ts-check
'use strict'

/** How what was thrown in one worker is told to the others. */

const { show } = require('./errors.js')

/** A request has its limit, and so has patience with a stack. */
const MAX_LENGTH = 8192

/**
 * What was thrown, as JSON. Errors of other realms are errors too.
 * @param {any} thrown
 * @returns {string}
 */
function reasonText(thrown) {
  const isError = thrown instanceof Error || (typeof thrown?.message === 'string' && typeof thrown?.stack === 'string')
  if (isError) return JSON.stringify({ name: cut(thrown.name), message: cut(thrown.message), stack: cut(thrown.stack) })
  let json
  try {
    json = JSON.stringify(thrown)
  } catch {
    // It is told as text.
  }
  return json !== undefined && json.length <= MAX_LENGTH ? json : JSON.stringify(cut(json ?? show(thrown)))
}

/** @param {unknown} text */
function cut(text) {
  // By way of bytes: half a character is no text.
  return Buffer.from(String(text).slice(0, MAX_LENGTH)).toString()
}

/**
 * What was thrown, of this realm.
 * @param {any} reason
 */
function errorOf(reason) {
  if (typeof reason?.message !== 'string') return reason
  const error = new Error(reason.message)
  if (typeof reason.name === 'string') Object.defineProperty(error, 'name', { value: reason.name, configurable: true, writable: true })
  if (typeof reason.stack === 'string') Object.defineProperty(error, 'stack', { value: reason.stack, configurable: true, writable: true })
  return error
}

module.exports = { reasonText, errorOf }
