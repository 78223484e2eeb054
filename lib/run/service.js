// @ts-check
'use strict'

/** The native side of a run: orders out, events and replies in. src/run/service.rs says what they are. */

const { randomBytes } = require('node:crypto')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { BrokerError, fromNative } = require('../errors.js')
const native = require('../native.js')

/**
 * @typedef {object} Captured
 * @property {number | null} exitCode
 * @property {string | null} signal
 * @property {boolean} timedOut
 * @property {string} stdout
 * @property {string} stderr
 */

/** @typedef {{ argv: readonly string[] } | { shell: string }} NativeCommand */

/** @typedef {Record<string, unknown> & { type: string }} Order */

class Service {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #replies = new Map()
  #orders = 0
  #native

  /**
   * @param {{ root: string, sockets: string[], env: Record<string, string>, exclusive: boolean }} options
   * @param {{ onEvent: (event: any) => void, onTurn: (rates: string[]) => Promise<void> }} hooks
   */
  constructor(options, { onEvent, onTurn }) {
    this.runId = randomBytes(6).toString('hex')
    /** The run's own directory, gone with it. */
    this.dir = path.join(tmpdir(), `ephemeral-run-${this.runId}`)
    this.onEvent = onEvent
    this.onTurn = onTurn
    try {
      this.#native = native.NativeRun.start(JSON.stringify({ ...options, runId: this.runId, dir: this.dir }), text => this.#hear(text))
    } catch (error) {
      throw fromNative(error)
    }
  }

  /**
   * Runs a command to its end.
   * @param {{ command: import('../../run.js').Command, cwd: string, env?: Record<string, string>, timeout?: number }} what
   * @returns {Promise<Captured>}
   */
  capture({ command, cwd, env = {}, timeout = 120_000 }) {
    return this.#ask({ type: 'capture', command: nativeCommand(command), cwd, env, timeout })
  }

  /**
   * @param {object} plan
   * @param {{ logs: string, store: string, keep: boolean }} how
   * @returns {Promise<any>} the summary of src/run/executor
   */
  execute(plan, how) {
    return this.#ask({ type: 'execute', plan, ...how })
  }

  /**
   * Ends what was kept.
   * @returns {Promise<{ errors: import('../../run.js').RunError[], kept: string[] }>}
   */
  end() {
    return this.#ask({ type: 'end' })
  }

  /** @param {{ now: boolean }} how */
  stop({ now }) {
    this.#order({ type: 'stop', now })
  }

  /** Ends everything that is left, and removes the run's directory. */
  async close() {
    await this.#ask({ type: 'close' })
    this.#native.dispose()
  }

  /**
   * @param {Order} order
   * @returns {Promise<any>}
   */
  #ask(order) {
    const id = ++this.#orders
    return new Promise((resolve, reject) => {
      this.#replies.set(id, { resolve, reject })
      this.#order({ ...order, id })
    })
  }

  /** @param {Order} order */
  #order(order) {
    const { type, ...what } = order
    this.#native.order(JSON.stringify({ [type]: what }))
  }

  /** @param {string} text */
  #hear(text) {
    const message = JSON.parse(text)
    if (message.event) return this.onEvent(message.event)
    if (message.turn) {
      // Who cannot be asked grants it: the broker is gone, and with it the run.
      const answer = () => this.#order({ type: 'turn', id: message.turn })
      return void this.onTurn(message.rates).then(answer, answer)
    }
    if (message.broken) throw new BrokerError('run_failed', `an order that nobody understands: ${message.broken}`)
    const reply = this.#replies.get(message.reply)
    this.#replies.delete(message.reply)
    if (message.error === undefined) reply?.resolve(message.value)
    else reply?.reject(fromNative(new Error(message.error)))
  }
}

/**
 * @param {import('../../run.js').Command} command
 * @returns {NativeCommand}
 */
function nativeCommand(command) {
  return typeof command === 'string' ? { shell: command } : { argv: command }
}

module.exports = { Service, nativeCommand }
