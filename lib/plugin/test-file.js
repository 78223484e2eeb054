// @ts-check
'use strict'

const { serialize } = require('../structured-clone.js')
const { ends } = require('./ends.js')
const { fileUrl, nextId } = require('./identity.js')
const { Registration } = require('./shared-worker.js')

/** @typedef {InstanceType<typeof import('../client.js').Client>} Client */

/** A test worker: a test file in a process or thread, from its begin to its end. */
class TestFile {
  #number = 0
  /** By filename. @type {Map<string, InstanceType<typeof Registration>>} */
  #registrations = new Map()
  /** @type {Client | null} */
  #client = null
  #onEnd
  /** @type {Promise<void> | null} */
  #end = null

  /**
   * @param {string | URL} file
   * @param {() => void} onEnd
   */
  constructor(file, onEnd) {
    this.id = nextId()
    this.file = fileUrl(file)
    this.#onEnd = onEnd
  }

  /**
   * @param {string} filename
   * @param {unknown} initialData
   * @param {(() => unknown) | undefined} teardown
   */
  register(filename, initialData, teardown) {
    let registration = this.#registrations.get(filename)
    if (registration === undefined) {
      const bytes = serialize(initialData)
      const client = this.#connect()
      registration = new Registration(filename, { id: this.id, file: this.file, nextNumber: () => ++this.#number })
      this.#registrations.set(filename, registration)
      registration.open(client, bytes)
    }
    if (teardown) registration.addTeardown(teardown)
    return registration.face
  }

  /** Settles when all that it registered is available, also what it registers meanwhile. */
  async available() {
    let count = 0
    while (count < this.#registrations.size) {
      count = this.#registrations.size
      await Promise.all([...this.#registrations.values()].map(({ available }) => available))
    }
  }

  /**
   * @param {{ finished?: number }} [options] `finished`: ms that programs' teardowns for this test worker are waited for
   * @returns {Promise<void>}
   */
  teardown({ finished = 0 } = {}) {
    this.#end ??= this.#tearDown(finished)
    return this.#end
  }

  #connect() {
    const { Client } = require('../client.js')
    this.#client ??= new Client()
    return this.#client
  }

  /** @param {number} finished */
  async #tearDown(finished) {
    const ended = await Promise.allSettled([...this.#registrations.values()].map(registration => registration.end(finished)))
    await Promise.allSettled([...ends].map(end => end()))
    void this.#client?.close()
    this.#onEnd()
    const errors = ended.flatMap(end => (end.status === 'fulfilled' ? end.value : [end.reason]))
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} teardowns of ${this.file} failed`)
    if (errors.length === 1) throw errors[0]
  }
}

module.exports = { TestFile }
