// @ts-check
'use strict'

const native = require('../native.js')

/**
 * Logs a request and what becomes of it, on standard error; never a value.
 * @param {InstanceType<typeof import('./pending.js').Pending>} pending
 */
function trace(pending) {
  const start = native.now()
  const { resolve, reject } = pending
  const log = (/** @type {string} */ text) => process.stderr.write(`[client] request ${pending.id}: ${text}\n`)
  const outcome = (/** @type {string} */ text) => log(`${text} after ${(native.now() - start).toFixed(3)} ms`)
  if (pending.more) log(pending.more.label)
  else log(typeof pending.body === 'string' ? pending.body : `set ${JSON.stringify(pending.subject)}`)
  pending.resolve = (/** @type {any} */ value) => {
    outcome('done')
    resolve(value)
  }
  pending.reject = (/** @type {any} */ error) => {
    outcome(String(error?.code ?? error))
    reject(error)
  }
}

module.exports = { trace }
