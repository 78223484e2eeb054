/**
 * A plugin of CodeceptJS, which says what scenario runs. The broker is around the run: `npx ephemeral-broker start -- npx codeceptjs run-workers 5`.
 *
 * @example
 * ```js
 * // codecept.conf.js
 * exports.config = {
 *   tests: './*_test.js',
 *   plugins: { broker: { enabled: true, require: 'ephemeral-broker/codeceptjs' } }
 * }
 * ```
 */
declare function plugin(): void | Promise<void>

declare namespace plugin {
  /**
   * A client that knows the running scenario: what a scenario takes is given back when its `After` hooks are over, what is taken in `BeforeSuite` when the feature is over. What a
   * scenario did not release itself is a leak, and is named at the end of the run.
   *
   * @example
   * ```js
   * const { broker } = require('ephemeral-broker/codeceptjs')
   *
   * Scenario('logs in', async () => {
   *   const account = await broker.acquire('accounts')
   *   await account.release()
   * })
   * ```
   */
  export const broker: import('../types.js').TestBroker
  export type TestBroker = import('../types.js').TestBroker
  export type WorkerLease<T = any> = import('../types.js').WorkerLease<T>
}

export = plugin
