// @ts-check
'use strict'

/** The broker that a command talks to: how it is named on the command line, and the client for it. */

const { secret, wholeNumber } = require('./values.js')

/** @typedef {{ pipe?: string, secret?: string, timeout?: number, json?: boolean }} ClientOptions */

/**
 * They may stand before the command and after it.
 * @param {import('commander').Command} command
 */
function addClientOptions(command) {
  command
    .option('--pipe <path>', 'the broker (default: the environment variable EPHEMERAL_PIPE)')
    .option(
      '--secret <value>',
      "the broker's secret; others on this machine can read it here, so prefer the environment variable EPHEMERAL_SECRET",
      secret
    )
    .option('--timeout <ms>', 'how long to wait for the broker in all, in milliseconds (default: 5000)', wholeNumber(1, 'milliseconds'))
    .option('--json', 'print JSON, errors too; "set" and "append" then read values as JSON')
}

/** @param {ClientOptions} options */
function makeClient({ pipe, secret, timeout }) {
  const { Client } = require('../..')
  return new Client(pipe, { secret, timeout, name: `command line, pid ${process.pid}` })
}

/**
 * @template T
 * @param {ClientOptions} options
 * @param {(client: import('../..').Client) => Promise<T>} run
 */
async function withClient(options, run) {
  const client = makeClient(options)
  try {
    return await run(client)
  } finally {
    await client.close()
  }
}

module.exports = { addClientOptions, makeClient, withClient }
