// @ts-check
'use strict'

/** Questions to the process that hosts the broker, for what JavaScript there does: the broker passes them on, and the answers back. */

const { BrokerError } = require('./errors.js')

const ASK = Symbol.for('ephemeral-broker.ask-host')

/**
 * @param {import('../index.js').Client} client
 * @param {{ kind: string } & Record<string, any>} value what can be JSON
 * @param {{ timeout?: number, signal?: AbortSignal }} [options]
 * @returns {Promise<any>}
 * @throws {BrokerError} what the host's part threw, with its code
 */
async function askHost(client, value, options) {
  const { error, value: answer } = await /** @type {any} */ (client)[ASK](value, options)
  if (error) throw new BrokerError(error.code, error.message, { details: error.details })
  return answer
}

/**
 * The host's side.
 * @param {() => Promise<unknown>} work
 * @returns {Promise<string>} JSON for {@link askHost}
 */
async function answerOf(work) {
  try {
    return JSON.stringify({ value: (await work()) ?? null })
  } catch (error) {
    const { code = 'host_failed', message = String(error), details } = /** @type {InstanceType<typeof BrokerError>} */ (error)
    return JSON.stringify({ error: { code: String(code), message, details } })
  }
}

module.exports = { ASK, answerOf, askHost }
