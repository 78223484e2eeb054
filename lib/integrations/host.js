// @ts-check
'use strict'

/**
 * The side of an integration that is in the run's main process: it starts a broker before the tests, and at the end stops it and tells what it saw.
 * Where there is a broker already, as under `ephemeral-broker start -- …`, that one is used, and whoever started it tells.
 */

const { onExit } = require('signal-exit')
const { BrokerError } = require('../errors.js')
const { END } = require('../internals.js')
const { exported } = require('./environment.js')
const { LEAKS } = require('./leaks.js')
const { readSettings } = require('./options.js')
const { SLOTS } = require('./slot.js')

/** @typedef {import('./types.js').IntegrationOptions} IntegrationOptions */
/** @typedef {import('./options.js').Settings} Settings */
/** @typedef {import('../../index.js').BrokerReport['leaked'][number]} Leak */

/**
 * @typedef {object} Where how the integration is named in messages
 * @property {string} runner as people write it: `Jest`
 * @property {string} hook where the broker is started: `globalSetup`
 * @property {boolean} [endsItself] on a signal the runner ends by itself a little later, though it does not listen any more
 * @property {string} [folder] where the config file is looked for, from there upwards @default the process's
 */

/** @typedef {{ failed: boolean }} Outcome `failed`: the run is no success, whatever its tests say */

/** How long a runner may take that ends by itself, in ms. */
const MOST_TO_END = 200

/** A broker of this process. */
class Host {
  #broker
  #settings
  #environment
  /** How many leaks were told already. */
  #told = 0
  /** @type {Leak[]} */
  #leaks = []
  #release
  /** @type {Promise<Outcome> | null} */
  #stopped = null

  /**
   * @param {InstanceType<typeof import('../broker.js').Broker>} broker
   * @param {Settings} settings
   * @param {boolean} endsItself
   */
  constructor(broker, settings, endsItself) {
    this.#broker = broker
    this.#settings = settings
    broker.on('leaked', leak => this.#leaks.push(leak))
    const { secret } = settings.broker
    this.#environment = exported({ [LEAKS]: settings.leaks, ...(typeof secret === 'string' ? { EPHEMERAL_SECRET: secret } : {}) })
    // Nobody stops it when a signal ends the run: its socket is not to stay.
    const end = () => /** @type {any} */ (broker)[END]()
    this.#release = onExit((_code, signal) => {
      end()
      if (!endsItself || signal === null) return undefined
      // It ends with an exit code of its own; unless it has no listener any more, as Vitest after a change of its configuration.
      setTimeout(() => process.kill(process.pid, signal), MOST_TO_END)
      return true
    })
  }

  get broker() {
    return this.#broker
  }

  get pipe() {
    return this.#broker.pipe
  }

  /**
   * Tells of what was not released since it was told last: for runs that go on, as in watch modes.
   * @returns {readonly Leak[]} those
   */
  tellLeaks() {
    const leaks = this.#leaks.splice(0)
    this.#told += leaks.length
    if (this.#settings.leaks !== 'off') print(require('./summary.js').leakLines(leaks))
    return leaks
  }

  /**
   * Stops the broker and tells what it saw. Stopping twice is harmless, be it at a time: a runner that is interrupted may call its teardown anew.
   * @returns {Promise<Outcome>}
   */
  stop() {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** @returns {Promise<Outcome>} */
  async #stop() {
    const wasRunning = this.#broker.running
    const report = await this.#broker.stop()
    this.#release()
    this.#environment.restore()
    if (!wasRunning) return { failed: false }
    const { leakLines, summaryLine } = require('./summary.js')
    const { leaks, summary } = this.#settings
    if (leaks !== 'off') print(leakLines(report.leaked.slice(this.#told), report.leakedCount - this.#told))
    const line = summary && summaryLine(report, { leaks: leaks !== 'off' })
    if (line) print([line])
    return { failed: report.sharedWorkerErrors.length > 0 || (leaks === 'fail' && report.leakedCount > 0) }
  }
}

/** A broker that another process hosts. */
class Guest {
  #environment

  /**
   * @param {string} pipe
   * @param {Record<string, string>} environment
   */
  constructor(pipe, environment) {
    this.pipe = pipe
    this.#environment = exported({ ...environment, [SLOTS]: 'leased' })
  }

  /** @returns {Leak[]} */
  tellLeaks() {
    return []
  }

  /** @returns {Promise<Outcome>} */
  async stop() {
    this.#environment.restore()
    return { failed: false }
  }
}

/**
 * The broker of this run, with all that is declared of it.
 * @param {IntegrationOptions | undefined} options
 * @param {Where} where
 * @returns {Promise<Host | Guest>}
 * @throws {BrokerError} `start_failed`, with a sentence that names the hook; `invalid_option`, `invalid_config`
 */
async function hostBroker(options, { runner, hook, folder, endsItself = false }) {
  const settings = await readSettings(`ephemeral-broker for ${runner}`, options, folder)
  const outer = process.env.EPHEMERAL_PIPE
  try {
    if (outer) {
      await declare(settings, settings.pools, outer)
      // What becomes of tests that leak is decided by whoever runs them, and else by whoever started the broker.
      return new Guest(outer, options?.leaks === undefined && process.env[LEAKS] !== undefined ? {} : { [LEAKS]: settings.leaks })
    }
    const { Broker } = require('../broker.js')
    const broker = new Broker({ requireTTL: false, ...settings.broker, pools: settings.pools })
    const host = await serve(broker, settings, endsItself)
    // A teardown that never comes does not keep the runner from ending.
    broker.unref()
    return host
  } catch (cause) {
    const { code = 'start_failed', message } = /** @type {InstanceType<typeof BrokerError>} */ (cause)
    if (code === 'invalid_option') throw cause
    const text = outer ? `the broker that EPHEMERAL_PIPE names cannot be used` : 'the broker could not be started'
    const advice = code === 'mismatch' ? '; say it once, here or where that broker is started' : ''
    throw new BrokerError(code, `${text} in ${hook} of ${runner}: ${message.replace(`${code}: `, '')}${advice}`, { cause })
  }
}

/**
 * Starts a broker that was made with the pools of the settings, and declares the rest.
 * @param {InstanceType<typeof import('../broker.js').Broker>} broker
 * @param {Settings} settings
 * @param {boolean} [endsItself]
 */
async function serve(broker, settings, endsItself = false) {
  const pipe = await broker.start()
  try {
    await declare(settings, {}, pipe)
    return new Host(broker, settings, endsItself)
  } catch (error) {
    // Left alone it would keep this process alive.
    await broker.stop()
    throw error
  }
}

/**
 * @param {Settings} settings
 * @param {Settings['pools']} pools those that the broker was not started with
 * @param {string} pipe
 */
async function declare({ broker: { secret }, rateLimits, values }, pools, pipe) {
  if ([rateLimits, values, pools].every(declared => Object.keys(declared).length === 0)) return
  const { Client } = require('../client.js')
  const { declareRates, declareValues } = require('../declare.js')
  const client = new Client(pipe, { name: 'setup', secret: typeof secret === 'string' ? secret : undefined })
  try {
    for (const { pool, values, size, policy } of require('../pool-definitions.js').poolsOf(pools)) {
      await client.definePool(pool, values ?? size, { policy })
    }
    await declareRates(client, rateLimits)
    await declareValues(client, values, { ifAbsent: true })
  } finally {
    await client.close()
  }
}

/**
 * On standard error: standard output is the reporters'. When nobody reads it any more, that is no error of the run.
 * @param {readonly string[]} lines
 */
function print(lines) {
  if (lines.length === 0) return
  const { stderr } = process
  const ignore = () => {}
  stderr.on('error', ignore)
  // An error is told to the callback first, and to listeners just after.
  stderr.write(`${lines.join('\n')}\n`, () => setImmediate(() => stderr.off('error', ignore)))
}

module.exports = { hostBroker, serve }
