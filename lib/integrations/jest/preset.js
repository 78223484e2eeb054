// @ts-check
'use strict'

const path = require('node:path')

/** The folder of this package, for a regular expression. */
const own = path.join(__dirname, '..', '..', '..', path.sep).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** What `preset: 'ephemeral-broker'` adds to a project. What the project says itself counts. */
module.exports = {
  globalSetup: require.resolve('./setup.js'),
  globalTeardown: require.resolve('./teardown.js'),
  setupFilesAfterEnv: [require.resolve('./hooks.js')],
  // With `automock` what is mocked here is what the project asks for by `jest.mock`.
  unmockedModulePathPatterns: [own]
}
