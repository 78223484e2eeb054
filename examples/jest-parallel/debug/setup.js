import { Broker } from 'ephemeral-broker'

let broker

export default async function globalSetup() {
  // In setup.js
  broker = new Broker({ debug: true })
  await broker.start()
  global.__BROKER__ = broker
}
