// @ts-check
'use strict'

const { missingLibrary } = require('./missing')
const { missingRedis, startRedis, usedMemory } = require('./redis-server')

const load = async () => require('redis')

/** @type {import('.').Peer} */
module.exports = {
  name: 'node-redis',
  about: 'on Redis over a Unix socket, nothing persisted',
  library: 'redis',
  missing: () => missingLibrary('redis') ?? missingRedis(),
  startServer: startRedis,

  async connect(address) {
    const { createClient } = await load()
    const redis = createClient({ socket: { path: address, tls: false } })
    redis.on('error', () => {})
    await redis.connect()
    return {
      get: key => redis.get(key),
      set: (key, value, ttl) => redis.set(key, value, { expiration: { type: 'PX', value: ttl } }),
      del: key => redis.del(key),
      lease: (key, worker, ttl) => redis.set(key, worker, { expiration: { type: 'PX', value: ttl }, condition: 'NX' }),
      release: key => redis.del(key),
      usedMemory: async () => usedMemory(await redis.info('memory')),
      close: async () => redis.destroy()
    }
  }
}
