// @ts-check
'use strict'

const { worker } = require('../worker.js')

/** This process's worker. WebdriverIO has one process for each spec, whose number, such as `0-3`, is used by no other. */
const here = worker({ runner: 'WebdriverIO', check: 'that services of wdio.conf has [EphemeralBrokerService, { … }]' })

module.exports = { here }
