/**
 * For Vitest: `globalSetup: 'ephemeral-broker/vitest'` starts a broker before the tests and stops it after them, and in tests this is where `broker` and fixtures are.
 *
 * @packageDocumentation
 */

import type { TestProject } from 'vitest/node'
import type { Lease } from '../../../index.js'
import type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** In the configuration, the options of the broker; to tests that `inject` it, where the broker is. */
    'ephemeral-broker': IntegrationOptions & { readonly pipe?: string }
  }
}

/** A fixture that is a lease of a pool. */
export interface LeaseFixture {
  /** Taken from this pool. */
  pool: string
  /**
   * Whose it is: each attempt of a test takes one and gives it back, or each test file does, or each worker has one until it ends. A worker ends with its test file, unless `isolate`
   * is false or the pool is `vmThreads`.
   * @default 'test'
   */
  scope?: 'test' | 'file' | 'worker' | undefined
  /** Members that the value must have, as for {@link TestBroker.acquire}. */
  match?: Record<string, unknown> | undefined
  /** In ms, how long it waits for one, which is part of the test's time. `Infinity` is no limit. @default 60_000 */
  wait?: number | undefined
}

type OfTest = LeaseFixture & { scope?: 'test' | 'file' | undefined }
type OfWorker = LeaseFixture & { scope: 'worker' }

type Fixtures<Values> = { [Name in keyof Values]: (context: any, use: (value: Values[Name]) => Promise<void>) => Promise<void> }

type Named<Leases> = { [Name in keyof Leases]: Leases[Name] extends { scope: 'worker' } ? WorkerLease : Lease }

type Valued<TestValues, WorkerValues> = { [Name in keyof TestValues]: Lease<TestValues[Name]> } & {
  [Name in keyof WorkerValues]: WorkerLease<WorkerValues[Name]>
}

/**
 * This worker's client. What a test takes and does not release is given back when it is over, after its hooks; what is taken outside of tests, when the test file is over.
 *
 * Of tests that run side by side (`test.concurrent`) Vitest does not say which asks, before 4.1: use the fixture `broker` of {@link brokerFixtures} there, or what they take is the file's.
 */
export const broker: TestBroker

/**
 * Fixtures for `test.extend`: `broker`, which knows its test also when others run beside it, and for each name a lease.
 * @throws {BrokerError} `invalid_option`
 * @example
 * ```ts
 * import { test as base } from 'vitest'
 * import { brokerFixtures } from 'ephemeral-broker/vitest'
 *
 * // What the values are: those of tests and files, and those of workers.
 * export const test = base.extend(brokerFixtures<{ cart: Cart }, { account: Account }>({
 *   cart: { pool: 'carts' },
 *   account: { pool: 'accounts', scope: 'worker' }
 * }))
 * ```
 */
export function brokerFixtures<const Leases extends Record<string, LeaseFixture> = Record<never, LeaseFixture>>(
  leases?: Leases
): Fixtures<{ broker: TestBroker } & Named<Leases>>
export function brokerFixtures<TestValues extends object, WorkerValues extends object = object>(
  leases: { [Name in keyof TestValues]: OfTest } & { [Name in keyof WorkerValues]: OfWorker }
): Fixtures<{ broker: TestBroker } & Valued<TestValues, WorkerValues>>

/**
 * A global setup of its own options, for a file that `globalSetup` names. What the config file says is there as well.
 * @param options Without them it takes what the configuration provides as `ephemeral-broker`.
 * @example
 * ```ts
 * // global-setup.ts
 * import { brokerSetup } from 'ephemeral-broker/vitest'
 *
 * export default brokerSetup({ pools: { accounts: [{ user: 'ada' }, { user: 'grace' }] } })
 * ```
 */
export function brokerSetup(options?: IntegrationOptions): (project: TestProject) => Promise<() => Promise<void>>

declare const globalSetup: (project: TestProject) => Promise<() => Promise<void>>
export default globalSetup
