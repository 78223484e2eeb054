// @ts-check
'use strict'

/** Root hooks that WebdriverIO's Mocha loads before all specs. */

const { here } = require('./here.js')

/** @this {any} */
async function endTest() {
  // The time limit of tests is not for this.
  this.timeout(0)
  const error = await here.end()
  // Thrown, it would end the spec. An error that the hook is told fails the test alone.
  if (error && !this.currentTest.isFailed()) this.test.error(error)
}

module.exports = {
  mochaHooks: {
    /** @this {any} */
    beforeAll() {
      // The spec is loaded by now, so this comes after what it has outside of suites.
      this.test.parent.afterEach('ephemeral-broker', endTest)
    },

    /** @this {any} */
    beforeEach() {
      here.begin(this.currentTest.fullTitle())
    }
  }
}
