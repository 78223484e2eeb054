'use strict'

// A literal, so that `import { Broker } from 'ephemeral-broker'` finds the names.
const { Broker } = require('./lib/broker.js')
const { Client } = require('./lib/client.js')
const { BrokerError } = require('./lib/errors.js')
const { makePipePath, cleanupPipe, checkReadiness } = require('./lib/pipe.js')

module.exports = { Broker, Client, BrokerError, makePipePath, cleanupPipe, checkReadiness }
