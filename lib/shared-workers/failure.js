// @ts-check
'use strict'

const { inspect, types } = require('node:util')

/**
 * An error on its way to another thread or process: what makes it readable there, whatever class it had.
 * @typedef {{ name: string, message: string, stack: string, code?: string, cause?: Failure }} Failure
 */

const MOST_CAUSES = 8
const CLASSES = new Map([EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(Class => [Class.name, Class]))

/**
 * @param {unknown} reason what was thrown: an error, or anything
 * @returns {Failure}
 */
function describe(reason, causes = MOST_CAUSES) {
  if (!types.isNativeError(reason) && !(reason instanceof Error)) {
    const message = typeof reason === 'string' ? reason : inspect(reason)
    return { name: 'Error', message, stack: `Error: ${message} (thrown without an error: there is no stack)` }
  }
  const { name, message, stack, code, cause } = /** @type {Error & { code?: unknown }} */ (reason)
  /** @type {Failure} */
  const failure = { name: String(name), message: String(message), stack: String(stack ?? `${name}: ${message}`) }
  if (typeof code === 'string') failure.code = code
  if (cause !== undefined && causes > 0) failure.cause = describe(cause, causes - 1)
  return failure
}

/**
 * @param {Failure} failure
 * @returns {Error & { code?: string }}
 */
function revive({ name, message, stack, code, cause }) {
  const error = new (CLASSES.get(name) ?? Error)(message, cause && { cause: revive(cause) })
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return code === undefined ? error : Object.assign(error, { code })
}

module.exports = { describe, revive }
