// @ts-check
'use strict'

const { missingLibrary } = require('./missing')
const { makeLock } = require('./redis-lock')
const { missingRedis, startRedis, usedMemory } = require('./redis-server')

const load = async () => require('ioredis')

/** @type {import('.').Peer} */
module.exports = {
  name: 'ioredis',
  about:
    'on Redis over a Unix socket, nothing persisted; with autopipelining at 1000 in flight, where it is faster so; its lock is SET NX PX, given back by a script that wakes one who waits (BLPOP)',
  locks: true,
  topics: true,
  library: 'ioredis',
  missing: () => missingLibrary('ioredis') ?? missingRedis(),
  startServer: startRedis,

  async connect(address, { inFlight }) {
    const { Redis } = await load()
    // Its batching pays with many requests at once and costs with few: each row gets what is faster.
    const redis = new Redis(address, { enableAutoPipelining: inFlight >= 500 })
    const locks = makeLock(redis)
    /** A connection that subscribes can do nothing else. @type {Array<InstanceType<typeof Redis>>} */
    const subscribers = []
    return {
      lock: locks.lock,
      ping: () => redis.ping(),
      get: key => redis.get(key),
      set: (key, value, ttl) => redis.set(key, value, 'PX', ttl),
      del: key => redis.del(key),
      lease: (key, worker, ttl) => redis.set(key, worker, 'PX', ttl, 'NX'),
      release: key => redis.del(key),
      subscribe: async (topic, onMessage) => {
        const subscriber = new Redis(address)
        subscribers.push(subscriber)
        subscriber.on('message', onMessage)
        await subscriber.subscribe(topic)
      },
      publish: (topic, text) => redis.publish(topic, text),
      usedMemory: async () => usedMemory(await redis.info('memory')),
      close: async () => {
        locks.close()
        for (const subscriber of subscribers) subscriber.disconnect()
        redis.disconnect()
      }
    }
  }
}
