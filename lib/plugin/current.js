// @ts-check
'use strict'

const { mainFile } = require('./identity.js')
const { TestFile } = require('./test-file.js')

/** @typedef {InstanceType<typeof TestFile>} Begun */

// A runner may load this package anew in the middle of a test file, and still means the same one.
const CURRENT = Symbol.for('ephemeral-broker.test-file')
// Who begins and ends test files, but does not want to load this where there is no need, says the name of the file.
const NAME = Symbol.for('ephemeral-broker.test-file-name')
const realm = /** @type {{ [CURRENT]?: Begun | null, [NAME]?: string }} */ (/** @type {unknown} */ (globalThis))

/** @param {string | URL} file */
function begin(file) {
  const begun = new TestFile(file, () => {
    if (realm[CURRENT] === begun) realm[CURRENT] = null
  })
  realm[CURRENT] = begun
  return begun
}

/** The test file of now. Where nobody said which that is, it is what the thread runs, until there is nothing left to run. */
function current() {
  if (realm[CURRENT]) return realm[CURRENT]
  if (realm[NAME] !== undefined) return begin(realm[NAME])
  const begun = begin(mainFile())
  process.once('beforeExit', () => void begun.teardown())
  return begun
}

module.exports = { begin, current }
