import type { AcquireOptions, BrokerOptions, Client, WantedPool } from '../../index.js'
import type { RateLimit } from '../../run.js'

/**
 * What an integration takes in its runner's own place for options: what a {@link Broker} takes, and what tests find in it. `requireTTL` is false unless it is given.
 * The config file, `ephemeral-broker.config.js` or `ephemeral-broker.toml`, may have `pools`, `values` (for `seed`), `rateLimits` and `leaks` as well.
 */
export interface IntegrationOptions extends BrokerOptions {
  /** Values that are there when the first test runs: by key. Where there was a broker already, those that it has stay as they are. */
  seed?: Record<string, unknown> | undefined
  /** Rates that all workers together keep to, for {@link Client.throttle}. */
  rateLimits?: Record<string, RateLimit> | undefined
  /** What becomes of a test that does not release what it took: it is named at the end of the run, it fails, or nothing is said. It is given back in any case. @default 'warn' */
  leaks?: 'warn' | 'fail' | 'off' | undefined
  /** Whether a line at the end of the run says how much of the pools was in use, what was waited for longest, and how much was not released. @default true */
  summary?: boolean | undefined
}

/** A worker's own lease. It is given back when the worker ends. */
export interface WorkerLease<T = any> {
  readonly pool: string
  /** From 1 on. */
  readonly number: number
  /** The pool's value; where a pool has numbers only, the number. */
  readonly value: T
  /** Higher for each later grant. */
  readonly token: number
}

/**
 * A client for tests: it connects when it is first used, says which test runs, and gives back what a test took when the test is over, after its `afterEach` hooks; what was taken
 * outside of tests, when the test file is over. What a test did not release itself counts as a leak.
 */
export interface TestBroker extends Client {
  /**
   * This worker's number, from 1 on: no two workers have the same at a time, and one that takes another's place has its number.
   * @throws {BrokerError} `no_pipe`, `broker_unreachable`
   * @example
   * ```js
   * const port = 4000 + broker.slot
   * ```
   */
  readonly slot: number

  /**
   * The worker's own lease of a pool: taken when it is asked for first, the same for all test files that the worker runs, and given back when the worker ends.
   * @throws {BrokerError} as {@link Client.acquire}
   * @example
   * ```js
   * const { value: account } = await broker.forWorker('accounts')
   * ```
   */
  forWorker<T = any>(pool: WantedPool, options?: Omit<AcquireOptions, 'signal' | 'ttl'>): Promise<WorkerLease<T>>
}
