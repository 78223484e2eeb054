// @ts-check
'use strict'

const { createRequire } = require('node:module')

/** @type {{ info: () => { file: string } } | null} */
let test = null

/**
 * The test file that this worker runs, in its hooks and in the fixtures of workers, too.
 *
 * The copy of Playwright that runs this process is asked: it refuses to be loaded beside another one, and the project's own need not be found from the folder in
 * which the run was started.
 * @returns {string | null} null: none is run
 */
function currentFile() {
  try {
    test ??= createRequire(process.argv[1])('playwright/test').test
    return /** @type {NonNullable<typeof test>} */ (test).info().file
  } catch {
    return null
  }
}

module.exports = { currentFile }
