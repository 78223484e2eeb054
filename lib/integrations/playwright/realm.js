// @ts-check
'use strict'

const { Scope, worker } = require('../worker.js')
const { currentFile } = require('./runner.js')

/** Whether a test runs, with its `beforeEach` and `afterEach` hooks. */
let isTesting = false

/** What is taken outside of tests is the test file's. A worker runs one after the other. */
const file = { name: /** @type {string | null} */ (null), scope: new Scope(null) }

const realm = worker({
  runner: 'Playwright',
  check:
    "that playwright.config has globalSetup: 'ephemeral-broker/playwright/setup', and that nothing is asked of the broker while a test file is loaded",
  running: () => (isTesting ? null : fileScope())
})

/** Nobody says that a test file is over: the next one does. */
function fileScope() {
  const name = currentFile()
  if (name !== null && name !== file.name) {
    void endFile()
    file.name = name
  }
  return file.scope
}

/** What is taken later is the next one's. */
function endFile() {
  const { scope } = file
  file.scope = new Scope(null)
  return scope.end()
}

/** @param {string} title */
function beginTest(title) {
  fileScope()
  isTesting = true
  return realm.begin(title)
}

/**
 * @param {InstanceType<typeof Scope>} scope
 * @returns {ReturnType<typeof realm.end>}
 */
function endTest(scope) {
  isTesting = false
  return realm.end(scope)
}

module.exports = { beginTest, endFile, endTest, realm }
