// @ts-check
'use strict'

/** What WebdriverIO's Jasmine loads before all specs. */

const { here } = require('./here.js')

/** What WebdriverIO puts in place of the global functions would run the user's `beforeHook` and `afterHook` for these too. */
const env = /** @type {any} */ (globalThis).jasmine.getEnv()

// Hooks are not told which test runs. One that is skipped has no hooks.
env.addReporter({
  specStarted: (/** @type {{ fullName: string }} */ { fullName }) => void here.begin(fullName),
  specDone: () => here.end()
})

// Jasmine runs those that were declared first last.
env.afterEach(async () => {
  const error = await here.end()
  if (error) throw error
})
