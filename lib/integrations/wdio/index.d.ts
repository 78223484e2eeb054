import type { IntegrationOptions, TestBroker } from '../types.js'

/**
 * The service for WebdriverIO 9: it starts a broker before the run's workers, stops it after them, and gives tests `browser.broker`.
 * @example
 * ```js
 * // wdio.conf.js
 * import { EphemeralBrokerService } from 'ephemeral-broker/wdio'
 *
 * export const config = {
 *   services: [[EphemeralBrokerService, { pools: { accounts: 10 } }]]
 * }
 * ```
 */
declare class Service {
  constructor(options?: IntegrationOptions)
  onPrepare(config: { rootDir?: string | undefined }): Promise<void>
  onWorkerEnd(): void
  /** @param exitCode the run's, unless it is changed. From 0 it becomes 1 when the run is no success. */
  onComplete(exitCode: number): Promise<void>
  beforeSession(config: object, capabilities: unknown, specs: string[]): void
}

declare namespace Service {
  export import EphemeralBrokerService = Service

  /**
   * The same as `browser.broker`, for what is outside of tests too: the files of page objects and helpers, and all hooks of the configuration that run in workers.
   * @example
   * ```js
   * import { broker } from 'ephemeral-broker/wdio'
   *
   * export const account = await broker.forWorker('accounts')
   * ```
   */
  export const broker: import('../types.js').TestBroker
  export type IntegrationOptions = import('../types.js').IntegrationOptions
  export type TestBroker = import('../types.js').TestBroker
  export type WorkerLease<T = any> = import('../types.js').WorkerLease<T>
}

export = Service

declare global {
  namespace WebdriverIO {
    interface Browser {
      /** The run's broker. What a test took and did not release is given back after its hooks. */
      readonly broker: TestBroker
    }
    interface MultiRemoteBrowser {
      /** The run's broker. What a test took and did not release is given back after its hooks. */
      readonly broker: TestBroker
    }
    interface ServiceOption extends IntegrationOptions {}
  }
}
