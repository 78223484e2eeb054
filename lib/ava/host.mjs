// @ts-check

/** A shared worker of AVA's that hosts a broker. Test workers ask where it is, and take failures of our shared workers, each once, for AVA to report. */

import { setImmediate } from 'node:timers/promises'
import { startBroker } from './broker.mjs'
import { Summary } from './summary.mjs'

/** Waits from here on are told, for the summary to name the longest, in ms. */
const LEAST_WAIT = 1
/** What test workers take over from here. */
const VARIABLES = ['EPHEMERAL_PIPE', 'EPHEMERAL_SECRET', 'EPHEMERAL_LEAKS']

/** @type {import('../../plugin.js').SharedWorker.Factory<'join' | 'leave', any>} */
export default async ({ negotiateProtocol }) => {
  const main = negotiateProtocol(['ava-4'])
  const host = await startBroker("AVA's shared worker", { longWait: LEAST_WAIT }).catch(error => refuse(main.ready(), error))
  const { broker } = /** @type {Extract<typeof host, { broker: any }>} */ (host)
  const summary = new Summary(broker)
  const place = Object.fromEntries(VARIABLES.map(name => [name, process.env[name]]))
  /** @type {string[]} */
  const failures = []
  broker.on('sharedWorkerError', ({ filename, error }) => failures.push(`the shared worker ${filename} failed\n${error.stack}`))
  /** The test files that run. */
  const files = new Set()

  /**
   * Nobody stops this broker, so what there is to tell is told when a test file is over.
   * @param {unknown} file
   */
  async function tellAfter(file) {
    if (!files.delete(file)) return
    const line = files.size === 0 ? await summary.line() : null
    host.tellLeaks()
    if (line) process.stderr.write(`${line}\n`)
    // What a thread prints goes by way of the main thread. AVA is not to end before it has come there.
    await new Promise(resolve => process.stderr.write('', resolve))
  }

  main.ready()
  for await (const message of main.subscribe()) {
    const { data, testWorker } = message
    if (data === 'join') {
      files.add(testWorker)
      // One that crashes does not leave.
      testWorker.teardown(() => tellAfter(testWorker))
      message.reply(place)
    } else {
      // What failed before it was asked has been told by then.
      await setImmediate()
      await tellAfter(testWorker)
      message.reply(failures.splice(0))
    }
  }
}

/**
 * AVA would have test files wait for a shared worker that fails as it starts.
 * @param {import('../../plugin.js').SharedWorker.Protocol<'join' | 'leave', any>} main
 * @param {Error} error
 * @returns {Promise<never>}
 */
async function refuse(main, error) {
  for await (const message of main.subscribe()) message.reply({ error })
  throw error
}
