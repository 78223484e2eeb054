// @ts-check

import index from '../../index.js'

/** A broker as most test runs want it. It goes by the environment else. */
export async function startBroker() {
  // Whoever asks for the secret is of this process, or started by it.
  const broker = new index.Broker({ secret: true, requireTTL: process.env.BROKER_REQUIRE_TTL === undefined ? false : undefined })
  await broker.start()
  return broker
}
