// @ts-check

/** A broker in AVA's main process, for as long as AVA runs. */

import { startBroker } from './broker.mjs'

export async function host() {
  const host = await startBroker("AVA's configuration")
  // AVA has nothing more to do then, and has said how its run was.
  process.once('beforeExit', async () => {
    const { failed } = await host.stop()
    if (failed) process.exitCode ||= 1
  })
}
