// @ts-check
'use strict'

const net = require('node:net')
const { keyOf, itemOf } = require('../lib/data')
const { missingLibrary } = require('./missing')

const load = () => import('@ephemeral-broker/core')

/** @type {import('.').Peer} */
module.exports = {
  name: '@ephemeral-broker/core',
  about: '1.0.5, which opens a connection for each request; more than about 500 at once fail; its store was filled over one raw connection',
  inHost: true,
  // It opens a connection for each request; about 500 at once fill the listening queue, and the rest fail.
  mostInFlight: 256,
  library: '@ephemeral-broker/core',
  esm: true,
  missing: () => missingLibrary('@ephemeral-broker/core'),

  async startServer() {
    const { Broker } = await load()
    const broker = new Broker({ requireTTL: false, maxItems: 0, logLevel: 'error' })
    const address = await broker.start()
    return { address, pid: process.pid, stop: async () => broker.stop() }
  },

  async connect(address) {
    const { Client } = await load()
    const client = new Client(address, { allowNoTtl: true })
    return {
      get: key => client.get(key),
      set: (key, value, ttl) => client.set(key, value, ttl),
      del: key => client.del(key),
      lease: (key, worker, ttl) => client.lease(key, worker, ttl),
      release: (_key, worker) => client.release(worker),
      close: async () => {}
    }
  },

  /** Over one connection, in blocks: its client would take minutes. */
  seed: (address, count, ttl) =>
    new Promise((resolve, reject) => {
      const socket = net.connect(address)
      let sent = 0
      let answered = 0
      const send = () => {
        let lines = ''
        for (const end = Math.min(sent + 500, count); sent < end; sent++) {
          lines += `${JSON.stringify({ action: 'set', key: keyOf(sent), value: itemOf(sent), ttl, compressed: false })}\n`
        }
        socket.write(lines)
      }
      socket.on('error', reject)
      socket.on('data', chunk => {
        for (const byte of chunk) if (byte === 10) answered++
        if (answered < sent) return
        if (sent < count) return send()
        socket.end()
        resolve()
      })
      send()
    })
}
