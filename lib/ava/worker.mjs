// @ts-check

import { isMainThread, threadId } from 'node:worker_threads'
import integrations from '../integrations/worker.js'

/** What this test worker has of a broker. AVA gives it no number: a thread's own is told, or the process's. */
export const worker = integrations.worker({
  runner: 'AVA',
  check: "that the test file, or AVA's configuration, imports 'ephemeral-broker/ava'",
  name: () => `ava-worker-${isMainThread ? process.pid : threadId}`
})
