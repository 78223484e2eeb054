// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')

/**
 * A kind of option: `parse` reads the environment's text, `check` says whether a value is allowed, `allowed` says what is.
 * @typedef {{ parse: (text: string) => unknown, check: (value: any) => boolean, allowed: string }} Kind
 */

const BYTES = 2 ** 32 - 1
const TIME = Number.MAX_SAFE_INTEGER

/** @type {(min: number, max: number, what: string) => Kind} */
const whole = (min, max, what) => ({
  parse: toNumber,
  check: value => Number.isInteger(value) && value >= min && value <= max,
  allowed: `a whole number${what && ` ${what}`} from ${min} on`
})

const time = {
  parse: toNumber,
  check: (/** @type {any} */ value) => typeof value === 'number' && value >= 0 && value <= TIME,
  allowed: 'a number of milliseconds from 0 on'
}

const kinds = {
  time,
  timeOrNull: { ...time, check: (/** @type {any} */ value) => value === null || time.check(value), allowed: `${time.allowed}, or null` },
  timeout: {
    ...time,
    check: (/** @type {any} */ value) => time.check(value) && value > 0,
    allowed: 'a number of milliseconds above 0'
  },
  wait: {
    ...time,
    check: (/** @type {any} */ value) => time.check(value) || value === Infinity,
    allowed: `${time.allowed}, or Infinity`
  },
  count: whole(0, BYTES, ''),
  number: whole(1, BYTES, ''),
  bytes: whole(1, BYTES, 'of bytes'),
  flag: {
    parse: (/** @type {string} */ text) => ({ true: true, 1: true, false: false, 0: false })[text.toLowerCase()] ?? text,
    check: (/** @type {any} */ value) => typeof value === 'boolean',
    allowed: 'true or false (in the environment 1 and 0 too)'
  },
  policy: oneOf('lowest', 'lru', 'random'),
  members: {
    parse: (/** @type {string} */ text) => text,
    check: (/** @type {any} */ value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    allowed: 'an object'
  },
  level: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  text: {
    parse: (/** @type {string} */ text) => text,
    check: (/** @type {any} */ value) => typeof value === 'string' && value.length > 0,
    allowed: 'a string that is not empty'
  }
}

/** @type {(...values: string[]) => Kind} */
function oneOf(...values) {
  return { parse: text => text, check: value => values.includes(value), allowed: `one of ${values.join(', ')}` }
}

/** @param {string} text */
function toNumber(text) {
  // Number('') and Number(' ') are 0.
  return text.trim() === '' ? text : Number.isNaN(Number(text)) ? text : Number(text)
}

/**
 * Reads options: what is given, else the environment, else the default. An option that is `undefined` is not given, and a variable that is empty
 * is not set.
 * @param {string} owner for messages
 * @param {Record<string, { kind: Kind, env?: string[], fallback?: unknown }>} spec
 * @param {unknown} given
 * @returns {Record<string, any>}
 */
function readOptions(owner, spec, given = {}) {
  if (typeof given !== 'object' || given === null) {
    throw new BrokerError('invalid_option', `${owner} takes an object of options, not ${show(given)}`)
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(spec, name)) {
      const known = Object.keys(spec).join(', ')
      throw new BrokerError('invalid_option', `${owner} has no option ${show(name)}; there are ${known}`)
    }
  }
  /** @type {Record<string, any>} */
  const options = {}
  for (const [name, entry] of Object.entries(spec)) options[name] = readOption(owner, name, entry, /** @type {any} */ (given)[name])
  return options
}

/**
 * @param {string} owner
 * @param {string} name
 * @param {{ kind: Kind, env?: string[], fallback?: unknown }} entry
 * @param {unknown} value
 */
function readOption(owner, name, { kind, env = [], fallback }, value) {
  if (value !== undefined) {
    if (!kind.check(value)) {
      throw new BrokerError('invalid_option', `${name} of ${owner} must be ${kind.allowed}, not ${show(value)}`, {
        details: { option: name }
      })
    }
    return value
  }
  for (const variable of env) {
    const text = process.env[variable]
    if (text === undefined || text === '') continue
    const parsed = kind.parse(text)
    if (kind.check(parsed)) return parsed
    throw new BrokerError('invalid_option', `the environment variable ${variable} must be ${kind.allowed}, not ${show(text)}`, {
      details: { option: name, variable }
    })
  }
  return fallback
}

module.exports = { kinds, oneOf, readOptions }
