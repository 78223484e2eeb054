import type { IntegrationOptions, TestBroker } from '../types.js'

export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

/** What Mocha finds in a module that it requires: the broker's start and stop, and the hooks around each test. */
export interface MochaPlugin {
  mochaGlobalSetup(this: unknown): Promise<void>
  mochaGlobalTeardown(this: unknown): Promise<void>
  mochaHooks: { beforeAll(this: any): void; beforeEach(this: any): void }
}

/**
 * The run's broker, for hooks and tests: what a test took and did not release is given back after its hooks.
 * @example
 * ```js
 * import { broker } from 'ephemeral-broker/mocha'
 *
 * it('logs in', async () => {
 *   const account = await broker.acquire('accounts')
 *   await account.release()
 * })
 * ```
 */
export const broker: TestBroker

/**
 * What `--require ephemeral-broker/mocha` is, with options: for a file of your own that Mocha requires in its place.
 * @example
 * ```js
 * module.exports = brokerHooks({ pools: { accounts: 10 } })
 * ```
 */
export function brokerHooks(options?: IntegrationOptions): MochaPlugin

export const mochaGlobalSetup: MochaPlugin['mochaGlobalSetup']
export const mochaGlobalTeardown: MochaPlugin['mochaGlobalTeardown']
export const mochaHooks: MochaPlugin['mochaHooks']
