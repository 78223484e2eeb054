import type { TestBroker } from '../types.js'

export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

/**
 * The broker of the run, for the tests of a file. What a test takes and does not release is given back after its `afterEach` hooks; what is taken outside of tests, and in
 * `test.concurrent`, after the `afterAll` hooks.
 * @example
 * ```js
 * const { broker } = require('ephemeral-broker/jest')
 *
 * test('signs in', async () => {
 *   const account = await broker.acquire('accounts')
 *   await signIn(account.value)
 *   await account.release()
 * })
 * ```
 */
export declare const broker: TestBroker
