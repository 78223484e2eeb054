import { Broker } from 'ephemeral-broker'

export default async function globalSetup() {
  const broker = new Broker({ requireTTL: false })
  await broker.start()
  global.__BROKER__ = broker

  // The work that all workers share: ten chunks, each for one of them.
  await broker.queue('chunks-to-do').push(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
}
