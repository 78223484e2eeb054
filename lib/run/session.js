// @ts-check
'use strict'

/**
 * A run from its config to its result. The tests are listed and chosen here; the core (src/run) runs them and says how each ended; what that comes
 * to, reporters/counts.js says.
 */

const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { Hosting } = require('./hosting.js')
const { changedFiles } = require('./changed.js')
const { Ledger, NOTHING } = require('./ledger.js')
const { listTests, selectTests } = require('./listing.js')
const { makeLogs } = require('./logs.js')
const { makePlan } = require('./plan.js')
const { readSecrets } = require('./secrets.js')
const { Service } = require('./service.js')
const { readToolchain } = require('./toolchain.js')

/**
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {import('../../run.js').RunOptions} Options
 * @typedef {import('../../run.js').RunEvent} RunEvent
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('./ledger.js').Summary} Summary
 * @typedef {import('./listing.js').ListedTest} ListedTest
 * `exclusive`: nothing but the run starts processes here, so that all which are found are its own.
 * @typedef {Options & { stream?: boolean, exclusive?: boolean }} SessionOptions
 *
 * @typedef {object} Tests
 * @property {import('./listing.js').Listing} listing
 * @property {ListedTest[]} chosen
 * @property {'none' | 'shard' | 'settled' | null} empty why none were chosen: none fits, none is in this shard, or of those that fit none has failed
 * or changed
 * @property {RunResult['shard']} shard
 */

const TOO_LATE = 'the run took longer than globalTimeout'

class Session {
  #stopped = new AbortController()
  /** What the signal asked for, once it did. @type {string | null} */
  #interrupted = null
  #cycles = 0
  /** Where logs are; servers that are kept write there on and on. @type {ReturnType<typeof makeLogs> | undefined} */
  #logs
  #off = () => {}
  /** It has taken longer than it may. */
  #late = false
  /** Servers and directories of an earlier time are there. */
  #kept = false
  /** What `onEvent` threw. @type {{ thrown: unknown } | null} */
  #failure = null

  /**
   * @param {Config} config
   * @param {SessionOptions} options
   */
  constructor(config, options) {
    this.config = config
    this.options = options
    this.ledger = new Ledger(config)
    this.hosting = new Hosting(config, wait => this.#onWait(wait))
  }

  /** Starts what a run needs before it knows its tests. */
  async open() {
    const found = await this.hosting.start()
    try {
      this.service = new Service(
        { root: this.config.root, sockets: socketsOf(this.hosting.pipe), env: environment(), exclusive: this.options.exclusive ?? false },
        { onEvent: event => this.#onEvent(event), onTurn: rates => this.hosting.turn(rates) }
      )
    } catch (error) {
      await this.hosting.stop()
      throw error
    }
    this.ledger.open()
    this.found = found
    this.#listen()
    // Asked for before there was anybody who could do it.
    if (this.#interrupted !== null) this.service.stop({ now: false })
    return this
  }

  get runId() {
    return this.#service.runId
  }

  /**
   * The tests that a run would take.
   * @returns {Promise<Tests>}
   */
  async choose() {
    const { config, options, capture } = this
    const listing = await listTests(config, capture)
    const { changed: since } = options
    const changed = since === undefined || since === false ? null : await changedFiles(since, config.root, capture)
    const { chosen, settled, whole } = selectTests(config, listing, options, { changed })
    const empty = chosen.length > 0 ? null : settled ? 'settled' : options.shard ? 'shard' : 'none'
    const shard = /** @type {RunResult['shard']} */ (options.shard ? { ...options.shard, ...whole } : null)
    return { listing, chosen, empty, shard }
  }

  /**
   * From the list of tests to their results. May be called again, where servers are kept: what is known of the first time counts.
   *
   * A run that is asked to stop has a result too. So has one with `watch` whose tests cannot be listed or set up: what is wrong can be mended.
   * @param {{ keep?: boolean, narrow?: (tests: Tests) => Tests }} [how] `keep`: servers stay for the next time, until `end()`
   * @returns {Promise<RunResult>}
   * @throws {BrokerError} `invalid_config`, `list_failed`, `setup_failed`, …
   */
  async cycle({ keep = false, narrow = tests => tests } = {}) {
    // The first began with the session.
    if (this.#cycles++ > 0) this.ledger.begin()
    /** @type {Tests} */
    let tests = { listing: { tests: [], projects: new Map() }, chosen: [], empty: null, shard: null }
    let failed = null
    const time = this.#watchTime()
    try {
      tests = narrow(await this.choose())
    } catch (error) {
      failed = this.#outcomeOf(error)
    }
    const { chosen } = tests
    this.#logs ??= makeLogs(this.config.output, this.ledger.startedAt, this.runId)
    const { folder: logs, note } = this.#logs
    this.#tellStart(tests, logs)
    let summary = failed
    try {
      summary ??= chosen.length === 0 ? NOTHING : await this.#run(tests, { logs, keep, time })
      this.#kept ||= keep
    } catch (error) {
      summary = this.#outcomeOf(error)
    } finally {
      time.end()
    }
    if (summary.untold) this.#giveUp(chosen, summary.untold)
    const notes = note === null ? summary.notes : [note, ...summary.notes]
    return this.ledger.conclude(tests, { ...summary, notes }, { runId: this.runId, interrupted: this.#interrupted })
  }

  /**
   * Ends the servers that were kept.
   * @returns {Promise<{ errors: import('../../run.js').RunError[], kept: string[] }>}
   */
  end() {
    return this.#service.end()
  }

  /**
   * Tells that it is over.
   * @param {RunResult} result
   * @throws what `onEvent` threw
   */
  finish(result) {
    this.#tell({ type: 'runFinished', at: result.duration, result })
    if (this.#failure) throw this.#failure.thrown
  }

  /** Ends everything that is left of it. */
  async close() {
    this.#off()
    await this.service?.close()
    return this.hosting.stop()
  }

  /**
   * @param {string} reason the name of a signal, or any other
   * @param {{ now?: boolean }} [how]
   */
  stop(reason, { now = false } = {}) {
    this.#interrupted ??= reason
    this.service?.stop({ now })
    this.#stopped.abort()
  }

  /** Aborted when the run is asked to stop. */
  get stopped() {
    return this.#stopped.signal
  }

  get #service() {
    if (!this.service) throw new BrokerError('not_started', 'open() the session first')
    return this.service
  }

  /**
   * Runs a command to its end.
   * @type {import('./adapters/listing.js').Capture}
   */
  capture = async what => {
    this.#goOn()
    const captured = await this.#service.capture(what)
    this.#goOn()
    return captured
  }

  /** Whether the run takes too long before the core knows of it: from then on the core does. Those who watch have all the time there is. */
  #watchTime() {
    const { globalTimeout } = this.config
    if (globalTimeout === null || this.options.watch) return { left: () => null, end: () => {} }
    const left = () => Math.max(1, Math.ceil(globalTimeout - this.#at))
    const timer = setTimeout(
      () => {
        this.#late = true
        this.service?.stop({ now: false })
      },
      Math.min(left(), 2 ** 31 - 1)
    )
    return { left, end: () => clearTimeout(timer) }
  }

  /** @throws {BrokerError} `aborted`: it was asked to stop, or is out of time */
  #goOn() {
    if (this.#late) throw new BrokerError('aborted', TOO_LATE)
    if (this.#interrupted !== null) throw new BrokerError('aborted', `the run was stopped: ${this.#interrupted}`)
  }

  /**
   * What a cycle comes to that could not go on.
   * @param {any} error
   * @returns {Summary}
   * @throws what ends the run
   */
  #outcomeOf(error) {
    // What was in hand when it was asked to stop fails in its own words.
    if (this.#late && error instanceof BrokerError) return { ...NOTHING, timedOut: true, untold: TOO_LATE }
    if (this.#interrupted !== null && error instanceof BrokerError)
      return { ...NOTHING, untold: `the run was stopped: ${this.#interrupted}` }
    // A plan that was wrong from the beginning stays so; later it may be a test that was renamed.
    const mendable = ['list_failed', 'setup_failed', ...(this.#cycles > 1 ? ['invalid_config'] : [])]
    if (!this.options.watch || !mendable.includes(error?.code)) throw error
    const { code, message } = error
    return { ...NOTHING, errors: [{ code, message, output: null, log: null }], setupFailed: true, untold: message }
  }

  /**
   * @param {ListedTest[]} chosen
   * @param {string} reason
   */
  #giveUp(chosen, reason) {
    this.#tell({ type: 'stopping', at: this.#at, reason })
    for (const result of this.ledger.giveUp(chosen, reason)) this.#tell({ type: 'testFinished', at: this.#at, result })
  }

  /**
   * @param {Tests} tests
   * @param {string} logs
   */
  #tellStart({ chosen, shard }, logs) {
    const { root, workers, repeat } = this.config
    const total = chosen.length * repeat
    this.#tell({ type: 'runStarted', at: this.#at, runId: this.runId, startedAt: this.ledger.startedAt, workers, total, root, logs, shard })
  }

  /**
   * @param {Tests} tests
   * @param {{ logs: string, keep: boolean, time: { left: () => number | null, end: () => void } }} how
   * @returns {Promise<Summary>}
   */
  async #run({ listing, chosen }, { logs, keep, time }) {
    this.#goOn()
    const { config, options, found } = this
    const secrets = await readSecrets(config, this.capture)
    const env = { ...found, EPHEMERAL_RUN_ID: this.runId, EPHEMERAL_WORKERS: String(config.workers) }
    const toolchain = config.cache.enabled ? await readToolchain(config, listing, this.capture) : {}
    const plan = makePlan(config, listing, chosen, {
      env,
      secrets,
      toolchain,
      stream: options.stream ?? false,
      full: options.full ?? false,
      warm: this.#kept
    })
    this.#goOn()
    time.end()
    return this.#service.execute({ ...plan, globalTimeout: time.left() }, { logs, store: config.output, keep })
  }

  get #at() {
    return this.ledger.at
  }

  /** @param {RunEvent} event */
  #tell(event) {
    // Who has thrown is not told any more.
    if (this.#failure) return
    try {
      this.options.onEvent?.(event)
    } catch (thrown) {
      this.#failure = { thrown }
      this.stop('onEvent threw', { now: true })
    }
  }

  /** @param {RunEvent} event of the core */
  #onEvent(event) {
    this.ledger.take(event)
    if (event.type === 'stopping' && this.#interrupted !== null) event.reason = `the run was stopped: ${this.#interrupted}`
    this.#tell(event)
  }

  /** @param {{ test: string | null, resource: string, duration: number }} wait */
  #onWait({ test, resource, duration }) {
    this.#tell({ type: 'waited', at: this.#at, id: test, worker: this.ledger.workerOf(test), resource, duration })
  }

  #listen() {
    const { signal } = this.options
    if (!signal) return
    const onAbort = () => this.stop(typeof signal.reason === 'string' ? signal.reason : 'aborted')
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#off = () => signal.removeEventListener('abort', onAbort)
  }
}

/**
 * What a broker leaves behind when its process is killed: a socket, and the folder that it is alone in.
 * @param {string} pipe
 */
function socketsOf(pipe) {
  return process.platform === 'win32' ? [] : [pipe, path.dirname(pipe)]
}

/** @returns {Record<string, string>} without what is not set */
function environment() {
  return /** @type {Record<string, string>} */ (Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)))
}

module.exports = { Session }
