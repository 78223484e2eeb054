import type { IntegrationOptions, TestBroker } from '../types.js'

export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

/** What `node --test` finds in the module of `--test-global-setup`: the broker's start and stop. */
export interface GlobalSetup {
  globalSetup(): Promise<void>
  globalTeardown(): Promise<void>
}

/**
 * The run's broker, for hooks and tests: what a test took and did not release is given back after its hooks. Import it at the top of the test file.
 * @example
 * ```js
 * import { broker } from 'ephemeral-broker/node'
 *
 * test('logs in', async t => {
 *   const account = await broker.acquire('accounts')
 *   t.after(() => account.release())
 * })
 * ```
 */
export const broker: TestBroker

/**
 * {@link globalSetup} and {@link globalTeardown} with options.
 * @example
 * ```js
 * export const { globalSetup, globalTeardown } = brokerSetup({ pools: { accounts: 10 } })
 * ```
 */
export function brokerSetup(options?: IntegrationOptions): GlobalSetup

/**
 * Starts the broker. `--test-global-setup` takes a file, not a package: one that has this line.
 * @example
 * ```js
 * export { globalSetup, globalTeardown } from 'ephemeral-broker/node'
 * ```
 */
export const globalSetup: GlobalSetup['globalSetup']
export const globalTeardown: GlobalSetup['globalTeardown']
