// @ts-check
'use strict'

/** What `preset: 'ephemeral-broker'` adds to a project. What the project says itself counts. */
module.exports = {
  globalSetup: require.resolve('./setup.js'),
  globalTeardown: require.resolve('./teardown.js'),
  setupFilesAfterEnv: [require.resolve('./hooks.js')]
}
