// @ts-check
'use strict'

const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const threads = require('node:worker_threads')
const support = require('../support-coordination')

/** @typedef {import('../support').Scope} Scope */
/** @typedef {typeof import('../../lib/cooperate') & { getPort: typeof import('../../get-port.js'), kept: Record<string, any>, ping(): Promise<number>, worker: () => import('../..').Client }} World */

const FILE = path.join(__dirname, 'worker.js')

/** Somebody who runs tests: a process or a thread. */
class TestWorker {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #asked = new Map()
  #last = 0

  /**
   * @param {'process' | 'thread'} kind
   * @param {string} pipe
   */
  constructor(kind, pipe) {
    const env = { ...process.env, EPHEMERAL_PIPE: pipe }
    this.process = kind === 'process' ? fork(FILE, { env, serialization: 'advanced' }) : null
    this.thread = kind === 'thread' ? new threads.Worker(FILE, { env }) : null
    const either = /** @type {import('node:events').EventEmitter} */ (this.process ?? this.thread)
    either.on('message', ({ id, value, error }) => {
      const asked = this.#asked.get(id)
      this.#asked.delete(id)
      if (error) asked?.reject(Object.assign(new Error(error.message), error))
      else asked?.resolve(value)
    })
    this.ended = once(either, 'exit')
  }

  /**
   * Runs a function there, which must not refer to anything here. What it throws has the members, not the class, that it had there.
   * @template {any[]} A
   * @template T
   * @param {(world: World, ...args: A) => T | Promise<T>} fn
   * @param {A} args
   * @returns {Promise<T>}
   */
  do(fn, ...args) {
    const id = ++this.#last
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }))
    // Who is killed is not asked after.
    answer.catch(() => {})
    const order = { id, text: String(fn), args }
    if (this.process) this.process.send(order)
    else this.thread?.postMessage(order)
    return answer
  }

  /** As no program can prevent. */
  async kill() {
    if (this.process) this.process.kill('SIGKILL')
    else await this.thread?.terminate()
    await this.ended
  }
}

/**
 * A broker, workers, and a client to look with.
 * @param {Scope} scope
 * @param {...('process' | 'thread')} kinds
 */
async function setUp(scope, ...kinds) {
  const { pipe, clients } = await support.setUp(scope, { requireTTL: true }, 'looker')
  const workers = kinds.map(kind => new TestWorker(kind, pipe))
  scope.after(() => Promise.all(workers.map(worker => worker.kill())))
  await Promise.all(workers.map(worker => worker.do(({ ping }) => ping())))
  return { pipe, workers, client: clients[0] }
}

/**
 * Waits until the semaphore `s` of the context `c` is as it is to be.
 * @param {import('../..').Client} client
 * @param {(state: import('../../lib/cooperate/state.js').State) => boolean} isSo
 */
async function until(client, isSo) {
  const looking = (async () => {
    for await (const { value } of client.watch('cooperate-semaphore|c|s')) if (value && isSo(value)) return
  })()
  await support.soon(looking)
}

/**
 * Waits until so many wait for it.
 * @param {import('../..').Client} client
 * @param {number} count
 */
const queued = (client, count) => until(client, ({ queue }) => queue.length === count)

/**
 * Loads the module in this process, for one test.
 * @param {Scope} scope
 * @param {string} pipe
 */
function cooperateHere(scope, pipe) {
  const before = process.env.EPHEMERAL_PIPE
  process.env.EPHEMERAL_PIPE = pipe
  const cooperate = require('../../lib/cooperate')
  scope.after(async () => {
    await cooperate.releaseAll()
    if (before === undefined) delete process.env.EPHEMERAL_PIPE
    else process.env.EPHEMERAL_PIPE = before
  })
  return cooperate
}

const { TIMEOUT, soon, startBroker } = support

module.exports = { FILE, TIMEOUT, TestWorker, cooperateHere, queued, setUp, soon, startBroker, until }
