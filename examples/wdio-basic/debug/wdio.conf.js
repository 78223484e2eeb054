import { Broker } from 'ephemeral-broker'
import { config as base } from '../wdio.conf.js'

let broker

export const config = {
  ...base,
  specs: ['./status.js'],
  services: [],

  async onPrepare() {
    broker = new Broker({ debug: true })
    await broker.start()
  },

  async onComplete() {
    broker.stop()
  }
}
