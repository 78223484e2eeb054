// @ts-check
'use strict'

/** For `globalSetup` of a config: the path of a module that has the function. */

const { brokerSetup } = require('./host.js')

module.exports = brokerSetup()
