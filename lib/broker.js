// @ts-check
'use strict'

const { EventEmitter } = require('node:events')
const { BrokerError, fromNative } = require('./errors.js')
const { END } = require('./internals.js')
const native = require('./native.js')
const { kinds, readOptions } = require('./options.js')

/** @typedef {import('../index.js').BrokerReport} Report */

const DEFAULT_TTL = 30 * 60 * 1000

const secret = {
  parse: (/** @type {string} */ text) => text,
  check: (/** @type {any} */ value) => value === null || typeof value === 'boolean' || kinds.text.check(value),
  allowed: 'a string that is not empty, true for a random one, or false for none'
}

const SPEC = {
  defaultTTL: { kind: kinds.time, env: ['BROKER_DEFAULT_TTL'] },
  requireTTL: { kind: kinds.flag, env: ['BROKER_REQUIRE_TTL'], fallback: true },
  refreshTTLOnGet: { kind: kinds.flag, env: ['BROKER_REFRESH_TTL_ON_GET'], fallback: false },
  maxItems: { kind: kinds.count, env: ['BROKER_MAX_ITEMS'], fallback: 10_000 },
  maxValueSize: { kind: kinds.bytes, env: ['BROKER_MAX_VALUE_SIZE'], fallback: 256 * 1024 },
  maxRequestSize: { kind: kinds.bytes, env: ['BROKER_MAX_REQUEST_SIZE'], fallback: 1024 * 1024 },
  maxConnections: { kind: kinds.number, env: ['BROKER_MAX_CONNECTIONS'], fallback: 10_000 },
  sweeperInterval: { kind: kinds.time, env: ['BROKER_SWEEPER_INTERVAL'], fallback: 30_000 },
  secret: { kind: secret, env: ['EPHEMERAL_SECRET', 'BROKER_SECRET'] },
  pipeId: { kind: kinds.text },
  debug: { kind: kinds.flag, env: ['BROKER_DEBUG'], fallback: false },
  logLevel: { kind: kinds.level, env: ['BROKER_LOG_LEVEL'] },
  structuredLogging: { kind: kinds.flag, env: ['BROKER_STRUCTURED_LOGGING'], fallback: false },
  idleTimeout: { kind: kinds.timeOrNull, env: ['BROKER_IDLE_TIMEOUT'], fallback: 0 },
  heartbeatInterval: { kind: kinds.timeOrNull, env: ['BROKER_HEARTBEAT_INTERVAL'], fallback: 0 },
  compression: { kind: kinds.flag, env: ['BROKER_COMPRESSION'], fallback: false },
  compressionThreshold: { kind: kinds.bytes, env: ['BROKER_COMPRESSION_THRESHOLD'], fallback: 1024 },
  metrics: { kind: kinds.flag, env: ['BROKER_METRICS'], fallback: true },
  leaseStart: { kind: kinds.count, env: ['BROKER_LEASE_START'], fallback: 1 },
  handleSignals: { kind: kinds.flag, fallback: false },
  drainPeriod: { kind: kinds.time, fallback: 5000 },
  pools: { kind: kinds.members },
  slowWait: { kind: kinds.timeOrNull, env: ['BROKER_SLOW_WAIT'] },
  longWait: { kind: kinds.timeOrNull, env: ['BROKER_LONG_WAIT'], fallback: 0 }
}

class Broker extends EventEmitter {
  #options
  #secret
  #pools
  /** For what the host asks of its own broker. @type {InstanceType<typeof import('./client.js').Client> | null} */
  #client = null
  /** Shared workers, once somebody has registered one. @type {typeof import('./shared-workers/host.js') | null} */
  #programs = null
  /** The end of shared workers. @type {Promise<Report['sharedWorkerErrors']> | null} */
  #farewell = null
  /** @type {import('../native.js').NativeBroker | null} */
  #native = null
  #held = true
  #stopping = false
  /** How often it was told to stop. */
  #stops = 0
  /** Settles when what runs now has stopped. @type {{ promise: Promise<Report>, resolve: (report: Report) => void } | null} */
  #stopped = null
  /** Who waits for a drain, in the order in which their time runs out. @type {Array<{ at: number, resolve: (complete: boolean) => void }>} */
  #drains = []
  /** What this broker changed in the environment, by what was there before. @type {Map<string, { ours: string, before: string | undefined }>} */
  #exported = new Map()
  #onSignal = () => void this.#shutDown()

  /** @param {import('../index.js').BrokerOptions} [options] */
  constructor(options) {
    super()
    this.#options = readOptions('Broker', SPEC, options)
    // What is given comes before the environment, also where one is short for the other.
    if (options?.debug === true && options.logLevel === undefined) this.#options.logLevel = 'debug'
    const { pools } = this.#options
    // Loaded when needed.
    this.#pools = pools && require('./pool-definitions.js').poolsOf(pools)
    const { secret } = this.#options
    this.#secret = secret === true ? native.randomHex(32) : secret || null
    this.pipe = pipePath(this.#options.pipeId)
  }

  get running() {
    return this.#native !== null
  }

  async start() {
    if (this.#stopping) {
      const stops = this.#stops
      await this.#stopped?.promise
      if (stops !== this.#stops) throw new BrokerError('not_started', 'stop() was called before the broker had started')
    }
    if (this.#native) throw new BrokerError('already_started', `the broker listens on ${this.pipe} already`)
    try {
      this.#native = native.NativeBroker.start(this.pipe, JSON.stringify(this.#nativeOptions()), notice => this.#onNotice(notice))
    } catch (error) {
      throw fromNative(error)
    }
    this.#stopped = deferred()
    if (!this.#held) this.#native.hold(false)
    this.#export('EPHEMERAL_PIPE', this.pipe)
    if (this.#options.secret === true) this.#export('EPHEMERAL_SECRET', /** @type {string} */ (this.#secret))
    if (this.#options.handleSignals) for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, this.#onSignal)
    return this.pipe
  }

  async stop() {
    this.#stops++
    const stopped = this.#native && this.#stopped
    void this.#client?.close()
    this.#client = null
    // Who waits for it keeps the process, whatever unref() said.
    this.#stopping = this.#native !== null
    this.#native?.hold(true)
    this.#restoreEnvironment()
    // They take leave while the broker is still there.
    if (this.#programs) await this.#endPrograms()
    this.#native?.stop()
    return stopped ? stopped.promise : emptyReport()
  }

  async inspect() {
    const { self, sessions, ...rest } = await this.#own('inspect').inspect()
    // The host's own way in is nobody's business.
    return { self: null, sessions: sessions.filter(({ session }) => session !== self), ...rest }
  }

  /** @param {string} list */
  async collect(list) {
    return this.#own('collect').collect(list)
  }

  /**
   * @param {string} name
   * @param {import('../index.js').QueueOptions} [options]
   */
  queue(name, options) {
    return this.#own('queue').queue(name, options)
  }

  /** @param {number} [timeoutMs] */
  async drain(timeoutMs = this.#options.drainPeriod) {
    if (!kinds.time.check(timeoutMs)) {
      throw new BrokerError('invalid_option', `drain takes ${kinds.time.allowed}, not ${String(timeoutMs)}`)
    }
    const broker = this.#native
    if (!broker) return true
    broker.hold(true)
    const drained = new Promise(resolve => this.#drains.push({ at: native.now() + timeoutMs, resolve }))
    this.#drains.sort((a, b) => a.at - b.at)
    broker.drain(timeoutMs)
    await drained
    if (!this.#stopping) this.#hold(this.#held)
    return drained
  }

  /**
   * @param {string} command
   * @param {readonly string[]} [args]
   * @param {import('node:child_process').SpawnOptions} [options]
   */
  spawn(command, args = [], options = {}) {
    if (!this.#native) throw new BrokerError('not_started', 'spawn needs a broker that runs: await start() first')
    /** @type {Record<string, string | undefined>} */
    const env = { ...(options.env ?? process.env), EPHEMERAL_PIPE: this.pipe }
    if (this.#secret) env.EPHEMERAL_SECRET = this.#secret
    // A worker with a secret refuses a broker that cannot prove it.
    else for (const name of ['EPHEMERAL_SECRET', 'CLIENT_SECRET']) delete env[name]
    // Loaded when needed: it takes longer than the rest of this package together.
    const { spawn } = require('node:child_process')
    return spawn(command, args, { stdio: 'inherit', ...options, env })
  }

  unref() {
    return this.#hold(false)
  }

  ref() {
    return this.#hold(true)
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
  }

  [END]() {
    this.#native?.dispose()
  }

  /** @param {boolean} hold */
  #hold(hold) {
    this.#held = hold
    this.#native?.hold(hold)
    return this
  }

  /** @param {string} what */
  #own(what) {
    if (!this.#native) throw new BrokerError('not_started', `${what} needs a broker that runs: await start() first`)
    // Loaded when needed.
    const { Client } = require('./client.js')
    this.#client ??= new Client(this.pipe, { secret: this.#secret ?? false, name: 'host' })
    return this.#client
  }

  #nativeOptions() {
    const { pipeId, debug, handleSignals, drainPeriod, logLevel, defaultTTL, idleTimeout, heartbeatInterval, slowWait, longWait, ...same } =
      this.#options
    return {
      ...same,
      secret: this.#secret,
      defaultTTL: defaultTTL ?? DEFAULT_TTL,
      leasesExpire: defaultTTL !== undefined,
      idleTimeout: idleTimeout ?? 0,
      heartbeatInterval: heartbeatInterval ?? 0,
      // What is absent is the addon's own default.
      slowWait: slowWait === null ? 0 : slowWait,
      longWait: longWait ?? 0,
      pools: this.#pools,
      logLevel: logLevel ?? (debug ? 'debug' : 'warn')
    }
  }

  /** @param {string} notice */
  #onNotice(notice) {
    const { type, detail } = JSON.parse(notice)
    if (type === 'drained') this.#drains.shift()?.resolve(detail)
    else if (type === 'stopped') this.#onStopped(detail)
    else if (type === 'asked') void this.#answer(detail)
    else this.emit(type, detail)
  }

  /** @param {{ call: number, value: { kind: string, filename?: unknown } }} question */
  async #answer({ call, value }) {
    const answer = await require('./host-calls.js').answerOf(async () => {
      if (value?.kind !== 'sharedWorker')
        throw new BrokerError('invalid_request', 'the host knows nothing of this kind: use one version of ephemeral-broker')
      if (this.#stopping) throw new BrokerError('draining', 'the broker is about to stop')
      this.#programs ??= require('./shared-workers/host.js')
      return this.#programs.answer(this, value)
    })
    this.#native?.answer(call, answer)
  }

  #endPrograms() {
    this.#farewell ??= /** @type {typeof import('./shared-workers/host.js')} */ (this.#programs).close(this)
    return this.#farewell
  }

  /** @param {{ reason: string, error?: string, report?: Report }} detail */
  async #onStopped({ reason, error, report = emptyReport() }) {
    void this.#client?.close()
    this.#client = null
    this.#native?.dispose()
    this.#native = null
    this.#stopping = false
    this.#restoreEnvironment()
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, this.#onSignal)
    for (const { resolve } of this.#drains.splice(0)) resolve(true)
    const stopped = this.#stopped
    const sharedWorkerErrors = this.#programs ? await this.#endPrograms() : []
    this.#programs = null
    this.#farewell = null
    stopped?.resolve({ ...report, sharedWorkerErrors })
    this.emit('stopped', error === undefined ? { reason } : { reason, error: new BrokerError('broker_failed', error) })
  }

  async #shutDown() {
    await this.drain()
    await this.stop()
    process.exit(0)
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #export(name, value) {
    this.#exported.set(name, { ours: value, before: process.env[name] })
    process.env[name] = value
  }

  #restoreEnvironment() {
    for (const [name, { ours, before }] of this.#exported) {
      if (process.env[name] !== ours) continue
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    }
    this.#exported.clear()
  }
}

/** @param {string | undefined} id */
function pipePath(id) {
  try {
    return native.pipePath(id)
  } catch (error) {
    throw fromNative(error)
  }
}

/** @returns {Report} */
function emptyReport() {
  return { leaked: [], leakedCount: 0, longestWaits: [], pools: [], sharedWorkerErrors: [] }
}

/** @returns {{ promise: Promise<Report>, resolve: (report: Report) => void }} */
function deferred() {
  /** @type {(report: Report) => void} */
  let resolve = () => {}
  const promise = new Promise(settle => (resolve = settle))
  return { promise, resolve }
}

module.exports = { Broker, OPTIONS: Object.keys(SPEC), pipePath }
