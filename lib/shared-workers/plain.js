// @ts-check
'use strict'

/**
 * Data that JSON carries without loss, which is most of what messages are: that is several times as fast as V8's serialiser for a small message, needs no buffer of its
 * own, and what is parsed is of the realm of whoever reads it, so that Jest's `toStrictEqual()` holds.
 */

const { isProxy } = require('node:util').types

/** How much is looked at before it is left to V8: the rest would be looked at in vain. */
const MOST_VALUES = 64
/** UTF-16 units. V8 copies longer ones as they are. */
const LONGEST = 1024

/** @type {object[]} */
let seen = []
let left = 0

/**
 * @param {any} value
 * @returns {string | undefined} JSON, if that says it all
 */
function plainText(value) {
  left = MOST_VALUES
  seen = []
  return isPlain(value) ? JSON.stringify(value) : undefined
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function isPlain(value) {
  if (--left < 0) return false
  switch (typeof value) {
    case 'string':
      return value.length <= LONGEST
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'boolean':
      return true
    case 'object':
      return value === null || isPlainObject(value)
    default:
      return false
  }
}

/** @param {any} object */
function isPlainObject(object) {
  // What is there twice is one object on the other side too, which JSON does not say.
  if (isProxy(object) || seen.includes(object) || object.toJSON !== undefined) return false
  seen.push(object)
  if (Array.isArray(object)) return isPlainArray(object)
  if (Object.getPrototypeOf(object) !== Object.prototype) return false
  for (const key in object) if (key.length > LONGEST || !isPlain(object[key])) return false
  return true
}

/** @param {any[]} array */
function isPlainArray(array) {
  // No holes, and nothing beside what it holds.
  if (array.length > MOST_VALUES || Object.keys(array).length !== array.length) return false
  for (let index = 0; index < array.length; index++) if (!isPlain(array[index])) return false
  return true
}

module.exports = { plainText }
