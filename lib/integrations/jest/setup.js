// @ts-check
'use strict'

const { BrokerError } = require('../../errors.js')
const { hostBroker } = require('../host.js')
const { hosts } = require('./hosts.js')

/**
 * A globalSetup: starts the broker of the run.
 * @type {typeof import('./setup.js')}
 */
async function setup({ rootDir }, { globals }, options) {
  const given = /** @type {any} */ (globals['ephemeral-broker'])
  try {
    hosts.push(await hostBroker(options ? { ...given, ...options } : given, { runner: 'Jest', hook: 'globalSetup', folder: rootDir }))
  } catch (error) {
    // Jest prints stacks. Where in this package it was noticed helps nobody.
    if (error instanceof BrokerError) error.stack = String(error)
    throw error
  }
}

module.exports = setup
