// @ts-check
'use strict'

/**
 * What V8 reads is of Node's own realm. A runner that loads tests into realms of their own, as Jest does, has other classes there: to be `instanceof Map`, and to be
 * strictly equal to what the test made, data must have theirs.
 */

/** @type {boolean | undefined} */
let foreign

/**
 * @template T
 * @param {T} value as V8 read it
 * @param {() => object} sample reads an empty object, as V8 does
 * @returns {T} the same, all of it of this realm
 */
function adopt(value, sample) {
  foreign ??= Object.getPrototypeOf(sample()) !== Object.prototype
  if (foreign) adoptAll([value])
  return value
}

/** @param {unknown[]} values those to look at; what they hold is added */
function adoptAll(values) {
  const seen = new Set()
  for (const value of values) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    const prototype = prototypeOf(value)
    if (prototype) Object.setPrototypeOf(value, prototype)
    // Bytes hold nothing.
    if (ArrayBuffer.isView(value)) continue
    if (value instanceof Map) for (const entry of value) values.push(...entry)
    else if (value instanceof Set) values.push(...value)
    for (const key of Object.getOwnPropertyNames(value)) values.push(/** @type {any} */ (value)[key])
  }
}

/**
 * @param {object} value
 * @returns {object | undefined} what takes the place of its class here
 */
function prototypeOf(value) {
  const foreign = Object.getPrototypeOf(value)
  const name = Object.hasOwn(foreign ?? {}, 'constructor') ? foreign.constructor.name : ''
  const { prototype } = /** @type {any} */ (globalThis)[name] ?? {}
  return prototype
}

module.exports = { adopt }
