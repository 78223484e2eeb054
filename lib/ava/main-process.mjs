// @ts-check

/** A broker in AVA's main process, for as long as AVA runs. */

import { startBroker } from './broker.mjs'

export async function host() {
  const broker = await startBroker()
  broker.unref()
  // AVA has nothing more to do then, and has said how its run was.
  process.once('beforeExit', async () => {
    const { sharedWorkerErrors } = await broker.stop()
    if (sharedWorkerErrors.length > 0) process.exitCode ||= 1
  })
}
