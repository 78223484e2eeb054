/**
 * For AVA: once this has been imported there is a broker, and `new Client()` and all else of this package work in test files. Import it where the package would be imported, or name
 * it in AVA's `require`, which is the way for CommonJS test files and for helpers that use the package as they are loaded.
 *
 * The broker lives in a shared worker of AVA's: the first test file starts it, it ends with AVA, and in watch mode it stays from run to run. Where test files run in child processes
 * (`workerThreads: false`) AVA has no shared workers: import this in `ava.config.js`, and the broker lives in AVA's main process. A broker that `EPHEMERAL_PIPE` names already is used.
 *
 * Programs of `ephemeral-broker/plugin` are available when AVA starts a file's tests, and a program that fails makes the run fail.
 *
 * @packageDocumentation
 */

import type { TestBroker } from './lib/integrations/types.js'

export * from './index.js'

/**
 * A client that knows which test runs, also where tests run side by side: what a test takes is given back when its hooks and teardowns are over, what is taken outside of tests when the test
 * file is over. What a test did not release itself is a leak, and is named on standard error.
 *
 * Pools, values, rates and `leaks` are declared in the config file, `ephemeral-broker.config.js`.
 *
 * @example
 * ```js
 * import test from 'ava'
 * import { broker } from 'ephemeral-broker/ava'
 *
 * test('logs in', async t => {
 *   const account = await broker.acquire('accounts')
 *   t.teardown(() => account.release())
 *   t.truthy(account.value)
 * })
 * ```
 */
export declare const broker: TestBroker
export type { TestBroker, WorkerLease } from './lib/integrations/types.js'
