// @ts-check
'use strict'

/**
 * Playwright Test. The broker is the main process's, from its `globalSetup` on; each worker has one client, whichever of its tests and hooks uses it.
 * This module is loaded where there is no broker, too: Playwright reads test files in its main process to list their tests.
 */

const { brokerFixtures } = require('./fixtures.js')
const { brokerSetup } = require('./host.js')
const { realm } = require('./realm.js')

// ES modules find names that stand here without a value.
const { broker } = realm

module.exports = { broker, brokerFixtures, brokerSetup }
