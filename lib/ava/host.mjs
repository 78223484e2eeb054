// @ts-check

/** A shared worker of AVA's that hosts a broker. Test workers ask where it is, and take failures of our shared workers, each once, for AVA to report. */

import { setImmediate } from 'node:timers/promises'
import { startBroker } from './broker.mjs'

/** @type {import('../../plugin.js').SharedWorker.Factory<'join' | 'leave', any>} */
export default async ({ negotiateProtocol }) => {
  const main = negotiateProtocol(['ava-4'])
  const broker = await startBroker()
  const place = { pipe: process.env.EPHEMERAL_PIPE, secret: process.env.EPHEMERAL_SECRET }
  /** @type {string[]} */
  const failures = []
  broker.on('sharedWorkerError', ({ filename, error }) => failures.push(`the shared worker ${filename} failed\n${error.stack}`))

  main.ready()
  for await (const message of main.subscribe()) {
    if (message.data === 'join') {
      message.reply(place)
    } else {
      // What failed before it was asked has been told by then.
      await setImmediate()
      message.reply(failures.splice(0))
    }
  }
}
