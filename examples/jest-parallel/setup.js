import { Broker } from 'ephemeral-broker'

export default async function globalSetup() {
  const broker = new Broker({ requireTTL: false })
  await broker.start()
  global.__BROKER__ = broker
}
