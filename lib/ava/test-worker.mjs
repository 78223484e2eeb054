// @ts-check

/** A test worker of AVA's: it finds the broker, and begins and ends a test file for shared workers of ours. */

import errors from '../errors.js'
import plugin from '../plugin/index.js'
import { followTests } from './tests.mjs'
import { worker } from './worker.mjs'

const { BrokerError } = errors

const HOST = new URL('host.mjs', import.meta.url)
/** How long AVA waits for what programs do after this test file, in ms. */
const MOST_TO_FINISH = 5000

/** @param {import('./runner.mjs').Runner} runner */
export async function join(runner) {
  const file = plugin.testFile(await runner.testFile())
  await runner.beforeTests(async () => {
    // What has failed is reported where it is, and whoever uses it is told.
    await file.available().catch(() => {})
  })
  await followTests(runner, worker)
  if (process.env.EPHEMERAL_PIPE) await runner.afterTests(() => leave(file))
  else await joinHost(runner, () => leave(file, { finished: MOST_TO_FINISH }))
}

/**
 * @param {ReturnType<typeof plugin.testFile>} file
 * @param {{ finished?: number }} [options]
 */
async function leave(file, options) {
  await worker.endFile()
  await file.teardown(options)
}

/**
 * Nobody stops that broker when AVA's run is over: what programs do at the end has to be done before this test worker lets AVA end, and what has failed reported by then.
 * @param {import('./runner.mjs').Runner} runner
 * @param {() => Promise<void>} leave
 */
async function joinHost(runner, leave) {
  if (!runner.hasSharedWorkers) {
    throw new BrokerError(
      'no_pipe',
      "AVA has no shared workers where test files run in child processes (workerThreads: false). Import 'ephemeral-broker/ava' in ava.config.js, which starts a broker in AVA's main process, or run: npx ephemeral-broker start -- npx ava"
    )
  }
  const registerSharedWorker = await runner.registerSharedWorker()
  const host = registerSharedWorker({
    filename: HOST,
    supportedProtocols: ['ava-4'],
    async teardown() {
      try {
        await leave()
      } finally {
        await report(host)
      }
    }
  })
  await host.available
  const { error, ...place } = await ask(host, 'join')
  if (error) throw error
  Object.assign(process.env, place)
}

/**
 * What nobody has reported yet.
 * @param {any} host
 */
async function report(host) {
  /** @type {string[]} */
  const failures = await ask(host, 'leave')
  // The stack is what AVA shows.
  if (failures.length > 0) throw Object.assign(new Error('a shared worker failed'), { stack: `Error: ${failures.join('\n')}` })
}

/**
 * @param {any} host
 * @param {'join' | 'leave'} what
 */
async function ask(host, what) {
  for await (const { data } of host.publish(what).replies()) return data
}
