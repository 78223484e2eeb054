/**
 * Locks, semaphores and reservations for tests in several files, with the API of `@ava/cooperate`, for every test runner.
 *
 * The broker is found by `EPHEMERAL_PIPE`. What a thread or process has is given back when it ends, however it ends. Methods that ask the broker reject with a
 * `BrokerError` where it cannot be asked: `no_pipe` when `EPHEMERAL_PIPE` is not set, `broker_unreachable`, `draining`.
 *
 * @packageDocumentation
 */

/**
 * What all workers of a run share under an id.
 *
 * @example
 * ```js
 * const { SharedContext } = require('ephemeral-broker/cooperate')
 *
 * const context = new SharedContext('my tests')
 * const release = await context.createLock('database').acquire()
 * release()
 * ```
 */
export declare class SharedContext {
  readonly id: string
  /** @throws {TypeError} the id is no string */
  constructor(id: string)

  /** The same lock wherever its id and its context's id are the same. */
  createLock(id: string): Lock

  /**
   * A semaphore of which nothing is lost: what a worker took comes back at its end.
   *
   * @param initialValue a whole number from 0 on, the same wherever the semaphore is created
   * @throws {RangeError} `initialValue` is no such number
   */
  createSemaphore(id: string, initialValue: number): ManagedSemaphore

  /**
   * A semaphore that is counted down and up by hand. Only waits end with a worker.
   *
   * @param initialValue a whole number from 0 on, the same wherever the semaphore is created
   * @throws {RangeError} `initialValue` is no such number
   */
  createUnmanagedSemaphore(id: string, initialValue: number): UnmanagedSemaphore

  /**
   * Reserves values for this worker until its end, without waiting.
   *
   * Values are the same where a `Set` takes them for one: `1`, `1n` and `'1'` are three, `NaN` is one. A value that this worker has already is not reserved again.
   *
   * @returns those that nobody had, in the order given
   * @throws {TypeError} a value is neither a string nor a number, a bigint or a boolean; then none is reserved
   *
   * @example
   * ```js
   * const { SharedContext } = require('ephemeral-broker/cooperate')
   *
   * const context = new SharedContext('my tests')
   * const [user] = await context.reserve('ann', 'bob', 'eve')
   * console.log(user) // ann, unless somebody has it
   * ```
   */
  reserve<T extends bigint | number | string | boolean>(...values: T[]): Promise<T[]>
}

/** Made by {@link SharedContext.createLock}. */
export declare class Lock {
  readonly id: string
  constructor(context: SharedContext, id: string)

  /**
   * Waits for the lock, as long as it takes; first come, first served.
   *
   * @returns what releases it. Calling it again does nothing
   */
  acquire(): Promise<() => void>

  /**
   * Takes the lock if nobody has it.
   *
   * @throws {LockAcquisitionError} somebody has it
   */
  acquireNow(): Promise<() => void>
}

/**
 * Made by {@link SharedContext.createSemaphore}.
 *
 * @example
 * ```js
 * const { SharedContext } = require('ephemeral-broker/cooperate')
 *
 * const browsers = new SharedContext('my tests').createSemaphore('browsers', 3)
 * const release = await browsers.acquire(2)
 * release(1) // one of them
 * release() // the rest
 * ```
 */
export declare class ManagedSemaphore {
  readonly id: string
  readonly initialValue: number
  constructor(context: SharedContext, id: string, initialValue: number)

  /**
   * Waits until `amount` (default 1) can be taken; first come, first served, however little is asked for.
   *
   * @returns what gives it back, or parts of it. It throws a `RangeError` when given more than is still held
   * @throws {RangeError} `amount` is no whole number from 0 to the initial value
   * @throws {SemaphoreCreationError} the semaphore was created otherwise
   */
  acquire(amount?: number): Promise<(amount?: number) => void>

  /**
   * Takes `amount` (default 1) if it is there, even where others wait for more.
   *
   * @throws {SemaphoreDownError} there is less
   * @throws {RangeError} `amount` is no whole number from 0 on
   * @throws {SemaphoreCreationError} the semaphore was created otherwise
   */
  acquireNow(amount?: number): Promise<(amount?: number) => void>
}

/** Made by {@link SharedContext.createUnmanagedSemaphore}. */
export declare class UnmanagedSemaphore {
  readonly id: string
  readonly initialValue: number
  constructor(context: SharedContext, id: string, initialValue: number)

  /**
   * Waits until the value is at least `amount` (default 1), and decrements it; first come, first served, however little is asked for.
   *
   * @throws {RangeError} `amount` is no whole number from 0 on
   * @throws {SemaphoreCreationError} the semaphore was created otherwise
   */
  down(amount?: number): Promise<void>

  /**
   * Decrements the value if it is at least `amount` (default 1), even where others wait for more.
   *
   * @throws {SemaphoreDownError} it is less
   * @throws {RangeError} `amount` is no whole number from 0 on
   * @throws {SemaphoreCreationError} the semaphore was created otherwise
   */
  downNow(amount?: number): Promise<void>

  /**
   * Increments the value by `amount` (default 1). Anybody may, also beyond the initial value.
   *
   * @throws {RangeError} `amount` is no whole number from 0 on
   * @throws {SemaphoreCreationError} the semaphore was created otherwise
   */
  up(amount?: number): Promise<void>
}

/** A lock that was to be had now is held. */
export declare class LockAcquisitionError extends Error {
  get name(): 'LockAcquisitionError'
  readonly lockId: string
  constructor(lockId: string)
}

/** A semaphore that was to be decremented now has too low a value. */
export declare class SemaphoreDownError extends Error {
  get name(): 'SemaphoreDownError'
  readonly semaphoreId: string
  readonly amount: number
  constructor(semaphoreId: string, amount: number)
}

/** In this run the semaphore has another initial value, or is managed where this one is not. */
export declare class SemaphoreCreationError extends Error {
  get name(): 'SemaphoreCreationError'
  readonly semaphoreId: string
  private constructor()
}

/**
 * Gives back all that this thread has by this module and by `ephemeral-broker/get-port`, and ends its waits: they reject with `closed`. For runners in which one worker
 * runs several test files: call it after each. It may go on afterwards.
 *
 * @example
 * ```js
 * const { SharedContext, releaseAll } = require('ephemeral-broker/cooperate')
 *
 * const context = new SharedContext('my tests')
 * await context.reserve('ann')
 * await releaseAll()
 * console.log(await context.reserve('ann')) // [ 'ann' ]
 * ```
 */
export declare function releaseAll(): Promise<void>
