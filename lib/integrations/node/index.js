// @ts-check
'use strict'

/** `node --test`: tests import it, and so does the module of `--test-global-setup`. Hooks that it registers in Node's main process have nothing to do there. */

const { hostBroker } = require('../host.js')
const { broker, endFile, leaveEndToTeardown } = require('./tests.js')

/**
 * What the module of `--test-global-setup` exports, with options of one's own.
 * @param {import('../types.js').IntegrationOptions} [options]
 */
function brokerSetup(options) {
  /** @type {Awaited<ReturnType<typeof hostBroker>> | null} */
  let host = null

  async function globalSetup() {
    host = await hostBroker(options, { runner: 'node:test', hook: 'globalSetup' })
    leaveEndToTeardown()
  }

  async function globalTeardown() {
    await endFile()
    if ((await host?.stop())?.failed) process.exitCode ||= 1
  }

  return { globalSetup, globalTeardown }
}

const { globalSetup, globalTeardown } = brokerSetup()

module.exports = { broker, brokerSetup, globalSetup, globalTeardown }
