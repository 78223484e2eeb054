/**
 * A broker that parallel test workers share: values, leases and locks in memory, over a Unix socket or a named pipe,
 * gone when the run is over.
 *
 * Durations are milliseconds. Sizes are bytes. Everything that fails, fails with a {@link BrokerError}.
 *
 * @packageDocumentation
 */

import type { ChildProcess, SpawnOptions } from 'node:child_process'
import type { EventEmitter } from 'node:events'

/** What a level of logging shows; each shows what is right of it too. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/**
 * How a {@link Broker} behaves. Each option names the environment variable that is used where the option is absent or `undefined`.
 */
export interface BrokerOptions {
  /** How long a value lives that was set without a TTL, in ms; 0: for ever. When given, it also ends leases taken without a TTL by a
   * connected worker, which otherwise last as long as that worker. `BROKER_DEFAULT_TTL` @default 1800000 (30 minutes) */
  defaultTTL?: number | undefined
  /** Refuse `set` without a TTL (`ttl_required`). `BROKER_REQUIRE_TTL` @default true */
  requireTTL?: boolean | undefined
  /** Sliding expiry: reading a value starts its TTL again, at the length it was set with. `BROKER_REFRESH_TTL_ON_GET` @default false */
  refreshTTLOnGet?: boolean | undefined
  /** The most values held at a time (`max_items`); 0: no limit. `BROKER_MAX_ITEMS` @default 10000 */
  maxItems?: number | undefined
  /** The most bytes of one value, as JSON in UTF-8 (`too_large`). `BROKER_MAX_VALUE_SIZE` @default 262144 */
  maxValueSize?: number | undefined
  /** The most bytes of one request (`too_large`). `BROKER_MAX_REQUEST_SIZE` @default 1048576 */
  maxRequestSize?: number | undefined
  /** The most connections at a time; one more is turned away with `too_many_connections`. `BROKER_MAX_CONNECTIONS` @default 10000 */
  maxConnections?: number | undefined
  /** How long the key of an expired value answers `expired` before it answers `not_found`, in ms. The value itself is wiped when it
   * expires. `BROKER_SWEEPER_INTERVAL` @default 30000 */
  sweeperInterval?: number | undefined
  /** Workers must know this secret. `true` makes a random one and exports it to the workers as `EPHEMERAL_SECRET`; `false` asks for
   * none whatever the environment says. `EPHEMERAL_SECRET`, `BROKER_SECRET` @default none */
  secret?: string | boolean | null | undefined
  /** Names the pipe instead of a random name: 1 to 32 of `A-Z a-z 0-9 . _ -`. */
  pipeId?: string | undefined
  /** Short for `logLevel: 'debug'`. `BROKER_DEBUG` @default false */
  debug?: boolean | undefined
  /** What is logged, on standard error. Never a value or a secret. `BROKER_LOG_LEVEL` @default 'warn' */
  logLevel?: LogLevel | undefined
  /** Log lines of JSON. `BROKER_STRUCTURED_LOGGING` @default false */
  structuredLogging?: boolean | undefined
  /** Stop (never exit the process) when no request has come for this long, in ms; 0 or null: never. `BROKER_IDLE_TIMEOUT` @default 0 */
  idleTimeout?: number | null | undefined
  /** Log a line about the broker's state each so many ms (at level `info`); 0 or null: never. `BROKER_HEARTBEAT_INTERVAL` @default 0 */
  heartbeatInterval?: number | null | undefined
  /** Whether clients that do not say otherwise compress large values. `BROKER_COMPRESSION` @default false */
  compression?: boolean | undefined
  /** From how many bytes on such clients compress. `BROKER_COMPRESSION_THRESHOLD` @default 1024 */
  compressionThreshold?: number | undefined
  /** Count operations for {@link Client.metrics}. `BROKER_METRICS` @default true */
  metrics?: boolean | undefined
  /** The lowest number that a lease gives: 1 as in "account 1 to 10", or 0 for those who index an array. `BROKER_LEASE_START` @default 1 */
  leaseStart?: number | undefined
  /** On SIGINT and SIGTERM: drain, stop, exit with 0. Without it the broker installs no signal handler. @default false */
  handleSignals?: boolean | undefined
  /** How long {@link Broker.drain} waits when it is not told, in ms. @default 5000 */
  drainPeriod?: number | undefined
}

/** What a {@link Broker} tells its host. */
export interface BrokerEvents {
  /** A lease ran out before it was released. */
  leaseExpired: [{ key: string; workerId: string; number: number; token: number; name: string | null; pid: number | null }]
  /** A worker's connection ended while it held leases; they have been given back. */
  workerLost: [{ name: string | null; pid: number | null; leases: Array<{ key: string; workerId: string; number: number }> }]
  /** 90% of `maxItems` are in use. Told again only after it has been below. */
  nearCapacity: [{ items: number; maxItems: number; utilization: number }]
  /** The broker has stopped: `stop()`, `idleTimeout`, or a failure (then with `error` set). */
  stopped: [{ reason: 'stop' | 'idle' | 'failure'; error?: BrokerError }]
}

/**
 * The broker of a test run. Start it once, in the process that hosts the run; workers reach it with {@link Client}.
 *
 * It works on a thread of its own: a busy event loop of the host delays no worker.
 *
 * @example
 * ```js
 * const broker = new Broker({ requireTTL: false })
 * const pipe = await broker.start() // workers started from here on find it in EPHEMERAL_PIPE
 * await broker.stop()
 * ```
 */
export class Broker extends EventEmitter<BrokerEvents> {
  /** @throws {BrokerError} `invalid_option`: names the option, its value and what is allowed. */
  constructor(options?: BrokerOptions)

  /** The socket's path or the pipe's name, known before `start()`. */
  readonly pipe: string

  /** Whether it serves now. */
  readonly running: boolean

  /**
   * Begins to serve, and exports `EPHEMERAL_PIPE` to this process and so to its children (with `secret: true` the secret too).
   * A broker that runs keeps its process alive, as a server of `node:net` does; see {@link Broker.unref}.
   * May be called again after `stop()`.
   * @returns the pipe.
   * @throws {BrokerError} `already_started`; `pipe_in_use`: a live broker has this `pipeId`; `start_failed`: the system said no.
   */
  start(): Promise<string>

  /**
   * Stops: disconnects everyone, wipes everything, removes the socket. It does its work when it is not awaited, too. Stopping twice is harmless.
   */
  stop(): Promise<void>

  /**
   * Takes no new requests (they are answered `draining`; only `release`, `stats`, `health` and `metrics` are still served) and waits until those under way
   * have been answered.
   * @param timeoutMs how long to wait at most. @default `drainPeriod`
   * @returns whether all were answered in time.
   * @example
   * ```js
   * const inTime = await broker.drain(1000)
   * if (!inTime) console.warn('some requests were not answered')
   * ```
   */
  drain(timeoutMs?: number): Promise<boolean>

  /**
   * Starts a process that finds this broker: `child_process.spawn` with `EPHEMERAL_PIPE` (and the secret) in its environment and, unless
   * `options` say otherwise, this process's standard streams.
   * @throws {BrokerError} `not_started`
   * @example
   * ```js
   * const child = broker.spawn(process.execPath, ['-e', 'console.log(process.env.EPHEMERAL_PIPE)'])
   * await new Promise(resolve => child.once('exit', resolve))
   * ```
   */
  spawn(command: string, args?: readonly string[], options?: SpawnOptions): ChildProcess

  /**
   * The process may end although this broker runs. It then leaves nothing behind.
   * @example
   * ```js
   * broker.unref() // a forgotten stop() does not hang the runner
   * ```
   */
  unref(): this
  /** The opposite of {@link Broker.unref}. */
  ref(): this

  /** `await using broker = new Broker()` stops it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>
}

/** How a {@link Client} behaves. Each option names the environment variable that is used where the option is absent or `undefined`. */
export interface ClientOptions {
  /** How long a request may take in all, connecting included, in ms. `CLIENT_TIMEOUT` @default 5000 */
  timeout?: number | undefined
  /** Log each request's action and time on standard error; never a value. `CLIENT_DEBUG` @default false */
  debug?: boolean | undefined
  /** The broker's secret; `false` or `null`: none. `EPHEMERAL_SECRET`, `CLIENT_SECRET` @default none */
  secret?: string | false | null | undefined
  /** Compress large values with gzip. Compressed values of others are read in any case. `CLIENT_COMPRESSION` @default as the broker says: false */
  compression?: boolean | undefined
  /** From how many bytes of JSON on a value is compressed. `CLIENT_COMPRESSION_THRESHOLD` @default as the broker says: 1024 */
  compressionThreshold?: number | undefined
  /** What the broker calls this worker in messages and events. @default after the runner's worker number, else the pid */
  name?: string | undefined
  /** Accepted for code written for `@ephemeral-broker/core`; the broker's `requireTTL` decides. */
  allowNoTtl?: boolean | undefined
}

/** What any request takes. */
export interface RequestOptions {
  /** For this request, in ms. @default the client's `timeout` */
  timeout?: number | undefined
  /** Gives the request up: it rejects with code `aborted`, the signal's reason as its `cause`. */
  signal?: AbortSignal | undefined
}

/** What a blocking request takes. */
export type SyncOptions = Omit<RequestOptions, 'signal'>

export interface SetOptions extends RequestOptions {
  /** How long the value lives, in ms. @default the broker's `defaultTTL` */
  ttl?: number | undefined
}

export interface LeaseOptions extends RequestOptions {
  /** When the lease ends if it is neither renewed nor released, in ms. @default none: with its worker */
  ttl?: number | undefined
  /** Keep the lease when this worker's connection ends, until its TTL. @default false */
  detached?: boolean | undefined
}

/** An entry of {@link Client.list}. */
export interface ListEntry {
  /** When it expires, in ms since the epoch; null: never. */
  expires: number | null
  hasValue: boolean
}

/** How full the broker is. */
export interface Capacity {
  items: number
  /** 0: no limit. */
  maxItems: number
  /** From 0 to 1, two decimals. */
  utilization: number
  nearCapacity: boolean
  atCapacity: boolean
  warning: 'near_capacity' | 'at_capacity' | null
}

/** What {@link Client.stats} tells. */
export interface BrokerStats {
  items: number
  leases: number
  connections: number
  sessions: number
  capacity: Capacity
  /** In bytes. `rss` is the host process's; the others are what keys and values take. */
  memory: { rss: number; heapUsed: number; approximateStoreBytes: number }
  /** In ms. */
  uptime: number
}

/** What {@link Client.health} tells. */
export interface BrokerHealth {
  ok: true
  /** `degraded` when `maxItems` values are held. */
  status: 'healthy' | 'degraded'
  /** In ms. */
  uptime: number
  /** The broker's clock, ms since the epoch. */
  timestamp: number
  capacity: Capacity
  memory: { rss: number; heapUsed: number; heapTotal: number }
  connections: { open: number; inFlight: number; draining: boolean }
}

/**
 * A worker's connection to the broker. It connects when first used, waits (within `timeout`) for a broker that is about to
 * appear, and carries any number of requests at a time. An idle client keeps no process alive.
 *
 * Each request rejects with a {@link BrokerError}: besides what is listed with the method, `timeout`, `aborted`,
 * `broker_unreachable`, `connection_closed`, `auth_failed`, `draining`, `too_large`, `closed` (this client was).
 *
 * The methods that end in `Sync` block the thread until the reply is there: for test definitions and configuration files, which cannot wait.
 *
 * @example
 * ```js
 * const client = new Client() // EPHEMERAL_PIPE
 * const account = await client.lease('accounts', `worker-${process.pid}`)
 * await client.set('token', 'abc', 60_000)
 * const token = await client.get('token')
 * await client.close()
 * ```
 */
export class Client {
  /**
   * @param pipe where the broker is. @default the environment variable `EPHEMERAL_PIPE`
   * @throws {BrokerError} `no_pipe`: neither is there; `invalid_option`
   */
  constructor(pipe?: string | null, options?: ClientOptions)

  /** Where it connects to. */
  readonly pipe: string

  /** Whether it is connected now. */
  readonly connected: boolean

  /**
   * @throws {BrokerError} `not_found`, `expired`
   * @example
   * ```js
   * await client.set('user', { id: 7 }, 60_000)
   * const user = await client.get('user')
   * const maybe = await client.get('nobody').catch(() => null)
   * ```
   */
  get<T = any>(key: string, options?: RequestOptions): Promise<T>
  /**
   * The blocking twin of {@link Client.get}.
   * @example
   * ```js
   * client.setSync('cases', [1, 2, 3], 60_000)
   * for (const one of client.getSync('cases')) console.log(one)
   * ```
   */
  getSync<T = any>(key: string, options?: SyncOptions): T

  /**
   * Keeps a value: anything that JSON can say.
   * @param ttl how long, in ms, or options.
   * @returns true
   * @throws {BrokerError} `ttl_required`, `invalid_ttl`, `too_large`, `max_items`, `invalid_value`
   * @example
   * ```js
   * await client.set('token', 'abc', 60_000)
   * await client.set('flags', { dark: true }, { ttl: 60_000, timeout: 1000 })
   * ```
   */
  set<T = any>(key: string, value: T, ttl?: number | SetOptions): Promise<true>
  /** The blocking twin of {@link Client.set}. */
  setSync<T = any>(key: string, value: T, ttl?: number | Omit<SetOptions, 'signal'>): true

  /**
   * @returns whether it was there.
   * @example
   * ```js
   * const wasThere = await client.del('token')
   * ```
   */
  del(key: string, options?: RequestOptions): Promise<boolean>
  /** The blocking twin of {@link Client.del}. */
  delSync(key: string, options?: SyncOptions): boolean

  /**
   * Whether {@link Client.get} would find a value.
   * @example
   * ```js
   * if (await client.has('token')) console.log('logged in already')
   * ```
   */
  has(key: string, options?: RequestOptions): Promise<boolean>
  /** The blocking twin of {@link Client.has}. */
  hasSync(key: string, options?: SyncOptions): boolean

  /**
   * All keys.
   * @example
   * ```js
   * for (const [key, { expires }] of Object.entries(await client.list())) console.log(key, expires)
   * ```
   */
  list(options?: RequestOptions): Promise<Record<string, ListEntry>>
  /** The blocking twin of {@link Client.list}. */
  listSync(options?: SyncOptions): Record<string, ListEntry>

  /**
   * Takes the lowest number that nobody holds for `key`, from 1. Asking again under the same name renews it: the number stays.
   * It is given back by {@link Client.release}, when its TTL ends, and when this process ends, however that happens.
   * @param key what numbers are leased of: 'accounts'.
   * @param workerId who holds it.
   * @param ttl in ms, or options.
   * @throws {BrokerError} `key_and_worker_required`; `invalid_ttl`; `not_owner`: another process holds a lease under this name; `expired`: this worker's lease
   *   ran out and its number has gone to somebody else (told once; asking again takes a new one).
   * @example
   * ```js
   * const account = await client.lease('accounts', 'worker-1')
   * const forAMinute = await client.lease('databases', 'worker-1', 60_000)
   * const kept = await client.lease('ports', 'worker-1', { ttl: 60_000, detached: true })
   * ```
   */
  lease(key: string, workerId: string | number, ttl?: number | LeaseOptions): Promise<number>
  /** The blocking twin of {@link Client.lease}. */
  leaseSync(key: string, workerId: string | number, ttl?: number | Omit<LeaseOptions, 'signal'>): number

  /**
   * Gives back what `workerId` holds: all of it, or the lease on `key` alone.
   * @returns whether there was anything to give back.
   * @throws {BrokerError} `worker_required`; `not_owner`: it belongs to another process.
   * @example
   * ```js
   * await client.lease('accounts', 'worker-1')
   * await client.release('worker-1', 'accounts') // this one
   * await client.release('worker-1') // all that is left
   * ```
   */
  release(workerId: string | number, key?: string, options?: RequestOptions): Promise<boolean>
  /** The blocking twin of {@link Client.release}. */
  releaseSync(workerId: string | number, key?: string, options?: SyncOptions): boolean

  /**
   * @returns the round trip in ms, with fractions, above 0.
   * @example
   * ```js
   * console.log(`the broker is ${await client.ping()} ms away`)
   * ```
   */
  ping(options?: RequestOptions): Promise<number>
  /** The blocking twin of {@link Client.ping}. */
  pingSync(options?: SyncOptions): number

  /**
   * Counts, kept as things change.
   * @example
   * ```js
   * const { items, leases, connections } = await client.stats()
   * ```
   */
  stats(options?: RequestOptions): Promise<BrokerStats>
  /**
   * For monitoring; see {@link checkReadiness} for probes.
   * @example
   * ```js
   * const { status, capacity } = await client.health()
   * ```
   */
  health(options?: RequestOptions): Promise<BrokerHealth>
  /**
   * @returns counters in Prometheus' text format; no keys, no values.
   * @example
   * ```js
   * const text = await client.metrics()
   * const leases = /^ephemeral_broker_leases (\d+)/m.exec(text)[1]
   * ```
   */
  metrics(options?: RequestOptions): Promise<string>

  /** Ends the session: what it held is given back, requests under way reject with `closed`. Closing twice is harmless. */
  close(): Promise<void>

  /** `await using client = new Client()` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The codes of {@link BrokerError}. */
export type BrokerErrorCode =
  | 'aborted'
  | 'already_started'
  | 'auth_failed'
  | 'broker_failed'
  | 'broker_unreachable'
  | 'closed'
  | 'connection_closed'
  | 'draining'
  | 'expired'
  | 'invalid_json'
  | 'invalid_option'
  | 'invalid_request'
  | 'invalid_ttl'
  | 'invalid_value'
  | 'key_and_worker_required'
  | 'key_required'
  | 'max_items'
  | 'max_leases'
  | 'native_missing'
  | 'no_pipe'
  | 'not_found'
  | 'not_owner'
  | 'not_started'
  | 'pipe_in_use'
  | 'protocol_error'
  | 'start_failed'
  | 'timeout'
  | 'too_large'
  | 'too_many_connections'
  | 'ttl_required'
  | 'unknown_action'
  | 'worker_required'
  // A newer broker may know more.
  | (string & {})

/**
 * Every failure of this package. The message begins with the code.
 *
 * @example
 * ```js
 * const value = await client.get('maybe').catch(error => {
 *   if (error.code === 'not_found') return null
 *   throw error
 * })
 * ```
 */
export class BrokerError extends Error {
  constructor(code: BrokerErrorCode, message?: string, options?: { cause?: unknown; details?: Record<string, unknown> })
  /** Stable: what a program looks at. */
  readonly code: BrokerErrorCode
  /** What the message says, as data. */
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * The path (or the pipe's name) that a broker with this id listens on.
 * @param id as {@link BrokerOptions.pipeId}. @default a random one
 * @throws {BrokerError} `invalid_option`
 * @example
 * ```js
 * import { makePipePath } from 'ephemeral-broker'
 * console.log(makePipePath('my-run'))
 * ```
 */
export function makePipePath(id?: string): string

/**
 * Removes the socket that a killed broker left. A live broker's is never removed, nor anything that is not a socket of this user.
 * @returns whether something was removed.
 * @example
 * ```js
 * import { cleanupPipe, makePipePath } from 'ephemeral-broker'
 * cleanupPipe(makePipePath('my-run')) // false: there was nothing
 * ```
 */
export function cleanupPipe(pipe: string): boolean

/**
 * Whether a broker answers and is healthy (not draining, not full): for probes. Never rejects for a broker that does not answer.
 * @param pipe @default the environment variable `EPHEMERAL_PIPE`
 * @param timeoutMs @default 2000
 * @example
 * ```js
 * import { checkReadiness } from 'ephemeral-broker'
 * const ready = await checkReadiness()
 * process.exitCode = ready ? 0 : 1
 * ```
 */
export function checkReadiness(pipe?: string, timeoutMs?: number): Promise<boolean>
