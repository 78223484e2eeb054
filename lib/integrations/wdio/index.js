// @ts-check
'use strict'

/** For WebdriverIO 9: the service of its configuration, and the client of its tests. */

const { here } = require('./here.js')
const { EphemeralBrokerService } = require('./service.js')

const { broker } = here

module.exports = { EphemeralBrokerService, broker }
