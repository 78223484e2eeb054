// @ts-check
'use strict'

/** For WebdriverIO 9: the service of its configuration, and the client of its tests. */

const { here } = require('./here.js')
const { EphemeralBrokerService } = require('./service.js')

const { broker } = here

// The class itself, as WebdriverIO's own services are imported; and by names, written so that Node finds them for ES modules.
// @ts-expect-error: TypeScript knows modules that are a class, and modules that have names.
module.exports = EphemeralBrokerService
// @ts-expect-error
module.exports.EphemeralBrokerService = EphemeralBrokerService
// @ts-expect-error
module.exports.broker = broker
