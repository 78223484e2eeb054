// @ts-check
'use strict'

const path = require('node:path')
const { expect, file } = require('./hooks.js')
const { Scope, worker } = require('../worker.js')

/** The scope of the running test. Tests that run beside others have none of their own: what they take is the file's. */
function running() {
  const { test } = file
  if (test === null) return null
  const { currentConcurrentTestName, testPath } = expect.getState()
  const name = currentConcurrentTestName?.() ?? test.name
  if (name !== test.name) return null
  test.scope ??= new Scope(titleOf(name, testPath))
  return test.scope
}

/**
 * @param {string} name with those of its `describe`s: what `jest -t` takes
 * @param {string | undefined} testPath
 */
function titleOf(name, testPath) {
  if (testPath === undefined) return name
  return `${path.relative(process.cwd(), testPath).replaceAll('\\', '/')} › ${name}`
}

const { broker } = worker({
  runner: 'Jest',
  check: "that jest.config has preset: 'ephemeral-broker', or globalSetup: 'ephemeral-broker/jest/setup'",
  running
})

module.exports = { broker }
