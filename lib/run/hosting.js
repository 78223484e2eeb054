// @ts-check
'use strict'

/** The broker of a run: what tests, servers and the run itself share. */

const { randomBytes } = require('node:crypto')
const { Broker } = require('../broker.js')
const { Client } = require('../client.js')
const { declareRates, declareValues } = require('../declare.js')

/** From how long on a wait is told of, in ms: what is shorter cannot be seen in a report. */
const LONG_WAIT = 50

/** @typedef {import('./config/index.js').ResolvedConfig} Config */

class Hosting {
  #broker
  /** Random: nobody else on the machine has a say in the run. */
  #secret = randomBytes(32).toString('hex')
  /** @type {InstanceType<typeof Client> | null} */
  #client = null
  /** @type {Map<string, string[]>} the limits of the broker that make up a rate */
  #rates = new Map()

  /**
   * @param {Config} config
   * @param {(wait: { test: string | null, resource: string, duration: number }) => void} onWait
   */
  constructor(config, onWait) {
    this.config = config
    const { pools } = config
    this.#broker = new Broker({ secret: this.#secret, requireTTL: false, pools, longWait: LONG_WAIT, slowWait: 0, logLevel: 'error' })
    // Its report says it at the end.
    this.#broker.on('sharedWorkerError', () => {})
    this.#broker.on('waited', ({ kind, name, test, waited }) => onWait({ test, resource: `${kind} ${name}`, duration: waited }))
  }

  /** @returns {Promise<Record<string, string>>} how tests and servers find it */
  async start() {
    const pipe = await inOwnEnvironment(() => this.#broker.start())
    this.#client = new Client(pipe, { secret: this.#secret, name: 'run' })
    try {
      await this.#declare(this.#client)
    } catch (error) {
      // Left alone it would keep this process alive.
      await this.stop()
      throw error
    }
    return { EPHEMERAL_PIPE: pipe, EPHEMERAL_SECRET: this.#secret }
  }

  get pipe() {
    return this.#broker.pipe
  }

  /**
   * Waits for a turn within all of these rates.
   * @param {string[]} rates
   */
  async turn(rates) {
    for (const limit of rates.flatMap(rate => this.#rates.get(rate) ?? [])) await this.#client?.throttle(limit, 1, { wait: Infinity })
  }

  async stop() {
    await this.#client?.close()
    return this.#broker.stop()
  }

  /** @param {InstanceType<typeof Client>} client */
  async #declare(client) {
    this.#rates = await declareRates(client, this.config.rateLimits)
    await declareValues(client, this.config.values)
  }
}

/**
 * A broker tells its process where it is, for the workers of that process. A run tells its tests alone: whoever calls `run()` may have a broker of
 * his own, or a second run.
 * @template T
 * @param {() => T} start
 * @returns {T}
 */
function inOwnEnvironment(start) {
  const { EPHEMERAL_PIPE: before } = process.env
  try {
    return start()
  } finally {
    if (before === undefined) delete process.env.EPHEMERAL_PIPE
    else process.env.EPHEMERAL_PIPE = before
  }
}

module.exports = { Hosting }
