import { Broker } from 'ephemeral-broker'
import { accounts } from './accounts'

declare global {
  // Global setup and teardown run in one process; the tests do not see this.
  var __BROKER__: Broker | undefined
}

export default async function globalSetup(): Promise<void> {
  const broker = new Broker({ requireTTL: false, pools: { accounts } })
  await broker.start()
  globalThis.__BROKER__ = broker
}
