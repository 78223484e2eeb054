// @ts-check
'use strict'

const { show } = require('../errors.js')

/**
 * The broker's name for something of a context. No two ids come to the same name, and a person who reads it in a message knows what it is.
 * @param {...string} parts
 */
function nameOf(...parts) {
  // Halves of a surrogate pair are no text that the broker could keep.
  return parts.map(part => part.replace(/[%|]|[\uD800-\uDFFF]/gu, escaped)).join('|')
}

/** @param {string} sign */
function escaped(sign) {
  return `%${sign.charCodeAt(0).toString(16)};`
}

/**
 * @param {unknown} id
 * @param {string} what
 */
function checkId(id, what) {
  if (typeof id !== 'string') throw new TypeError(`the id of ${what} is a string, not ${show(id)}`)
}

module.exports = { nameOf, checkId }
