// @ts-check
'use strict'

const { BrokerError } = require('../../errors.js')
const { startOf } = require('./words.js')

/** A command that nobody knows more about: a test is what it ends as. @type {import('./index.js').Adapter} */
const none = {
  name: 'none',
  detect: () => false,
  list: async ({ files }) => files.map(file => ({ file, name: null })),
  run: ({ command }) => {
    if (command === null) throw new BrokerError('invalid_config', 'run: say what is run for one test, such as run = "npm test -- {file}".')
    return command
  },
  output: {},
  toolchain: command => (command === null ? [] : startOf(command, []).includes('node') ? [['node', '--version']] : [])
}

module.exports = none
