// @ts-check
'use strict'

const { mainFile } = require('./identity.js')
const { TestFile } = require('./test-file.js')

/** @typedef {InstanceType<typeof import('../client.js').Client>} Client */
/** @typedef {InstanceType<typeof TestFile>} Begun */

/**
 * What is known in this thread. A runner may load this package anew in the middle of a test file, and still means the same.
 * @typedef {object} State
 * @property {Begun | null} current the one that registrations are made for
 * @property {Set<Begun>} begun those that have not ended
 * @property {Client | null} client for all of them
 */

const STATE = Symbol.for('ephemeral-broker.test-files')
const realm = /** @type {{ [STATE]?: State }} */ (/** @type {unknown} */ (globalThis))
realm[STATE] ??= { current: null, begun: new Set(), client: null }
const state = realm[STATE]

function connect() {
  const { Client } = require('../client.js')
  state.client ??= new Client()
  return state.client
}

/** @param {Begun} testFile */
function onEnd(testFile) {
  state.begun.delete(testFile)
  if (state.current === testFile) state.current = null
  if (state.begun.size > 0) return
  void state.client?.close()
  state.client = null
}

/** @param {string | URL} file */
function begin(file) {
  const testFile = new TestFile(file, { connect, onEnd })
  state.current = testFile
  state.begun.add(testFile)
  return testFile
}

/** The test file of now. Where nobody said which that is, it is what the thread runs, until there is nothing left to run. */
function current() {
  if (state.current) return state.current
  const testFile = begin(mainFile())
  process.once('beforeExit', () => void testFile.teardown())
  return testFile
}

module.exports = { begin, current }
