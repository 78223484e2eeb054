// @ts-check
'use strict'

/** The runner that runs this project: not the one that this package would find, which may be linked into the project from elsewhere. */

const { createRequire } = require('node:module')
const path = require('node:path')

/**
 * @param {string} name
 * @returns {string} the file that the project's `require(name)` would load
 */
function resolvePeer(name) {
  return createRequire(path.join(process.cwd(), 'package.json')).resolve(name)
}

module.exports = { resolvePeer }
