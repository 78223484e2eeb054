// @ts-check
'use strict'

const { workerName } = require('../../worker-name.js')
const { Scope, worker } = require('../worker.js')

/** Whether a test runs, with its `beforeEach` and `afterEach` hooks. */
let isTesting = false

/** What is taken outside of tests, for those tests of a file that the worker was given. */
let group = new Scope(null)

const realm = worker({
  runner: 'Playwright',
  check:
    "that playwright.config has globalSetup: 'ephemeral-broker/playwright/setup', and that nothing is asked of the broker while a test file is loaded",
  // Test files are loaded in the main process, too. What one of them takes there is held until the end, and people must see by whom.
  name: () => (process.env.TEST_PARALLEL_INDEX === undefined ? 'playwright-main' : workerName()),
  running: () => (isTesting ? null : group)
})

/**
 * Nobody says that the last `afterAll` hook has run. But a worker is told what to run next, be it more of the same file, for which it runs `beforeAll` hooks anew.
 * @param {unknown} message of Playwright's main process
 */
function onMessage(message) {
  const { method } = /** @type {{ params?: { method?: string } | null } | null} */ (message)?.params ?? {}
  if (method === 'runTestGroup') void endGroup()
}

// Workers of Playwright listen. What does not is none, and would not end any more if it did.
if (process.listenerCount('message') > 0) process.prependListener('message', onMessage)

/** What is taken later is for the next tests. */
function endGroup() {
  const over = group
  group = new Scope(null)
  return over.end()
}

/** @param {string} title */
function beginTest(title) {
  isTesting = true
  return realm.begin(title)
}

/**
 * @param {InstanceType<typeof Scope>} scope
 * @param {string | undefined} status of the test
 * @returns {ReturnType<typeof realm.end>}
 */
function endTest(scope, status) {
  isTesting = false
  // It could not release anything: what it has is given back, and is no leak.
  if (status === 'interrupted') scope.title = null
  return realm.end(scope)
}

module.exports = { beginTest, endGroup, endTest, realm }
