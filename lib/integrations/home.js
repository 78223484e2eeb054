// @ts-check
'use strict'

/**
 * What outlives a test file. Jest, and Vitest with `vmThreads`, give each file a context of its own and drop it with all modules in it; the thread's main context
 * stays. There the modules of this package that belong to the worker are loaded.
 */

const { createRequire } = require('node:module')
const { runInThisContext } = require('node:vm')

/** The global object of the thread's main context. @returns {any} */
const mainGlobal = () => runInThisContext('globalThis')

/** @returns {NodeJS.Require} */
function mainRequire() {
  const main = mainGlobal()
  if (main === globalThis) return require
  const { createRequire: create = createRequire } =
    main.process?.getBuiltinModule?.('node:module') ?? main.process?.mainModule?.constructor ?? {}
  return create(__filename)
}

/**
 * What this worker has of a broker, in the thread's main context: what comes from there is of another realm.
 * @returns {typeof import('./own.js')}
 */
const home = () => mainRequire()('./own.js')

module.exports = { home, mainGlobal }
