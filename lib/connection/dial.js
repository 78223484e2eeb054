// @ts-check
'use strict'

const failures = require('../failures.js')
const native = require('../native.js')

/** The escape hatch for a host whose event loop cannot watch the connection: a thread reads it. */
const THREADED = process.env.EPHEMERAL_BROKER_IO === 'thread' || 'bun' in process.versions || 'deno' in process.versions

/**
 * Connects to what listens on a pipe. Without a secret that could be anybody's: only this user's, or root's, is trusted then.
 * @param {import('./index.js').Settings} settings
 * @param {Parameters<typeof native.NativeClient.connect>[1]} onReady
 * @throws {Error} the system's, its code first
 * @throws {import('../errors.js').BrokerError} `broker_unreachable`, when it is not to be trusted
 */
function dial({ pipe, secret }, onReady) {
  const connection = native.NativeClient.connect(pipe, onReady, THREADED)
  const user = connection.peerUser()
  const own = process.geteuid?.()
  if (!secret && user != null && own !== undefined && user !== own && user !== 0) {
    connection.close()
    throw failures.untrusted(pipe, user, own)
  }
  return connection
}

module.exports = { dial }
