// @ts-check
'use strict'

const { pipePath } = require('./broker.js')
const { Client } = require('./client.js')
const { BrokerError, show } = require('./errors.js')
const native = require('./native.js')

/** @param {string} [id] */
function makePipePath(id) {
  if (id !== undefined && typeof id !== 'string') throw new BrokerError('invalid_option', `the id of a pipe is a string, not ${show(id)}`)
  return pipePath(id)
}

/** @param {string} pipe */
function cleanupPipe(pipe) {
  return typeof pipe === 'string' && pipe !== '' && native.removeStale(pipe)
}

/**
 * @param {string} [pipe]
 * @param {number} [timeoutMs]
 */
async function checkReadiness(pipe, timeoutMs = 2000) {
  const path = pipe ?? process.env.EPHEMERAL_PIPE
  if (!path) return false
  const client = new Client(path, { timeout: timeoutMs, name: 'readiness' })
  try {
    const { status, connections } = await client.health()
    return status === 'healthy' && !connections.draining
  } catch {
    return false
  } finally {
    await client.close()
  }
}

module.exports = { makePipePath, cleanupPipe, checkReadiness }
