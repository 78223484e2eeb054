// @ts-check
'use strict'

/**
 * What is being made by `once` here: the innermost first.
 * @typedef {{ pipe: string, key: string, outer: Making | undefined, token: number }} Making
 */

/** Loaded when needed. @type {import('node:async_hooks').AsyncLocalStorage<Making> | null} */
let storage = null

/** The one in whose function this runs. */
function currentMaking() {
  return storage?.getStore()
}

/**
 * @template T
 * @param {Making} making
 * @param {() => T} fn
 * @returns {T}
 */
function runMaking(making, fn) {
  storage ??= new (require('node:async_hooks').AsyncLocalStorage)()
  return storage.run(making, fn)
}

/**
 * For a request that may wait: in the making of what it is asked.
 * @param {string} pipe
 */
function withinText(pipe) {
  let tokens = ''
  for (let making = currentMaking(); making; making = making.outer) {
    if (making.pipe === pipe) tokens += `${tokens && ','}${making.token}`
  }
  return tokens && `,"within":[${tokens}]`
}

module.exports = { currentMaking, runMaking, withinText }
