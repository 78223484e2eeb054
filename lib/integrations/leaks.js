// @ts-check
'use strict'

/** What becomes of a test that does not release what it took: the host says it, in the environment of its workers. */

const { BrokerError } = require('../errors.js')

/** @typedef {import('../../index.js').BrokerReport['leaked'][number]} Leak */

const LEAKS = 'EPHEMERAL_LEAKS'

/** Whether a test that leaks is to fail. */
const leaksFail = () => process.env[LEAKS] === 'fail'

/**
 * @param {readonly Leak[]} leaks at least one
 * @returns {InstanceType<typeof BrokerError>} `leaked`, for a test to fail with
 */
function leakError(leaks) {
  // Loaded when needed.
  const { MOST, leakText } = require('./summary.js')
  const more = leaks.length > MOST ? `; and ${leaks.length - MOST} more` : ''
  const text = `not released: ${leaks.slice(0, MOST).map(leakText).join('; ')}${more}. Release it in the test or in its afterEach, or take it outside of tests`
  const error = new BrokerError('leaked', text, { details: { leaks } })
  // Runners print stacks. Where in this package a leak is noticed helps nobody.
  error.stack = String(error)
  return error
}

module.exports = { LEAKS, leakError, leaksFail }
