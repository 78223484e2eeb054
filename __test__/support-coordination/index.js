// @ts-check
'use strict'

/** What tests of coordination need: workers in processes of their own that can be killed, waits that have surely begun, and the order of what happened. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const readline = require('node:readline')
const support = require('../support')
const { BrokerError } = require('../..')

/** @typedef {import('../..').Client} Client */
/** @typedef {import('../support').Scope} Scope */

/** How long a test may take, in ms; with what it waits for missing, it ends by this. */
const TIMEOUT = 60_000

/**
 * What has been asked for, and maybe not been answered yet.
 * @template T
 * @typedef {{ result: Promise<T>, settled: boolean }} Begun
 */

/**
 * @template T
 * @param {Promise<T>} result
 * @returns {Begun<T>}
 */
function watched(result) {
  const begun = { result, settled: false }
  const settle = () => {
    begun.settled = true
  }
  result.then(settle, settle)
  return begun
}

/** Waits until all that the broker had said to a client has been taken note of. @param {{ ping: () => Promise<unknown> }} client */
async function heard(client) {
  await client.ping()
  // What a method still does with a reply is done by promises alone.
  await new Promise(setImmediate)
}

/**
 * Waits until what was asked for has come to the broker: it has read, in this order, the request and the ping on the same connection.
 * @template T
 * @param {Client} client
 * @param {Promise<T>} result
 */
async function begun(client, result) {
  const wait = watched(result)
  await heard(client)
  return wait
}

/**
 * As {@link begun}; and it surely waits: a reply would have come before the ping's.
 * @template T
 * @param {Client} client
 * @param {Promise<T>} result
 */
async function waiting(client, result) {
  const wait = await begun(client, result)
  if (wait.settled) assert.fail(`it did not wait, but came to ${JSON.stringify(await result.catch(error => String(error)))}`)
  return wait
}

/**
 * Fails when one of those that wait has been answered, although its connection has been heard since.
 * @param {...[{ ping: () => Promise<unknown> }, Begun<any>]} waits
 */
async function stillWaiting(...waits) {
  for (const [client, wait] of waits) {
    await heard(client)
    assert.equal(wait.settled, false, 'it has been answered')
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} [limit] in ms
 * @returns {Promise<T>}
 */
function soon(promise, limit = 5000) {
  /** @type {NodeJS.Timeout} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limit} ms`)), limit)
  })
  return /** @type {Promise<T>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer))
}

/**
 * What was granted, or null when it failed in just this way.
 * @template T
 * @param {string} code
 * @param {Promise<T>} result
 * @returns {Promise<T | null>}
 */
async function orNull(code, result) {
  try {
    return await result
  } catch (error) {
    support.failsWith(code)(error)
    return null
  }
}

/** A process with a client. */
class Worker {
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  #asked = new Map()
  #last = 0

  /**
   * @param {string} pipe
   * @param {string} name
   */
  constructor(pipe, name) {
    this.name = name
    this.child = spawn(process.execPath, [path.join(__dirname, 'worker.js'), name], {
      env: { ...process.env, EPHEMERAL_PIPE: pipe },
      stdio: ['pipe', 'pipe', 'inherit']
    })
    this.pid = /** @type {number} */ (this.child.pid)
    this.child.stdin.on('error', () => {})
    this.ended = once(this.child, 'close').then(() => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${name} has ended`))
    })
    readline.createInterface({ input: this.child.stdout }).on('line', line => {
      const { id, ...answer } = JSON.parse(line)
      const asked = this.#asked.get(id)
      this.#asked.delete(id)
      if (answer.error) asked?.reject(new BrokerError(answer.error.code, answer.error.message.replace(/^\w+: /, '')))
      else asked?.resolve({ ...answer, at: BigInt(answer.at) })
    })
  }

  /**
   * Runs a function there, which must not refer to anything here.
   * @template {any[]} A
   * @template T
   * @param {(world: { client: Client, kept: Record<string, any>, Client: typeof import('../..').Client }, ...args: A) => T | Promise<T>} fn
   * @param {A} args
   * @returns {Promise<{ value: T, at: bigint }>} `at`: when it was done, by the clock that all processes share, in ns
   */
  timed(fn, ...args) {
    const id = ++this.#last
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }))
    // Who is killed is not asked after.
    answer.catch(() => {})
    this.child.stdin.write(`${JSON.stringify({ id, text: String(fn), args })}\n`)
    return answer
  }

  /**
   * As {@link Worker.timed}, without the time.
   * @template {any[]} A
   * @template T
   * @param {(world: { client: Client, kept: Record<string, any>, Client: typeof import('../..').Client }, ...args: A) => T | Promise<T>} fn
   * @param {A} args
   * @returns {Promise<T>}
   */
  do(fn, ...args) {
    const done = this.timed(fn, ...args).then(({ value }) => value)
    done.catch(() => {})
    return done
  }

  ping() {
    return this.do(({ client }) => client.ping())
  }

  /** @param {string} text */
  async describe(text) {
    await this.do(({ client }, text) => {
      client.describe(text)
      return client.ping()
    }, text)
  }

  /** @returns {bigint} when the signal was sent */
  kill() {
    const at = process.hrtime.bigint()
    this.child.kill('SIGKILL')
    return at
  }
}

/**
 * Workers, connected.
 * @param {Scope} scope
 * @param {string} pipe
 * @param {...string} names
 */
async function startWorkers(scope, pipe, ...names) {
  const workers = names.map(name => new Worker(pipe, name))
  scope.after(() => {
    for (const worker of workers) worker.kill()
    return Promise.all(workers.map(worker => worker.ended))
  })
  await Promise.all(workers.map(worker => worker.ping()))
  return workers
}

/**
 * A broker, and as many clients of this process as there are names.
 * @param {Scope} scope
 * @param {import('../..').BrokerOptions} options
 * @param {...string} names
 */
async function setUp(scope, options, ...names) {
  const broker = await support.startBroker(scope, { logLevel: 'silent', ...options })
  const clients = names.map(name => support.connect(scope, broker.pipe, { name }))
  await Promise.all(clients.map(client => client.ping()))
  return { broker, pipe: broker.pipe, clients }
}

/**
 * A connection with a session that speaks for itself.
 * @param {Scope} scope
 * @param {string} pipe
 * @param {string} name
 */
async function greet(scope, pipe, name) {
  const raw = await support.dial(scope, pipe)
  const reply = await raw.ask({
    id: 0,
    action: 'hello',
    protocol: 1,
    pid: process.pid,
    name,
    process: `${name} ${Math.random()}`,
    thread: 0
  })
  assert.equal(reply.ok, true, reply.message)
  return raw
}

/** @param {bigint} from @param {bigint} to */
const msBetween = (from, to) => Number(to - from) / 1e6

module.exports = { ...support, TIMEOUT, Worker, begun, greet, msBetween, orNull, setUp, soon, startWorkers, stillWaiting, waiting, watched }
