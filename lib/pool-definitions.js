// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { kinds } = require('./options.js')

const ALLOWED = 'an array of values, a whole number from 1 on, or an object with one of the two as values or size, and perhaps a policy'
const MEMBERS = ['values', 'size', 'policy']

/**
 * The pools of a broker's options, as the addon reads them. What is done to the objects later changes nothing.
 * @param {Record<string, any>} pools
 */
function poolsOf(pools) {
  return Object.entries(pools).map(([name, pool]) => definition(name, pool))
}

/**
 * @param {string} name
 * @param {any} given
 */
function definition(name, given) {
  if (name === '') throw wrong('pools', 'an object of pools by names that are not empty', name)
  const isPlain = typeof given === 'object' && given !== null && !Array.isArray(given)
  const pool = isPlain ? given : Array.isArray(given) ? { values: given } : { size: given }
  const { values, size, policy = 'lowest' } = pool
  const unknown = Object.keys(pool).find(member => !MEMBERS.includes(member))
  if (unknown !== undefined) {
    throw new BrokerError('invalid_option', `pool ${show(name)} of Broker has no member ${show(unknown)}; there are ${MEMBERS.join(', ')}`)
  }
  if (!kinds.policy.check(policy)) throw wrong(`policy of pool ${show(name)}`, kinds.policy.allowed, policy)
  const isOne = (values === undefined) !== (size === undefined)
  const isGood = isOne && (values === undefined ? kinds.number.check(size) : Array.isArray(values))
  if (!isGood) throw wrong(`pool ${show(name)}`, ALLOWED, isPlain && isOne ? (values ?? size) : given)
  if (values === undefined) return { pool: name, size, policy }
  return { pool: name, values: Array.from(values, (value, at) => copy(name, value, at)), policy }
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} at
 */
function copy(name, value, at) {
  try {
    return JSON.parse(JSON.stringify(value))
  } catch (cause) {
    const why = value === undefined || typeof value === 'function' ? `it is ${show(value)}` : /** @type {Error} */ (cause).message
    throw new BrokerError('invalid_option', `value ${at + 1} of pool ${show(name)} of Broker cannot be said in JSON: ${why}`, { cause })
  }
}

/**
 * @param {string} what
 * @param {string} allowed
 * @param {unknown} value
 */
function wrong(what, allowed, value) {
  return new BrokerError('invalid_option', `${what} of Broker must be ${allowed}, not ${show(value)}`, { details: { option: 'pools' } })
}

module.exports = { poolsOf }
