// @ts-check
'use strict'

/** The runner that runs this project: not the one that this package would find, which may be linked into the project from elsewhere. */

const { createRequire } = require('node:module')
const path = require('node:path')

/**
 * Looked for from the current folder. In a workspace a runner may be started in a folder that does not have it: then it is beside the program that runs, or beside
 * this package.
 * @param {string} name
 * @returns {string} the file that the project's `require(name)` would load
 */
function resolvePeer(name) {
  return createRequire(__filename).resolve(name, { paths: [process.cwd(), path.dirname(process.argv[1] ?? ''), __dirname] })
}

module.exports = { resolvePeer }
