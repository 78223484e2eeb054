// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */

/**
 * @param {Calls} calls
 * @param {unknown} _options
 * @param {readonly unknown[]} values
 * @param {string} [space]
 * @returns {Ask}
 */
function reserve(calls, _options, values, space) {
  const texts = values.map(textOf)
  return {
    label: 'reserve',
    body: `"action":"reserve","values":[${texts.join(',')}]${spaceText(space)}`,
    decode({ reserved }) {
      calls.connection.holdings.reserve(reserved.length)
      return reserved.map((/** @type {number} */ at) => values[at])
    },
    undo: ({ reserved = [] }) =>
      reserved.length === 0
        ? []
        : [
            unreserveBody(
              reserved.map((/** @type {number} */ at) => texts[at]),
              space
            )
          ]
  }
}

/**
 * @param {Calls} calls
 * @param {unknown} _options
 * @param {readonly unknown[]} values
 * @param {string} [space]
 * @returns {Ask}
 */
function unreserve(calls, _options, values, space) {
  return {
    label: 'unreserve',
    body: unreserveBody(values.map(textOf), space),
    decode({ released }) {
      calls.connection.holdings.reserve(-released)
      return released
    }
  }
}

/**
 * @param {string[]} texts
 * @param {string} [space]
 */
function unreserveBody(texts, space) {
  return `"action":"unreserve","values":[${texts.join(',')}]${spaceText(space)}`
}

/** @param {string} [space] */
function spaceText(space) {
  return space === undefined ? '' : `,"name":"${space}"`
}

/**
 * A text for each value that differs where a `Set` would keep both, but for objects, which are what they say.
 * @param {unknown} value
 */
function textOf(value) {
  if (value === undefined) return '{"$undefined":true}'
  if (typeof value === 'bigint') return `{"$bigint":"${value}"}`
  if (typeof value === 'number' && !Number.isFinite(value)) return `{"$number":"${value}"}`
  let json
  let why = `it is ${show(value)}`
  try {
    json = JSON.stringify(value)
  } catch (error) {
    why = String(/** @type {any} */ (error)?.message)
  }
  if (json === undefined) throw new BrokerError('invalid_value', `${show(value)} cannot be reserved: it cannot be said in JSON: ${why}`)
  return json
}

module.exports = { reserve, unreserve }
