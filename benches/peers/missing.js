// @ts-check
'use strict'

/**
 * @param {string} library
 * @returns {string | null}
 */
function missingLibrary(library) {
  const paths = /** @type {string[]} */ (require.resolve.paths(library))
  const { existsSync } = require('node:fs')
  const { join } = require('node:path')
  return paths.some(path => existsSync(join(path, library, 'package.json')))
    ? null
    : `${library} is not installed: npm ci --prefix benches --ignore-scripts`
}

module.exports = { missingLibrary }
