// @ts-check
'use strict'

// Hosts a broker in one way or another; the process then ends by itself, as soon as nothing keeps it.

const { Broker, Client } = require('../..')

const [what, extra] = process.argv.slice(2)

/** @type {Record<string, () => unknown>} */
const acts = {
  async running() {
    const broker = new Broker({ requireTTL: false })
    console.log(await broker.start())
    process.stdin
      .resume()
      .on('end', () => broker.stop())
      // Only the broker is to keep the process.
      .unref()
  },
  async signals() {
    const broker = new Broker({ requireTTL: false, handleSignals: true })
    console.log(await broker.start())
  },
  async unref() {
    const broker = new Broker()
    await broker.start()
    broker.unref()
    const client = new Client()
    await client.ping()
  },
  async 'unref-before'() {
    const broker = new Broker().unref()
    await broker.start()
  },
  async 'ref-unref'() {
    const broker = new Broker().unref()
    await broker.start()
    broker.ref().ref().unref()
  },
  async 'stop-unawaited'() {
    const broker = new Broker()
    await broker.start()
    await new Client().ping()
    broker.stop()
  },
  async exit() {
    await new Broker().start()
    await new Client().ping()
    process.exit(5)
  },
  async throw() {
    await new Broker().start()
    setImmediate(() => {
      throw new Error('as a host does')
    })
  },
  async reject() {
    await new Broker().start()
    throw new Error('as a host does')
  },
  async sweep() {
    const broker = new Broker()
    await broker.start()
    const client = new Client()
    await client.ping()
    await client.close()
    await broker.stop()
  },
  async idle() {
    const broker = new Broker({ idleTimeout: 50 })
    broker.on('stopped', ({ reason }) => {
      console.log(`stopped: ${reason}`)
      setTimeout(() => {
        console.log('after that')
        process.exitCode = 3
      }, 20)
    })
    await broker.start()
  },
  async logs() {
    const broker = new Broker({
      logLevel: 'debug',
      heartbeatInterval: 10,
      structuredLogging: extra === 'structured',
      maxItems: 1,
      requireTTL: false
    })
    await broker.start()
    const client = new Client(null, { debug: extra !== 'structured' })
    await client.set('key', 'not to be told')
    await client.get('other').catch(() => {})
    const end = performance.now() + 100
    while (performance.now() < end) await client.ping()
    await client.close()
    await broker.stop()
    console.log('the host itself')
  }
}

acts[what]()
