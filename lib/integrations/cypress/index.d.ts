import type { IntegrationOptions, TestBroker } from '../types.js'

/** What Cypress gives `setupNodeEvents` to register handlers with. */
type On = (event: any, handler: any) => unknown

/** For who has handlers of these events: Cypress keeps one of each, the last one. */
export interface BrokerHandlers {
  /** Gives back what the spec took and did not release: to be called in one's own `after:spec`. */
  endSpec(): Promise<void>
  /**
   * Stops the broker, and says what was not released: to be called in one's own `after:run`.
   * @throws {BrokerError} `leaked`: with `leaks: 'fail'`, or where a shared worker failed
   */
  endRun(): Promise<void>
}

/**
 * Tasks for specs: `broker:acquire`, `broker:lock`, `broker:release`, `broker:throttle`, `broker:get`, `broker:set`, `broker:begin`, `broker:end`. The broker is started as the run
 * begins, unless there is one around it.
 *
 * @example
 * ```js
 * // cypress.config.js
 * const { defineConfig } = require('cypress')
 * const { brokerTasks } = require('ephemeral-broker/cypress')
 *
 * module.exports = defineConfig({
 *   e2e: {
 *     setupNodeEvents(on, config) {
 *       brokerTasks(on, config, { pools: { accounts: [{ user: 'ada' }, { user: 'grace' }] } })
 *     }
 *   }
 * })
 * ```
 */
export declare function brokerTasks(on: On, config?: { projectRoot?: string }, options?: IntegrationOptions): BrokerHandlers

/**
 * A client, for tasks and handlers of one's own in `setupNodeEvents`. It is to be used when the run has begun.
 *
 * @example
 * ```js
 * on('task', { logIn: () => broker.once('token', () => fetchToken()) })
 * ```
 */
export declare const broker: TestBroker
export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'
