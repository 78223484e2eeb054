// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { keyText } = require('./operations.js')
const { kinds } = require('./options.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */

/**
 * @param {Calls} _calls
 * @param {{ max?: unknown, per?: unknown, burst?: unknown }} options
 * @param {string} name
 * @returns {Ask}
 */
function limit(_calls, { max, per, burst }, name) {
  demand(name, 'max', kinds.number, max)
  demand(name, 'per', kinds.timeout, per)
  if (burst !== undefined) demand(name, 'burst', kinds.number, burst)
  const members = `"max":${max},"per":${per}${burst === undefined ? '' : `,"burst":${burst}`}`
  return {
    label: `limit ${show(name)}`,
    body: `"action":"limit","name":${keyText(name, "a limit's name")},${members}`,
    decode: () => undefined,
    members: ['max', 'per', 'burst']
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @param {number} [cost]
 * @returns {Ask}
 */
function throttle(_calls, _options, name, cost = 1) {
  demand(name, 'cost', kinds.number, cost)
  return {
    label: `throttle ${show(name)}`,
    body: `"action":"throttle","name":${keyText(name, "a limit's name")},"cost":${cost}`,
    decode: reply => reply.waited,
    waits: 'wait',
    undo: () => [],
    members: []
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @param {number} parties
 * @returns {Ask}
 */
function barrier(_calls, _options, name, parties) {
  demand(name, 'parties', kinds.number, parties)
  return {
    label: `barrier ${show(name)}`,
    body: `"action":"barrier","name":${keyText(name, "a barrier's name")},"parties":${parties}`,
    decode: reply => reply.index,
    waits: 'wait',
    undo: () => [],
    members: []
  }
}

/**
 * @param {string} name
 * @param {string} option
 * @param {import('./options.js').Kind} kind
 * @param {unknown} value
 */
function demand(name, option, kind, value) {
  if (kind.check(value)) return
  throw new BrokerError('invalid_option', `${option} of ${show(name)} must be ${kind.allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { limit, throttle, barrier }
