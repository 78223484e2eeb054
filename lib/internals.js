// @ts-check
'use strict'

/** What a client has for other parts of this package. Runners load this package once for each realm: the way in is the same in all. */

/** @type {unique symbol} */
const CALLS = Symbol.for('ephemeral-broker.calls')

/** Stops a broker before this returns, without a report: for the end of a process. @type {unique symbol} */
const END = Symbol.for('ephemeral-broker.end')

/**
 * @param {import('../index.js').Client} client
 * @returns {InstanceType<typeof import('./calls.js').Calls>}
 */
const callsOf = client => /** @type {any} */ (client)[CALLS]

module.exports = { CALLS, END, callsOf }
