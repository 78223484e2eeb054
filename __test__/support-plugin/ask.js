// @ts-check
'use strict'

/** For test workers in any process. */

const { registerSharedWorker } = require('../../lib/plugin')

/**
 * @param {string | URL} filename
 * @param {object} [options]
 */
function register(filename, options) {
  return registerSharedWorker({ filename, supportedProtocols: ['ava-4'], ...options })
}

/**
 * @param {ReturnType<typeof register>} shared
 * @param {unknown} data
 * @returns {Promise<any>} the data of the first reply
 */
async function ask(shared, data) {
  const replies = shared.publish(data).replies()
  const { value } = await replies.next()
  await replies.return()
  return value?.data
}

module.exports = { ask, register }
