// @ts-check
'use strict'

/** The programs of a broker, in the process that hosts it: which there are, and where. What they say goes past it. */

const { BrokerError, show } = require('../errors.js')
const { newAddress } = require('./address.js')
const { LaunchedProgram } = require('./launched-program.js')

/** @typedef {InstanceType<typeof import('../broker.js').Broker>} Broker */
/** @typedef {import('../../index.js').SharedWorkerError} SharedWorkerError */
/** @typedef {InstanceType<typeof LaunchedProgram>} Launched */
/** @typedef {{ action?: unknown, filename?: unknown, instance?: unknown }} Question */

/** How long a program may take for its teardowns when the broker stops, in ms. */
const MOST_TO_STOP = 5000

/** @type {WeakMap<Broker, Host>} */
const hosts = new WeakMap()
let instances = 0

class Host {
  #broker
  /** The living, by filename. @type {Map<string, Launched>} */
  #programs = new Map()
  /** By instance, why it is no more. @type {Map<string, Error>} */
  #failed = new Map()
  /** By what identifies them: a program that fails at each start is reported once. @type {Map<string, SharedWorkerError>} */
  #errors = new Map()

  /** @param {Broker} broker */
  constructor(broker) {
    this.#broker = broker
  }

  /**
   * Where a program is. It is loaded when it is not.
   * @param {string} filename
   * @param {unknown} instance the one that could not be reached; another one is no substitute
   */
  async open(filename, instance) {
    const known = typeof instance === 'string' ? this.#failed.get(instance) : undefined
    if (known) throw failedError(filename, known)
    const program = this.#programs.get(filename) ?? this.#launch(filename)
    await program.listening
    if (program.error) throw failedError(filename, program.error)
    const { address, token } = program
    return { address, token, instance: program.instance }
  }

  async close() {
    const programs = [...this.#programs.values()]
    await Promise.all(programs.map(program => program.stop(MOST_TO_STOP)))
    return [...this.#errors.values()]
  }

  /** @param {string} filename */
  #launch(filename) {
    const instance = `shared-worker-${++instances}`
    const program = new LaunchedProgram({
      filename,
      instance,
      address: newAddress(this.#broker.pipe),
      onFailed: error => this.#onFailed(program, error)
    })
    this.#programs.set(filename, program)
    return program
  }

  /**
   * @param {Launched} program
   * @param {Error} error
   */
  #onFailed({ filename, instance }, error) {
    this.#programs.delete(filename)
    this.#failed.set(instance, error)
    const { message, stack = message } = error
    const key = JSON.stringify([filename, stack])
    if (this.#errors.has(key)) return
    this.#errors.set(key, { filename, message, stack })
    if (this.#broker.listenerCount('sharedWorkerError') > 0) this.#broker.emit('sharedWorkerError', { filename, error })
    else process.stderr.write(`ephemeral-broker: the shared worker ${filename} failed\n${stack}\n`)
  }
}

/**
 * @param {string} filename
 * @param {Error} error
 */
function failedError(filename, error) {
  const { describe } = require('./failure.js')
  return new BrokerError('shared_worker_failed', `the shared worker ${filename} failed: ${error.message}`, {
    details: { filename, failure: describe(error) }
  })
}

/**
 * @param {Broker} broker
 * @param {Question} question
 */
async function answer(broker, { action, filename, instance }) {
  if (action !== 'open' || typeof filename !== 'string') {
    throw new BrokerError(
      'invalid_request',
      `shared workers know nothing of ${show(action)} for ${show(filename)}: use one version of ephemeral-broker`
    )
  }
  let host = hosts.get(broker)
  if (host === undefined) {
    host = new Host(broker)
    hosts.set(broker, host)
  }
  return host.open(filename, instance)
}

/**
 * Ends the programs of a broker.
 * @param {Broker} broker
 * @returns {Promise<SharedWorkerError[]>} all failures
 */
async function close(broker) {
  const host = hosts.get(broker)
  hosts.delete(broker)
  return host ? host.close() : []
}

module.exports = { answer, close }
