import { Broker, Client } from 'ephemeral-broker'
import { chrome } from './browser.js'
import { Shop } from './shop/server.js'
import { summary } from './summary.js'

let broker
let client

export const config = {
  maxInstances: 5,

  async onPrepare() {
    broker = new Broker({ requireTTL: false })
    await broker.start()
  },

  async onComplete() {
    const timings = await broker.collect('timings')
    const report = await broker.stop()
    console.log(summary(timings, report))
  },

  // In the worker, for all of its tests: how long they took goes to onComplete.
  before() {
    client = new Client()
  },

  async afterTest(test, _context, { duration }) {
    await client.append('timings', { test: `${test.parent} ${test.title}`, ms: Math.round(duration) })
  },

  runner: 'local',
  specs: ['./specs/*.e2e.js'],
  capabilities: [chrome()],
  // Serves the page under test. Its onPrepare comes after the one above, so it finds the broker.
  services: [[Shop, {}]],
  framework: 'mocha',
  mochaOpts: { timeout: 120_000 },
  // Headless Chrome needs no display, virtual or not.
  autoXvfb: false,
  reporters: ['spec'],
  logLevel: 'warn'
}
