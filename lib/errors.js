// @ts-check
'use strict'

// Test runners load this file once for each realm: what one of them threw, another must know.
const BRAND = Symbol.for('ephemeral-broker.error')

class BrokerError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {{ cause?: unknown, details?: Record<string, unknown> }} [options]
   */
  constructor(code, message = '', { cause, details = {} } = {}) {
    const text = message === '' || message === code ? code : message.startsWith(`${code}: `) ? message : `${code}: ${message}`
    super(text, cause === undefined ? undefined : { cause })
    Object.defineProperty(this, 'name', { value: 'BrokerError', configurable: true, writable: true })
    Object.defineProperty(this, BRAND, { value: true })
    this.code = code
    this.details = details
  }

  /** @param {any} value */
  static [Symbol.hasInstance](value) {
    const ours = typeof value === 'object' && value !== null && value[BRAND] === true
    return this === BrokerError ? ours : ours && Function.prototype[Symbol.hasInstance].call(this, value)
  }
}

/**
 * An error of the addon: its message begins with a code.
 * @param {unknown} error
 * @returns {BrokerError}
 */
function fromNative(error) {
  const message = error instanceof Error ? error.message : String(/** @type {any} */ (error)?.message ?? error)
  const [, code = 'start_failed', text = message] = /^([a-z_]+): (.*)$/su.exec(message) ?? []
  return new BrokerError(code, text)
}

/**
 * For messages: what a value is, in a few characters.
 * @param {unknown} value
 */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

module.exports = { BrokerError, fromNative, show }
