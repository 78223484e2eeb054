// @ts-check
'use strict'

/**
 * A run from its config to its result. The tests are listed and chosen here; the core (src/run) runs them and says how each ended; what that comes
 * to, reporters/counts.js says.
 */

const fs = require('node:fs')
const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { Hosting } = require('./hosting.js')
const { changedFiles, listTests, selectTests } = require('./listing.js')
const { makePlan } = require('./plan.js')
const { summarize } = require('./reporters/counts.js')
const { readSecrets } = require('./secrets.js')
const { Service } = require('./service.js')

/** So many runs' logs are kept. */
const RUNS_KEPT = 10

/**
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {import('../../run.js').RunOptions} Options
 * @typedef {import('../../run.js').RunEvent} RunEvent
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').TestResult} TestResult
 * @typedef {import('./listing.js').ListedTest} ListedTest
 * @typedef {Options & { stream?: boolean }} SessionOptions
 */

class Session {
  #stopped = new AbortController()
  /** What the signal asked for, once it did. @type {string | null} */
  #interrupted = null
  /** @type {Map<string, { worker: number }>} tests that run now, by id */
  #running = new Map()
  /** @type {Map<string, TestResult>} */
  #results = new Map()
  #began = performance.now()
  #startedAt = Date.now()
  #off = () => {}
  /** What `onEvent` threw. @type {unknown} */
  failure

  /**
   * @param {Config} config
   * @param {SessionOptions} options
   */
  constructor(config, options) {
    this.config = config
    this.options = options
    this.hosting = new Hosting(config, wait => this.#onWait(wait))
  }

  /** Starts what a run needs before it knows its tests. */
  async open() {
    const found = await this.hosting.start()
    try {
      this.service = new Service(
        { root: this.config.root, sockets: process.platform === 'win32' ? [] : [this.hosting.pipe], env: environment() },
        { onEvent: event => this.#onEvent(event), onTurn: rates => this.hosting.turn(rates) }
      )
    } catch (error) {
      await this.hosting.stop()
      throw error
    }
    this.found = found
    this.#listen()
    return this
  }

  get runId() {
    return this.#service.runId
  }

  /**
   * The tests that a run would take.
   * @returns {Promise<{ listing: import('./listing.js').Listing, chosen: ListedTest[] }>}
   */
  async choose() {
    const { config, options } = this
    const capture = this.#capture
    const listing = await listTests(config, capture)
    const { changed: since } = options
    const changed = since === undefined || since === false ? null : await changedFiles(since, config.root, capture)
    return { listing, chosen: selectTests(config, listing, options, { changed }) }
  }

  /**
   * Runs tests. May be called again: what is known of the first time counts.
   * @param {{ listing: import('./listing.js').Listing, chosen: ListedTest[] }} tests
   * @param {{ keep?: boolean }} [how] whether servers stay for the next time, until `end()`
   * @returns {Promise<RunResult>}
   */
  async execute({ listing, chosen }, { keep = false } = {}) {
    this.#results.clear()
    const { config, options } = this
    const shard = options.shard ?? null
    const logs = this.#makeLogs()
    const total = chosen.length * config.repeat
    const { root, workers } = config
    this.#tell({ type: 'runStarted', at: this.#at(), runId: this.runId, startedAt: this.#startedAt, workers, total, root, logs, shard })
    const summary = chosen.length === 0 ? nothing() : await this.#run(listing, chosen, { logs, keep })
    return this.#conclude(chosen, summary, shard)
  }

  /**
   * Ends the servers that were kept.
   * @returns {Promise<import('../../run.js').RunError[]>}
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
    if (this.failure !== undefined) throw this.failure
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

  /** @type {import('./adapters/listing.js').Capture} */
  #capture = async what => {
    const captured = await this.#service.capture(what)
    if (this.#interrupted !== null) throw new BrokerError('aborted', `the run was stopped: ${this.#interrupted}`)
    return captured
  }

  /**
   * @param {import('./listing.js').Listing} listing
   * @param {ListedTest[]} chosen
   * @param {{ logs: string, keep: boolean }} how
   */
  async #run(listing, chosen, { logs, keep }) {
    const { config, options, found } = this
    const secrets = await readSecrets(config, this.#capture)
    const env = { ...found, EPHEMERAL_RUN_ID: this.runId, EPHEMERAL_WORKERS: String(config.workers) }
    const toolchain = config.cache.enabled ? await this.#toolchain(listing) : {}
    const plan = makePlan(config, listing, chosen, {
      env,
      secrets,
      toolchain,
      stream: options.stream ?? false,
      full: options.full ?? false
    })
    return this.#service.execute(plan, { logs, store: config.output, keep })
  }

  /**
   * What the toolchain's commands print, by command.
   * @param {import('./listing.js').Listing} listing
   */
  async #toolchain({ projects }) {
    const { cache, root } = this.config
    const given = cache.toolchain?.map(command => ('shell' in command ? command.shell : command.argv))
    const commands = given ?? [...projects.values()].flatMap(project => project.toolchain)
    const distinct = new Map(commands.map(command => [JSON.stringify(command), command]))
    const printed = [...distinct].map(async ([name, command]) => {
      const { exitCode, stdout, stderr } = await this.#capture({ command, cwd: root })
      if (exitCode !== 0)
        throw new BrokerError('setup_failed', `cache.toolchain: ${name} ended with exit code ${exitCode}: ${stderr.trim()}`)
      return [name, stdout.trim()]
    })
    return Object.fromEntries(await Promise.all(printed))
  }

  #makeLogs() {
    const runs = path.join(this.config.output, 'runs')
    const logs = path.join(runs, `${new Date(this.#startedAt).toISOString().replace(/[:.]/g, '-')}-${this.runId}`)
    fs.mkdirSync(logs, { recursive: true })
    ignoreInGit(this.config.output)
    const old = fs.readdirSync(runs).sort().slice(0, -RUNS_KEPT)
    for (const name of old) fs.rmSync(path.join(runs, name), { recursive: true, force: true })
    return logs
  }

  /**
   * @param {ListedTest[]} chosen
   * @param {{ errors: import('../../run.js').RunError[], timedOut: boolean, setupFailed: boolean, kept: string[], notes: string[] }} summary
   * @param {{ index: number, count: number } | null} shard
   * @returns {RunResult}
   */
  #conclude(chosen, { errors, timedOut, setupFailed, kept, notes }, shard) {
    const { config } = this
    const tests = []
    for (let repeat = 1; repeat <= config.repeat; repeat++) {
      for (const { id } of chosen) {
        const result = this.#results.get(`${repeat} ${id}`)
        // Every test ends in something: that one did not is the gravest of errors.
        if (result === undefined) errors = [...errors, lost(id)]
        else tests.push(result)
      }
    }
    const flags = {
      failOnFlaky: config.failOnFlaky,
      passWithNoTests: config.passWithNoTests,
      interrupted: this.#interrupted,
      timedOut,
      setupFailed,
      empty: chosen.length > 0 ? null : shard ? /** @type {const} */ ('shard') : /** @type {const} */ ('none')
    }
    return {
      runId: this.runId,
      startedAt: this.#startedAt,
      duration: this.#at(),
      workers: config.workers,
      ...summarize({ tests, errors, flags }),
      tests,
      errors,
      shard,
      notes: [...notes, ...kept.map(dir => `kept: ${dir}`)],
      // Known when it has stopped.
      broker: null
    }
  }

  #at() {
    return performance.now() - this.#began
  }

  /** @param {RunEvent} event */
  #tell(event) {
    try {
      this.options.onEvent?.(event)
    } catch (error) {
      this.failure ??= error
      this.stop('onEvent threw', { now: true })
    }
  }

  /** @param {RunEvent} event of the core */
  #onEvent(event) {
    if (event.type === 'testStarted') this.#running.set(event.id, event)
    if (event.type === 'testFinished') {
      const { result } = event
      this.#running.delete(result.id)
      this.#results.set(`${result.repeat} ${result.id}`, result)
    }
    this.#tell(event)
  }

  /** @param {{ test: string | null, resource: string, duration: number }} wait */
  #onWait({ test, resource, duration }) {
    const worker = (test === null ? undefined : this.#running.get(test))?.worker ?? null
    this.#tell({ type: 'waited', at: this.#at(), id: test, worker, resource, duration })
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

/** @returns {Record<string, string>} without what is not set */
function environment() {
  return /** @type {Record<string, string>} */ (Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)))
}

function nothing() {
  return { errors: [], timedOut: false, setupFailed: false, kept: [], notes: [] }
}

/** @param {string} id */
function lost(id) {
  return { code: 'run_failed', message: `run_failed: nobody knows how ${id} ended`, output: null, log: null }
}

/** Nothing in the output folder is for git. @param {string} folder */
function ignoreInGit(folder) {
  try {
    fs.writeFileSync(path.join(folder, '.gitignore'), '*\n', { flag: 'wx' })
  } catch {
    // It is there.
  }
}

module.exports = { Session }
