// @ts-check
'use strict'

// A process that uses one peer's client: `node client.js <peer> <address> <requests in flight it is for>`.

const { findPeer } = require('../peers')
const { crowd } = require('./crowd')
const locks = require('./locks')
const measure = require('./measure')
const messages = require('./messages')
const { serve } = require('./rpc')

const [, , name, address, inFlight] = process.argv
const peer = findPeer(name)
const connected = peer.connect(address, { inFlight: Number(inFlight) })

/** @type {Record<string, (client: import('../peers').PeerClient, ...params: any[]) => any>} */
const measurements = {
  ...measure,
  ...locks,
  ...messages,
  seed: (client, count) => measure.seed(peer, client, address, count),
  crowd: (_client, waiters, grants) => crowd(address, waiters, grants)
}

serve({
  async ready() {
    await connected
  },
  async measure(/** @type {string} */ what, /** @type {any[]} */ ...params) {
    return measurements[what](await connected, ...params)
  },
  async end() {
    await (await connected).close()
  }
})
