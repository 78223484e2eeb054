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

export * from './run.js'

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
  /** Pools to {@link Client.acquire} from: values, or how many numbers. @default none */
  pools?: Record<string, readonly unknown[] | number | PoolDefinition> | undefined
  /** After how long a wait is logged, with who blocks whom, and told as `slowWait`, in ms; 0 or null: never. `BROKER_SLOW_WAIT` @default 10000 */
  slowWait?: number | null | undefined
  /** How long a wait for what others held must have been for `waited` to tell of its end, in ms; 0 or null: never. `BROKER_LONG_WAIT` @default 0 */
  longWait?: number | null | undefined
}

/** A pool, with how it is handed out. */
export interface PoolDefinition {
  /** What it holds. */
  values?: readonly unknown[] | undefined
  /** How many numbers it holds, in place of values. */
  size?: number | undefined
  /** Which of the free ones is handed out: the first, the one that has been free for longest, or any. @default 'lowest' */
  policy?: 'lowest' | 'lru' | 'random' | undefined
}

/** What a {@link Broker} tells its host. */
export interface BrokerEvents {
  /** A lease ran out before it was released. */
  leaseExpired: [{ key: string; workerId: string; number: number; token: number; name: string | null; pid: number | null }]
  /** A worker's connection ended while it held leases; they have been given back. */
  workerLost: [{ name: string | null; pid: number | null; leases: Array<{ key: string; workerId: string; number: number }> }]
  /** Somebody has waited for longer than `slowWait`. Told once for each wait. */
  slowWait: [Blocked]
  /** A wait of `longWait` or more, for what others held, is over. */
  waited: [BrokerReport['longestWaits'][number]]
  /** Something was not released: its worker is gone, or the test that took it is over. */
  leaked: [BrokerReport['leaked'][number]]
  /** A shared worker's program failed: told once. Without a listener it is printed to standard error. */
  sharedWorkerError: [{ filename: string; error: Error }]
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
   * @returns what was left behind, and how long others waited. An empty report when it did not run.
   * @example
   * ```js
   * const { leaked } = await broker.stop()
   * for (const { name, number, worker, test } of leaked) console.warn(`${worker} did not release ${name} ${number ?? ''} (${test})`)
   * ```
   */
  stop(): Promise<BrokerReport>

  /**
   * What {@link Client.inspect} tells. (Others see the broker's own way in, once it is used, as a session named `host`.)
   * @throws {BrokerError} `not_started`
   * @example
   * ```js
   * const { sessions } = await broker.inspect()
   * ```
   */
  inspect(): Promise<Inspection>

  /**
   * What workers appended to a list; see {@link Client.append}.
   * @throws {BrokerError} `not_started`
   * @example
   * ```js
   * const timings = await broker.collect('timings')
   * ```
   */
  collect<T = any>(list: string): Promise<T[]>

  /**
   * A queue, for the host to fill and to wait for.
   * @throws {BrokerError} `not_started`
   * @example
   * ```js
   * const files = broker.queue('files')
   * await files.push('a.txt')
   * ```
   */
  queue<T = any>(name: string, options?: QueueOptions): Queue<T>

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
  /** How long what has no `wait` of its own waits for its turn, in ms; `Infinity`: for as long as it takes. `CLIENT_WAIT` @default `timeout`
   * where that is set, else 60000 */
  wait?: number | undefined
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
  /** Only if there is no value under the key; else nothing is done and `set` resolves to false. */
  ifAbsent?: boolean | undefined
  /** Only if the value is still the one of this version (0: there is none); else nothing is done and `set` resolves to false. */
  ifVersion?: number | undefined
}

/** What a request takes that may have to wait. */
export interface WaitOptions extends RequestOptions {
  /** How long to wait at most, in ms; 0: not at all; `Infinity`: for as long as it takes. @default the request's own `timeout`, if that is given, else the
   * client's `wait` */
  wait?: number | undefined
}

/** What a blocking request takes that may have to wait. */
export type SyncWaitOptions = Omit<WaitOptions, 'signal'>

export interface LeaseOptions extends RequestOptions {
  /** When the lease ends if it is neither renewed nor released, in ms. @default none: with its worker */
  ttl?: number | undefined
  /** Keep the lease when this worker's connection ends, until its TTL. @default false */
  detached?: boolean | undefined
  /** How long to wait when the key is a pool of which all is held, in ms. @default `timeout` */
  wait?: number | undefined
}

export interface AcquireOptions extends WaitOptions {
  /** Members that the value must have: `{ role: 'admin' }`. Objects within are matched likewise, all else must be equal. */
  match?: Record<string, unknown> | undefined
  /** When the lease ends if it is neither renewed nor released, in ms. @default none: with this client's connection */
  ttl?: number | undefined
}

/** A pool, or a pool and the members that the value must have. */
export type WantedPool = string | { pool: string; match?: Record<string, unknown> | undefined }

/** A lease for each pool. */
export type LeasesOf<P extends readonly WantedPool[]> = { -readonly [I in keyof P]: Lease }

export interface LockOptions extends WaitOptions {
  /** Together with others that share, and with nobody who does not. @default false */
  shared?: boolean | undefined
}

export interface SemaphoreOptions extends WaitOptions {
  /** How many permits to take at once. @default 1 */
  amount?: number | undefined
}

export interface OnceOptions extends WaitOptions {
  /** How long the value lives, in ms. @default as long as the broker */
  ttl?: number | undefined
  /** Make a new value when fewer ms than this are left of it: one worker does, the others are given the old one meanwhile. @default 0 */
  refresh?: number | undefined
  /** When the maker throws: `'next'` lets the next that waits try, `'all'` gives all that wait the error. @default 'next' */
  onError?: 'next' | 'all' | undefined
}

export interface UpdateOptions extends RequestOptions {
  /** @default what is left of the value's time; a new value needs one as for `set` */
  ttl?: number | undefined
}

export interface IncrOptions extends RequestOptions {
  /** How long the number lives from when it comes to be, in ms. @default as long as the broker */
  ttl?: number | undefined
}

export interface PortOptions extends RequestOptions {
  /** The port, or several in the order of preference. @default any */
  port?: number | readonly number[] | undefined
  /** The address to listen on. @default all of this machine */
  host?: string | undefined
}

export interface QueueOptions {
  /** How often an item is given out before it counts as failed. @default 5 */
  maxAttempts?: number | undefined
}

/** How much may pile up where messages come faster than they are read. */
export interface BacklogOptions {
  /**
   * What becomes of a message when as many wait as may: `error` (the default) ends the iteration with `overflow`, after those that wait; `latest` drops the oldest that waits;
   * `drop` drops the new one.
   */
  policy?: 'latest' | 'drop' | 'error' | undefined
  /** How many wait in the broker, at most 16 MiB of them. Up to as many again, and at most 256, are on their way to this process. Default: 1000. */
  limit?: number | undefined
}

export interface SubscribeOptions extends BacklogOptions {
  /** Ends the iteration. */
  signal?: AbortSignal | undefined
  /** How long the broker may take to answer, in ms. Default: the client's `timeout`. */
  timeout?: number | undefined
}

export interface PublishOptions extends RequestOptions {
  replies?: false | undefined
}

export interface PublishForRepliesOptions extends RequestOptions, BacklogOptions {
  /** Replies are awaited: see {@link PublishedForReplies.replies}. */
  replies: true
}

export interface TopicRequestOptions {
  /** How long to wait for the reply, in ms. Default: the client's `wait`. */
  timeout?: number | undefined
  signal?: AbortSignal | undefined
}

/** A message that came, be it from a topic or as a reply. */
export interface Message<T = any> {
  /** No other message of the broker has the same. */
  readonly id: number
  readonly topic: string
  readonly data: T
  /** How many messages were dropped since the one before. */
  readonly dropped: number
  /**
   * Replies to it.
   * @returns whether that is still awaited: false when its publisher asked for no reply, has one, or is gone.
   * @throws {DOMException} `DataCloneError`, at once: the data cannot be sent.
   */
  reply(data: unknown, options?: RequestOptions): Promise<boolean>
}

/** Messages as they come. A pending `next()` keeps the process alive, an idle iteration does not. */
export interface Messages<T = any> extends AsyncIterableIterator<Message<T>, undefined, undefined>, AsyncDisposable {
  [Symbol.asyncIterator](): Messages<T>
  return(): Promise<IteratorResult<Message<T>, undefined>>
}

/** Messages of a topic, from when it is `ready` on. */
export interface Subscription<T = any> extends Messages<T> {
  /** Resolves when the broker has it: what is published from then on comes. Need not be awaited: what fails is thrown by the first `next()`, too. */
  readonly ready: Promise<void>
  [Symbol.asyncIterator](): Subscription<T>
}

/** A message that was published. */
export interface Published {
  readonly id: number
  /** How many subscriptions it goes to. */
  readonly receivers: number
}

export interface PublishedForReplies<R = any> extends Published {
  /**
   * The replies, as they come: always the same iteration. It ends when it is left, and when everybody who received the message is gone; until then replies to it are kept.
   */
  replies(options?: { signal?: AbortSignal | undefined }): Messages<R>
}

export interface LimitOptions extends RequestOptions {
  /** How much is let through in each span of `per` ms. */
  max: number
  /** In ms. */
  per: number
  /** How much at once, after a pause; the rest is spaced evenly. @default 1 */
  burst?: number | undefined
}

/** Something held until it is released, or its holder is gone. `await using` releases it at the end of the block. */
export interface Held {
  /** A fencing token: higher for each later grant, of anything. */
  readonly token: number
  /** How long it was waited for, in ms. */
  readonly waited: number
  /** Aborted when it is lost: its TTL is over, or the connection to the broker. The reason is a {@link BrokerError} with code `lost`. */
  readonly signal: AbortSignal
  /**
   * Gives it back. Releasing again is harmless.
   * @returns whether it was still held.
   */
  release(): Promise<boolean>
  /** The blocking twin of `release`. */
  releaseSync(): boolean
  [Symbol.asyncDispose](): Promise<void>
}

/** A value of a pool, held by nobody else. */
export interface Lease<T = any> extends Held {
  readonly pool: string
  readonly value: T
  /** Its number in the pool, from 1 (`leaseStart`). */
  readonly number: number
  /** Starts its TTL again, at `ttl` ms if that is given. @throws {BrokerError} `not_held` */
  renew(ttl?: number): Promise<void>
  /**
   * Gives it back as unusable: it is not handed out again.
   * @param reason for {@link Client.inspect}.
   */
  discard(reason?: string): Promise<boolean>
}

/** A lock that is held. */
export interface Lock extends Held {
  readonly name: string
  readonly shared: boolean
}

/** Permits of a semaphore. */
export interface Permits extends Held {
  readonly name: string
  /** How many are still held. */
  readonly amount: number
  /** Gives back all of them, or some. */
  release(amount?: number): Promise<boolean>
  releaseSync(amount?: number): boolean
}

/** An item taken from a queue. `await using` gives it back unless it was acked or nacked. */
export interface Job<T = any> {
  readonly value: T
  readonly token: number
  /** How often it has been given out, this time included. */
  readonly attempt: number
  readonly waited: number
  /** Aborted when the connection is lost, and another worker gets the item. */
  readonly signal: AbortSignal
  /** It is done. @returns whether it was still this worker's. */
  ack(): Promise<boolean>
  /** It failed: it is given out again, as a further attempt, until its attempts are over. @param reason an error, or anything that JSON can say. */
  nack(reason?: unknown): Promise<boolean>
  /** Gives it back as if it had not been taken. */
  release(): Promise<boolean>
  /** The blocking twin of `release`. */
  releaseSync(): boolean
  [Symbol.asyncDispose](): Promise<void>
}

/** An item whose attempts are over. */
export interface QueueFailure<T = any> {
  value: T
  attempts: number
  /** What the last `nack` said (of an error `{ name, message, stack }`), or that its worker is gone. */
  reason: any
  worker: string | null
  test: string | null
}

/** Work to be done once, by whoever is free. */
export interface Queue<T = any> {
  readonly name: string
  /** @returns how many are ready to be taken. */
  push(...items: T[]): Promise<number>
  /** The next item, or null when none came in time. It stays this worker's until it is acked, nacked or released, or this worker is gone. */
  take(options?: WaitOptions): Promise<Job<T> | null>
  /** Waits until all that was pushed was acked, or has failed. @throws {BrokerError} `timeout` */
  done(options?: WaitOptions): Promise<{ acked: number; failures: Array<QueueFailure<T>> }>
  /** Takes item after item until all that was pushed is done, by whomever. An item that the body has not settled is acked when the next is asked for, and given back
   * when the loop is left early. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Job<T>>
}

/** Who waits, and for whom. */
export interface Blocked {
  kind: HeldKind | 'barrier' | 'limit' | 'value'
  name: string
  worker: string | null
  pid: number | null
  test: string | null
  /** In ms. */
  waited: number
  holders: Holder[]
}

export type HeldKind = 'pool' | 'lock' | 'semaphore' | 'reservation' | 'once' | 'queue'

export interface Holder {
  worker: string | null
  pid: number | null
  test: string | null
  /** In ms. */
  heldFor: number
}

/** What {@link Client.inspect} tells. Spans are in ms. */
export interface Inspection {
  /** The `session` of the client that asked; null: the broker itself. */
  self: number | null
  sessions: Array<{
    session: number
    name: string
    pid: number | null
    test: string | null
    connectedFor: number
    holds: Array<{ kind: HeldKind; name: string; number: number | null; token: number; heldFor: number; shared?: boolean; amount?: number }>
    waits: Array<{ kind: Blocked['kind']; name: string; waited: number; ahead: number }>
    /** How many topics it listens to, and how many of its messages await replies. */
    subscriptions: number
  }>
  pools: Array<{ name: string; size: number | null; held: number; discarded: number; waiting: number; peak: number; policy: string }>
  queues: Array<{ name: string; ready: number; taken: number; acked: number; failed: number; waiting: number }>
  limits: Array<{ name: string; max: number; per: number; burst: number; waiting: number; passed: number }>
  barriers: Array<{ name: string; parties: number; waiting: number; broken: boolean }>
}

/** What {@link Broker.stop} resolves to. Spans are in ms. */
export interface BrokerReport {
  /** What was not released: held when its worker went without {@link Client.close}, still held now, or given back for a test of one of the integrations that had forgotten
   * it. The first 100 of them. */
  leaked: Array<{
    kind: HeldKind
    name: string
    number: number | null
    worker: string | null
    pid: number | null
    test: string | null
    heldFor: number
  }>
  /** How many there were in all. */
  leakedCount: number
  /** The ten longest. */
  longestWaits: Array<{ kind: Blocked['kind']; name: string; worker: string | null; test: string | null; waited: number }>
  /** `peak`: the most that were held at a time. */
  pools: Array<{ name: string; size: number | null; peak: number }>
  /** Shared workers that failed, whatever the tests say. A run with any of them is no success. */
  sharedWorkerErrors: SharedWorkerError[]
}

/** A program of {@link https://github.com/ephemeral-broker/ephemeral-broker/blob/main/docs/shared-workers.md a shared worker} that failed. */
export interface SharedWorkerError {
  /** As it was registered. */
  filename: string
  message: string
  stack: string
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
 * appear, and carries any number of requests at a time. An idle client keeps no process alive; a request under way does.
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
  set<T = any>(key: string, value: T, ttl?: number | (SetOptions & { ifAbsent?: undefined; ifVersion?: undefined })): Promise<true>
  /**
   * Keeps a value if a condition is met.
   * @returns whether it did.
   * @example
   * ```js
   * const first = await client.set('leader', 'worker-1', { ttl: 60_000, ifAbsent: true })
   * ```
   */
  set<T = any>(key: string, value: T, ttl?: number | SetOptions): Promise<boolean>
  /** The blocking twin of {@link Client.set}. */
  setSync<T = any>(
    key: string,
    value: T,
    ttl?: number | (Omit<SetOptions, 'signal'> & { ifAbsent?: undefined; ifVersion?: undefined })
  ): true
  setSync<T = any>(key: string, value: T, ttl?: number | Omit<SetOptions, 'signal'>): boolean

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
   * A value of a pool that nobody else has: an account, a database. It waits until one is free, first come, first served. It is this client's
   * until it is released or this client's connection ends, however that happens.
   * @param pool a pool, or several: then all at once, or none.
   * @throws {BrokerError} `pool_exhausted`: none was free in time; the message says who holds them. `not_found`: there is no such pool; `no_match`; `deadlock`
   * @example
   * ```js
   * await client.definePool('accounts', [{ user: 'ann', role: 'admin' }, { user: 'bob', role: 'user' }])
   * const admin = await client.acquire('accounts', { match: { role: 'admin' } }) // or: await using admin = …
   * console.log(admin.value.user, admin.number)
   * await admin.release()
   * ```
   */
  acquire<T = any>(pool: string, options?: AcquireOptions): Promise<Lease<T>>
  acquire<const P extends readonly WantedPool[]>(pools: P, options?: Omit<AcquireOptions, 'match'>): Promise<LeasesOf<P>>
  /** The blocking twin of {@link Client.acquire}. */
  acquireSync<T = any>(pool: string, options?: Omit<AcquireOptions, 'signal'>): Lease<T>
  acquireSync<const P extends readonly WantedPool[]>(pools: P, options?: Omit<AcquireOptions, 'signal' | 'match'>): LeasesOf<P>

  /**
   * Makes a pool, unless it is there: all workers may do it. `new Broker({ pools })` does it for all of them.
   * @param values what it holds, or how many numbers.
   * @returns its size.
   * @throws {BrokerError} `mismatch`: it was defined otherwise.
   * @example
   * ```js
   * await client.definePool('databases', 4)
   * await client.definePool('devices', ['emulator-1', 'emulator-2'], { policy: 'lru' })
   * ```
   */
  definePool(
    name: string,
    values: readonly unknown[] | number,
    options?: RequestOptions & { policy?: PoolDefinition['policy'] }
  ): Promise<number>
  /**
   * Adds values to a pool, or so many numbers.
   * @returns its size then.
   * @example
   * ```js
   * await client.definePool('accounts', [{ user: 'ann' }])
   * await client.addToPool('accounts', [{ user: 'carl' }])
   * ```
   */
  addToPool(name: string, values: readonly unknown[] | number, options?: RequestOptions): Promise<number>
  /**
   * What is in a pool, and who holds it.
   * @example
   * ```js
   * await client.definePool('databases', 4)
   * const free = (await client.listPool('databases')).filter(({ state }) => state === 'free')
   * ```
   */
  listPool<T = any>(
    name: string,
    options?: RequestOptions
  ): Promise<Array<{ number: number; value: T; state: 'free' | 'held' | 'discarded'; reason?: string } & Partial<Holder>>>

  /**
   * Waits for a lock and takes it. First come, first served; not re-entrant: see docs/locks.md for what counts as one line of work.
   * @throws {BrokerError} `timeout`: the message says who holds it; `deadlock`
   * @example
   * ```js
   * const lock = await client.lock('migrations')
   * await lock.release()
   * const reading = await client.lock('schema', { shared: true, wait: 10_000 })
   * await reading.release()
   * ```
   */
  lock(name: string, options?: LockOptions): Promise<Lock>
  /** The blocking twin of {@link Client.lock}. */
  lockSync(name: string, options?: Omit<LockOptions, 'signal'>): Lock
  /**
   * Takes a lock if nobody is in the way, else resolves to null at once.
   * @example
   * ```js
   * const lock = await client.tryLock('cleanup')
   * if (lock) await lock.release()
   * ```
   */
  tryLock(name: string, options?: Omit<LockOptions, 'wait'>): Promise<Lock | null>
  /**
   * Runs a function while holding a lock, and releases it whatever comes of that.
   * @returns what the function returned.
   * @example
   * ```js
   * const rows = await client.withLock('table users', async lock => {
   *   if (lock.signal.aborted) throw lock.signal.reason
   *   return 7
   * })
   * ```
   */
  withLock<T>(name: string, fn: (lock: Lock) => T | Promise<T>): Promise<T>
  withLock<T>(name: string, options: LockOptions, fn: (lock: Lock) => T | Promise<T>): Promise<T>

  /**
   * A semaphore: `permits` of them in all, the same number for all workers. Nobody overtakes, however few he asks for.
   * @throws {BrokerError} `mismatch`: others use it with another number of permits.
   * @example
   * ```js
   * const browsers = client.semaphore('browsers', 3)
   * const one = await browsers.acquire()
   * await one.release()
   * const two = await browsers.tryAcquire({ amount: 2 })
   * await two?.release()
   * ```
   */
  semaphore(name: string, permits: number): Semaphore

  /**
   * Reserves those of the values that nobody has reserved, this client included, until {@link Client.unreserve} or its connection's end.
   * @returns those that it got, in the order given.
   * @example
   * ```js
   * const [mine] = await client.reserve('user-a', 'user-b', 'user-c')
   * await client.unreserve(mine)
   * ```
   */
  reserve<T = any>(...values: T[]): Promise<T[]>
  /** @returns how many of the values this client had reserved. */
  unreserve(...values: unknown[]): Promise<number>

  /**
   * A free port of this machine, that no other worker gets until {@link Client.releasePort} or this client's connection's end.
   * @throws {BrokerError} `port_unavailable`: none of the ports asked for is free.
   * @example
   * ```js
   * const port = await client.getPort()
   * const preferred = await client.getPort({ port: [8080, 8081, 0], host: '127.0.0.1' })
   * await client.releasePort(port)
   * ```
   */
  getPort(options?: PortOptions): Promise<number>
  /** @returns whether this client had reserved it. */
  releasePort(port: number): Promise<boolean>

  /**
   * Runs a function in one worker; all others wait for what it returns. When it throws, or its worker dies, the next that waits runs it.
   * The value is the key's: {@link Client.get} finds it, {@link Client.del} makes the next `once` run again.
   * @throws {BrokerError} `timeout`; `once_failed` (`onError: 'all'`), with what was thrown as its `cause`
   * @example
   * ```js
   * const token = await client.once('auth-token', async () => 'abc', { ttl: 60_000, refresh: 5_000 })
   * ```
   */
  once<T>(key: string, fn: () => T | Promise<T>, options?: OnceOptions): Promise<T>
  /** The blocking twin of {@link Client.once}. The function returns the value, not a promise of it. */
  onceSync<T>(key: string, fn: () => T, options?: Omit<OnceOptions, 'signal'>): T

  /**
   * A value, as soon as there is one.
   * @throws {BrokerError} `timeout`
   * @example
   * ```js
   * await client.set('server', { port: 4000 }, 60_000)
   * const { port } = await client.waitFor('server')
   * ```
   */
  waitFor<T = any>(key: string, options?: WaitOptions): Promise<T>
  /** The blocking twin of {@link Client.waitFor}. */
  waitForSync<T = any>(key: string, options?: SyncWaitOptions): T

  /**
   * A key's value now, and each time that it has changed. Who is slow sees the newest value, not each that was.
   * @example
   * ```js
   * await client.set('phase', 'seeding', 60_000)
   * for await (const { value, version } of client.watch('phase')) {
   *   console.log(value, version) // value is undefined, and version 0, when there is none
   *   break
   * }
   * ```
   */
  watch<T = any>(key: string, options?: { signal?: AbortSignal }): AsyncIterableIterator<{ value: T | undefined; version: number }>

  /**
   * Adds to a number, which begins at 0. No two workers ever get the same result.
   * @returns the number then.
   * @throws {BrokerError} `invalid_value`: the value is not a number.
   * @example
   * ```js
   * const orderNumber = await client.incr('orders')
   * await client.incr('budget', -5)
   * ```
   */
  incr(key: string, by?: number, options?: IncrOptions): Promise<number>
  /** The blocking twin of {@link Client.incr}. */
  incrSync(key: string, by?: number, options?: Omit<IncrOptions, 'signal'>): number

  /**
   * A value and its version, for `set` with `ifVersion`. Without a value the version is 0.
   * @example
   * ```js
   * const { value = [], version } = await client.getWithVersion('seen')
   * const done = await client.set('seen', [...value, 'a'], { ttl: 60_000, ifVersion: version })
   * ```
   */
  getWithVersion<T = any>(key: string, options?: RequestOptions): Promise<{ value: T | undefined; version: number }>

  /**
   * Changes a value so that no other worker's change is lost. The function may run several times.
   * @param fn is given the value, or `undefined` where there is none.
   * @returns the new value.
   * @example
   * ```js
   * const seen = await client.update('seen', (list = []) => [...list, 'a'], { ttl: 60_000 })
   * ```
   */
  update<T = any>(key: string, fn: (value: T | undefined) => T | Promise<T>, options?: UpdateOptions): Promise<T>

  /**
   * Appends to a list that the host collects: results that come back. Kept until the broker stops.
   * @returns the list's length.
   * @example
   * ```js
   * await client.append('timings', { test: 'logs in', ms: 120 })
   * ```
   */
  append(list: string, ...items: unknown[]): Promise<number>
  /** The blocking twin of {@link Client.append}. */
  appendSync(list: string, ...items: unknown[]): number
  /**
   * All that was appended to a list; none for one that is not there.
   * @example
   * ```js
   * const timings = await client.collect('timings')
   * ```
   */
  collect<T = any>(list: string, options?: RequestOptions): Promise<T[]>

  /**
   * Work that is handed out once. What a worker has taken and not acked goes to another when it dies.
   * @example
   * ```js
   * await client.queue('chunks').push('a', 'b')
   * for await (const job of client.queue('chunks')) {
   *   console.log(job.value, job.attempt)
   *   await job.ack()
   * }
   * ```
   */
  queue<T = any>(name: string, options?: QueueOptions): Queue<T>

  /**
   * Declares a rate that all workers together keep to. All of them may do it, alike.
   * @throws {BrokerError} `mismatch`: it was declared otherwise.
   * @example
   * ```js
   * await client.limit('api', { max: 100, per: 1000, burst: 10 })
   * const waited = await client.throttle('api')
   * ```
   */
  limit(name: string, options: LimitOptions): Promise<void>
  /**
   * Waits until it is within the limit.
   * @returns how long that was, in ms.
   * @throws {BrokerError} `not_found`: no such limit was declared; `rate_limited`: its turn would come after `wait`.
   * @example
   * ```js
   * await client.limit('mails', { max: 1000, per: 1000 })
   * await client.throttle('mails', 3) // three at once
   * ```
   */
  throttle(name: string, cost?: number, options?: WaitOptions): Promise<number>
  /** The blocking twin of {@link Client.throttle}. */
  throttleSync(name: string, cost?: number, options?: SyncWaitOptions): number

  /**
   * Waits until so many have come here.
   * @returns this one's place among them, from 0.
   * @throws {BrokerError} `barrier_broken`: one that waited here died or gave up; `timeout`
   * @example
   * ```js
   * const place = await client.barrier('all are logged in', 1)
   * ```
   */
  barrier(name: string, parties: number, options?: WaitOptions): Promise<number>

  /**
   * Sends a message to all who subscribe to a topic now, this client included. Messages of one client arrive in the order in which it published them.
   * @param data what `structuredClone` carries, and any bytes. Buffers arrive as `Uint8Array`, class instances as plain objects.
   * @throws {DOMException} `DataCloneError`, at once: there are functions, symbols, promises or the like in it.
   * @throws {BrokerError} `too_large`: it has more bytes than `maxValueSize`.
   * @example
   * ```js
   * const { receivers } = await client.publish('progress', { file: 'a.txt', done: new Set([1, 2]) })
   *
   * const published = await client.publish('who is there?', null, { replies: true })
   * for await (const reply of published.replies({ signal: AbortSignal.timeout(1000) })) console.log(reply.data)
   * ```
   */
  publish<R = any>(topic: string, data: unknown, options: PublishForRepliesOptions): Promise<PublishedForReplies<R>>
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Published>

  /**
   * The messages of a topic. Ends with its signal, when the loop is left and when the client is closed.
   * @throws {BrokerError} from the iteration: `overflow`: more came than were read; `connection_closed`: the broker is gone.
   * @example
   * ```js
   * const progress = client.subscribe('progress', { policy: 'latest', limit: 10 })
   * await progress.ready
   * await client.publish('progress', 100)
   * for await (const { data } of progress) {
   *   if (data === 100) break
   * }
   * ```
   */
  subscribe<T = any>(topic: string, options?: SubscribeOptions): Subscription<T>

  /**
   * Publishes a message and waits for the first reply to it.
   * @throws {BrokerError} `no_subscribers`: nobody subscribes to the topic, or all who did are gone; `timeout`
   * @throws {DOMException} as {@link Client.publish}
   * @example
   * ```js
   * const questions = client.subscribe('double')
   * const answering = (async () => {
   *   for await (const question of questions) await question.reply(question.data * 2n)
   * })()
   * await questions.ready
   *
   * const { data } = await client.request('double', 21n)
   * await questions.return()
   * ```
   */
  request<R = any>(topic: string, data: unknown, options?: TopicRequestOptions): Promise<Message<R>>

  /**
   * Says what this worker does now, for messages, events and `ephemeral-broker status`: the running test's title. Sent along with the next request, if nothing
   * else calls for one sooner.
   * @example
   * ```js
   * client.describe('logs in as admin')
   * client.describe(null)
   * ```
   */
  describe(text: string | null): void

  /**
   * Who is connected, what each holds and waits for, and how full the pools and queues are.
   * @example
   * ```js
   * const { sessions } = await client.inspect()
   * const waiting = sessions.filter(session => session.waits.length > 0)
   * ```
   */
  inspect(options?: RequestOptions): Promise<Inspection>

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

/** Permits that all workers share. */
export interface Semaphore {
  readonly name: string
  readonly permits: number
  /** @throws {BrokerError} `timeout`: the message says who holds them; `deadlock`; `mismatch` */
  acquire(options?: SemaphoreOptions): Promise<Permits>
  acquireSync(options?: Omit<SemaphoreOptions, 'signal'>): Permits
  /** Resolves to null at once when they are not free, or others wait. */
  tryAcquire(options?: Omit<SemaphoreOptions, 'wait'>): Promise<Permits | null>
  /** Runs a function while holding permits. */
  with<T>(fn: (permits: Permits) => T | Promise<T>, options?: SemaphoreOptions): Promise<T>
}

/** The codes of {@link BrokerError}. */
export type BrokerErrorCode =
  | 'aborted'
  | 'already_started'
  | 'auth_failed'
  | 'barrier_broken'
  | 'broker_failed'
  | 'broker_unreachable'
  | 'closed'
  | 'connection_closed'
  | 'deadlock'
  | 'draining'
  | 'expired'
  | 'invalid_config'
  | 'invalid_json'
  | 'invalid_option'
  | 'invalid_report'
  | 'invalid_request'
  | 'invalid_ttl'
  | 'invalid_value'
  | 'key_and_worker_required'
  | 'key_required'
  | 'leaked'
  | 'list_failed'
  | 'lost'
  | 'max_items'
  | 'max_leases'
  | 'max_waits'
  | 'mismatch'
  | 'native_missing'
  | 'no_match'
  | 'no_pipe'
  | 'no_subscribers'
  | 'not_found'
  | 'not_held'
  | 'not_owner'
  | 'not_started'
  | 'once_failed'
  | 'overflow'
  | 'pipe_in_use'
  | 'pool_exhausted'
  | 'port_unavailable'
  | 'protocol_error'
  | 'rate_limited'
  | 'report_failed'
  | 'run_failed'
  | 'session_required'
  | 'setup_failed'
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
