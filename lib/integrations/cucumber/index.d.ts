import type { TestBroker } from '../types.js'

/**
 * A client that knows the running scenario: what a scenario takes is given back when its `After` hooks are over, what is taken in `BeforeAll` when the worker ends. What a
 * scenario did not release itself is a leak, and is named at the end of the run.
 *
 * The broker is around the run: `npx ephemeral-broker start -- npx cucumber-js --parallel 5`.
 *
 * @example
 * ```js
 * import { Given } from '@cucumber/cucumber'
 * import { broker } from 'ephemeral-broker/cucumber'
 *
 * Given('I am logged in', async function () {
 *   this.account = await broker.acquire('accounts')
 * })
 * ```
 */
export declare const broker: TestBroker
export type { TestBroker, WorkerLease } from '../types.js'
