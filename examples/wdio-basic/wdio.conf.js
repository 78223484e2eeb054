import { Broker } from 'ephemeral-broker'
import { chrome } from './browser.js'
import { Shop } from './shop/server.js'

let broker

export const config = {
  maxInstances: 5,

  async onPrepare() {
    broker = new Broker({ requireTTL: false })
    await broker.start()
  },

  async onComplete() {
    broker.stop()
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
