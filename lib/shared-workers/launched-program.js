// @ts-check
'use strict'

const { randomBytes } = require('node:crypto')
const { rmSync } = require('node:fs')
const { join } = require('node:path')
const { clearTimeout, setTimeout } = require('node:timers')
const { Worker } = require('node:worker_threads')
const { describe, revive } = require('./failure.js')

const THREAD = join(__dirname, 'program-thread.js')
/** How long a program that has failed may take to end, in ms. */
const MOST_TO_END = 5000

/** A program as its host sees it: a thread from its start to its end. It does not keep the process alive. */
class LaunchedProgram {
  #worker
  #onFailed
  /** Why it is no more. @type {Error | null} */
  #error = null
  #stopping = false
  #exited

  /**
   * @param {object} options
   * @param {string} options.filename
   * @param {string} options.instance unique in the host
   * @param {string} options.address
   * @param {(error: Error) => void} options.onFailed once, unless it was stopped
   */
  constructor({ filename, instance, address, onFailed }) {
    this.filename = filename
    this.instance = instance
    this.address = address
    this.token = randomBytes(32).toString('hex')
    this.#onFailed = onFailed
    const workerData = { filename, instance, address, token: this.token }
    this.#worker = new Worker(THREAD, { workerData, name: 'shared worker' })
    this.#exited = new Promise(resolve => this.#worker.once('exit', () => resolve(undefined)))
    /** Settles when test workers can connect, or it has failed. @type {Promise<void>} */
    this.listening = new Promise(resolve => {
      this.#worker.on('message', message => {
        if (message.type === 'failed') this.#fail(revive(message.failure))
        resolve()
      })
      this.#exited.then(() => resolve())
    })
    this.#worker.on('error', error => this.#fail(revive(describe(error))))
    this.#worker.on('exit', code => this.#onExit(code))
    // A listener for messages would undo it.
    this.#worker.unref()
  }

  get error() {
    return this.#error
  }

  /**
   * Lets it run the teardowns of the test workers that are still there, and ends it.
   * @param {number} limit ms
   * @returns {Promise<void>}
   */
  async stop(limit) {
    this.#stopping = true
    if (!this.#error) await this.#sayGoodbye(limit)
    await this.#worker.terminate()
  }

  /** @param {number} limit */
  async #sayGoodbye(limit) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const late = new Promise(resolve => {
      timer = setTimeout(() => resolve('late'), limit)
    })
    this.#worker.postMessage({ type: 'stop' })
    const end = await Promise.race([late, this.#exited])
    clearTimeout(timer)
    if (end === 'late') {
      this.#fail(new Error(`the shared worker ${this.filename} was not done with its teardowns after ${limit / 1000} s, and was ended`))
    }
  }

  /** @param {Error} error */
  #fail(error) {
    if (this.#error) return
    this.#error = error
    this.#onFailed(error)
    if (!this.#stopping) setTimeout(() => this.#worker.terminate(), MOST_TO_END).unref()
  }

  /** @param {number} code */
  #onExit(code) {
    if (!this.#stopping) this.#fail(new Error(`the shared worker ${this.filename} has ended, with the code ${code}`))
    if (process.platform !== 'win32') rmSync(this.address, { force: true })
  }
}

module.exports = { LaunchedProgram }
