import type { Fixtures, FullConfig } from '@playwright/test'
import type { Lease } from '../../../index.js'
import type { IntegrationOptions, TestBroker } from '../types.js'

export type { IntegrationOptions, TestBroker, WorkerLease } from '../types.js'

/** A fixture that is a lease of a pool. */
export interface LeaseFixture<Scope extends 'test' | 'worker' = 'test' | 'worker'> {
  /** Taken from this pool. */
  pool: string
  /** Whose it is: each attempt of a test takes one and gives it back, or each worker has one until it ends. A worker ends with each test that fails. @default 'test' */
  scope?: Scope | undefined
  /** Members that the value must have, as for {@link TestBroker.acquire}. */
  match?: Record<string, unknown> | undefined
  /** In ms, how long it waits for one, on a clock of its own: the time of the test does not go by. `Infinity` is no limit. @default 60_000 */
  wait?: number | undefined
}

type OfTests<Leases> = { [Name in keyof Leases as Leases[Name] extends { scope: 'worker' } ? never : Name]: Lease }
type OfWorkers<Leases> = { [Name in keyof Leases as Leases[Name] extends { scope: 'worker' } ? Name : never]: Lease }
type LeasesOf<Values> = { [Name in keyof Values]: Lease<Values[Name]> }

/**
 * This worker's client, as in the fixture `broker`: for hooks and helpers. What a test takes is given back when it is over, after its `afterEach` hooks and its fixtures, if the
 * `test` has the fixtures of {@link brokerFixtures}; what a `beforeAll` hook takes, when the worker is given other tests, or ends.
 */
export const broker: TestBroker

/**
 * Fixtures for `test.extend`: `broker`, and for each name a lease.
 * @throws {BrokerError} `invalid_option`
 * @example
 * ```ts
 * import { test as base } from '@playwright/test'
 * import { brokerFixtures } from 'ephemeral-broker/playwright'
 *
 * // What the values are is said as to test.extend: those of tests, and those of workers.
 * export const test = base.extend(brokerFixtures<{ cart: Cart }, { account: Account }>({
 *   cart: { pool: 'carts' },
 *   account: { pool: 'accounts', scope: 'worker' }
 * }))
 * ```
 */
export function brokerFixtures<const Leases extends Record<string, LeaseFixture> = Record<never, never>>(
  leases?: Leases
): Fixtures<OfTests<Leases>, { broker: TestBroker } & OfWorkers<Leases>>
export function brokerFixtures<TestValues extends object, WorkerValues extends object = Record<never, never>>(
  leases: { [Name in keyof TestValues]: LeaseFixture<'test'> } & {
    [Name in keyof WorkerValues]: LeaseFixture<'worker'> & { scope: 'worker' }
  }
): Fixtures<LeasesOf<TestValues>, { broker: TestBroker } & LeasesOf<WorkerValues>>

/**
 * A global setup of its own options, for a file that `globalSetup` names. What the config file says is there as well.
 * @example
 * ```ts
 * // global-setup.ts
 * import { brokerSetup } from 'ephemeral-broker/playwright'
 *
 * export default brokerSetup({ pools: { accounts: [{ user: 'ada' }, { user: 'grace' }] } })
 * ```
 */
export function brokerSetup(options?: IntegrationOptions): (config: FullConfig) => Promise<() => Promise<void>>
