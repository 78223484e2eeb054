// @ts-check
'use strict'

/** Mocha: `--require ephemeral-broker/mocha`. Mocha loads it in its main process, and in each worker of `--parallel`. */

const { hostBroker } = require('../host.js')
const { worker } = require('../worker.js')

const tests = worker({
  runner: 'Mocha',
  check:
    "that .mocharc or the command has require: 'ephemeral-broker/mocha', and that it is used in hooks and tests, not while files are loaded"
})
const { broker } = tests

/**
 * What Mocha is to have of a file that it requires, with options of one's own.
 * @param {import('../types.js').IntegrationOptions} [options]
 */
function brokerHooks(options) {
  /** @type {Awaited<ReturnType<typeof hostBroker>> | null} */
  let host = null
  let watching = false

  /** @this {any} the run; where Mocha watches there is none yet */
  async function mochaGlobalSetup() {
    watching = !(this instanceof require('node:events'))
    host = await hostBroker(options, { runner: 'Mocha', hook: 'mochaGlobalSetup' })
    // Where no worker is left to run what waits, Mocha ends without a word and without teardowns: what the last ones held is told at least.
    process.once('beforeExit', mochaGlobalTeardown)
  }

  async function mochaGlobalTeardown() {
    if ((await host?.stop())?.failed) failRun()
  }

  const mochaHooks = {
    /**
     * All files are loaded now. What ends things is registered here, as hooks of a suite run in the order in which they were registered: it comes after all others,
     * so that what these release is no leak.
     * @this {any}
     */
    beforeAll() {
      const root = this.test.parent
      root.afterEach('ephemeral-broker', endTest)
      root.afterAll('ephemeral-broker', endFile)
    },

    /** @this {any} */
    beforeEach() {
      tests.begin(this.currentTest.fullTitle())
    }
  }

  /** @this {any} */
  async function endFile() {
    this.timeout(0)
    await tests.endFile()
    if (watching) host?.tellLeaks()
  }

  return { mochaGlobalSetup, mochaGlobalTeardown, mochaHooks }
}

/**
 * A hook that throws would end the whole file. An error that it is told fails the test alone.
 * @this {any}
 */
async function endTest() {
  // The time limit of tests is not for this.
  this.timeout(0)
  const leaked = await tests.end()
  if (leaked && !this.currentTest.isFailed()) this.test.error(leaked)
}

/** Mocha sets its exit code as the process exits, be it that it waits for that or, with `--exit`, brings it about: here it has done so. */
function failRun() {
  const fail = () => {
    process.exitCode ||= 1
  }
  process.once('exit', fail)
  process.once('beforeExit', () => process.once('exit', fail))
}

const { mochaGlobalSetup, mochaGlobalTeardown, mochaHooks } = brokerHooks()

module.exports = { broker, brokerHooks, mochaGlobalSetup, mochaGlobalTeardown, mochaHooks }
