// @ts-check

/**
 * For AVA: when this has been imported, there is a broker. It lives in a shared worker of AVA's, where the first test file starts it, and ends with AVA; in watch mode
 * it stays from run to run. Imported in AVA's configuration it lives in AVA's main process instead, which is the way where test files run in child processes.
 * A broker that is there already, as under `ephemeral-broker start -- npx ava`, is used.
 */

import { isMainThread } from 'node:worker_threads'
import { findRunner } from './runner.mjs'
import { worker } from './worker.mjs'

const runner = findRunner()
if (runner) await (await import('./test-worker.mjs')).join(runner)
// Other threads are tools' that read the configuration.
else if (isMainThread && !process.env.EPHEMERAL_PIPE) await (await import('./main-process.mjs')).host()

export const { broker } = worker

export { Broker, BrokerError, Client, checkReadiness, cleanupPipe, defineConfig, makePipePath, run } from '../../index.js'
