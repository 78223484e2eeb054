'use strict'

// A literal, so that `import { Broker } from 'ephemeral-broker'` finds the names.
const { Broker } = require('./lib/broker.js')
const { Client } = require('./lib/client.js')
const { BrokerError } = require('./lib/errors.js')
const { makePipePath, cleanupPipe, checkReadiness } = require('./lib/pipe.js')

// Loaded when needed: a worker that only wants a client never does.
/** @type {typeof import('./run.js').run} */
const run = (config, options) => require('./lib/run').run(config, options)
/** @type {typeof import('./run.js').defineConfig} */
const defineConfig = config => config

module.exports = { Broker, Client, BrokerError, makePipePath, cleanupPipe, checkReadiness, run, defineConfig }
