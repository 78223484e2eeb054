// @ts-check
'use strict'

/** Longer than anything that is measured; it would end what a killed holder holds. */
const TTL = 30_000
/** Should a notification be lost, in seconds. */
const LOOK_AGAIN = 5

/** Only the holder gives it back, and wakes one who waits, or leaves word for who is about to. */
const RELEASE = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
if redis.call('llen', KEYS[2]) == 0 then redis.call('rpush', KEYS[2], '1') end
return 1`

/**
 * A lock as it is done with Redis by who does not want to poll: who does not get it blocks on a list until somebody has given it back.
 *
 * @param {import('ioredis').Redis} redis
 */
function makeLock(redis) {
  redis.defineCommand('giveBack', { numberOfKeys: 2, lua: RELEASE })
  /** @type {Array<import('ioredis').Redis>} */
  const idle = []
  /** @type {Array<import('ioredis').Redis>} */
  const all = []
  let lastToken = 0

  /** A connection that waits can do nothing else. */
  const blockOn = async (/** @type {string} */ list) => {
    let connection = idle.pop()
    if (!connection) {
      connection = redis.duplicate({ enableAutoPipelining: false })
      all.push(connection)
    }
    await connection.blpop(list, LOOK_AGAIN)
    idle.push(connection)
  }

  return {
    /** @param {string} name */
    async lock(name) {
      const [key, freed, token] = [`lock:${name}`, `freed:${name}`, `${process.pid}:${++lastToken}`]
      while ((await redis.set(key, token, 'PX', TTL, 'NX')) === null) await blockOn(freed)
      return () => /** @type {any} */ (redis).giveBack(key, freed, token)
    },
    close() {
      for (const connection of all) connection.disconnect()
    }
  }
}

module.exports = { makeLock }
