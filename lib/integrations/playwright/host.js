// @ts-check
'use strict'

const path = require('node:path')

/**
 * @param {import('../types.js').IntegrationOptions} [options] with these, those of the config file are read as well
 * @returns {(config: { configFile?: string | undefined }) => Promise<() => Promise<void>>} a global setup, that returns its teardown
 */
function brokerSetup(options) {
  return async ({ configFile }) => {
    const { hostBroker } = require('../host.js')
    const folder = configFile ? path.dirname(configFile) : undefined
    const host = await hostBroker(options, { runner: 'Playwright', hook: 'globalSetup', ...(folder ? { folder } : {}) })
    return async () => {
      const { failed } = await host.stop()
      // On a terminal a reporter of Playwright erases the line above, which it takes for its own.
      if (process.stderr.isTTY) process.stderr.write('\n')
      // By that alone can a teardown make the run fail.
      if (failed) throw failure()
    }
  }
}

function failure() {
  const error = new Error(
    "ephemeral-broker: the run is no success, because a test did not release what it took, or a shared worker failed: the lines above that begin with 'ephemeral-broker:' name it"
  )
  // Where it was made says nothing to those who read it.
  error.stack = `Error: ${error.message}`
  return error
}

module.exports = { brokerSetup }
