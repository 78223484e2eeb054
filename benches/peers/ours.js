// @ts-check
'use strict'

const load = async () => require('../..')

/** @type {import('.').Peer} */
module.exports = {
  name: 'ephemeral-broker',
  about: 'this package; the broker in a host process, the client in another',
  inHost: true,
  locks: true,
  sharedWorkers: true,
  topics: true,
  library: require('node:path').resolve(__dirname, '../..'),

  missing() {
    try {
      require('../..')
      return null
    } catch (error) {
      return `${/** @type {Error} */ (error).message.split('\n')[0]}: npm run build`
    }
  },

  async startServer() {
    const { Broker } = await load()
    const broker = new Broker({ requireTTL: false, maxItems: 0, secret: false })
    const address = await broker.start()
    return { address, pid: process.pid, stop: () => broker.stop() }
  },

  async connect(address) {
    const { Client } = await load()
    const client = new Client(address, { secret: false })
    return {
      get: key => client.get(key),
      set: (key, value, ttl) => client.set(key, value, ttl),
      del: key => client.del(key),
      lease: (key, worker, ttl) => client.lease(key, worker, ttl),
      release: (key, worker) => client.release(worker, key),
      lock: async name => {
        const lock = await client.lock(name)
        return () => lock.release()
      },
      subscribe: (topic, onMessage) => {
        const messages = client.subscribe(topic, { limit: 1_000_000 })
        void (async () => {
          for await (const _ of messages) onMessage()
        })()
        return messages.ready
      },
      publish: (topic, text) => client.publish(topic, text),
      answer: topic => {
        const messages = client.subscribe(topic)
        void (async () => {
          for await (const message of messages) void message.reply(message.data)
        })()
        return messages.ready
      },
      request: (topic, text) => client.request(topic, text),
      ping: () => client.ping(),
      getSync: key => client.getSync(key),
      close: () => client.close()
    }
  }
}
