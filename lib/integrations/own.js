// @ts-check
'use strict'

/**
 * What a worker has for as long as it lives, whatever test files it runs: its number, and what was taken for the worker. Nothing of a test file's is kept here.
 * It is loaded in the thread's main context (home.js), so texts go in and out.
 */

const { threadId } = require('node:worker_threads')
const { Client } = require('../client.js')
const { callsOf } = require('../internals.js')

/** @typedef {{ client: InstanceType<typeof Client>, leases: Map<string, Promise<string>>, slot: number | null }} Possessions */

const SLOTS = 'ephemeral-broker/slots'

/** In watch modes there is one broker after the other. @type {{ pipe: string, possessions: Possessions } | null} */
let current = null

/**
 * @param {string} pipe
 * @param {string} name
 * @returns {Possessions}
 */
function of(pipe, name) {
  if (current?.pipe === pipe) return current.possessions
  void current?.possessions.client.close()
  const client = new Client(pipe, { name })
  // That something is held at the worker's end is no leak.
  callsOf(client).taker = () => ({ granted: token => callsOf(client).connection.tell(`"action":"keep","token":${token}`) })
  const possessions = { client, leases: new Map(), slot: null }
  current = { pipe, possessions }
  return possessions
}

/**
 * The worker's own lease: taken when it is asked for first.
 * @param {string} pipe
 * @param {string} name the worker's
 * @param {string} request JSON of the pool and the options
 * @returns {Promise<string>} JSON of the lease
 */
function lease(pipe, name, request) {
  const { client, leases } = of(pipe, name)
  const known = leases.get(request)
  if (known) return known
  const taken = take(client, request, () => leases.delete(request))
  leases.set(request, taken)
  taken.catch(() => leases.delete(request))
  return taken
}

/**
 * @param {InstanceType<typeof Client>} client
 * @param {string} request
 * @param {() => void} lost
 */
async function take(client, request, lost) {
  const { pool, options } = JSON.parse(request)
  const { wait, ...rest } = options
  // JSON knows no Infinity.
  const lease = await client.acquire(pool, { ...rest, ...(wait === undefined ? {} : { wait: wait ?? Infinity }) })
  lease.signal.addEventListener('abort', lost, { once: true })
  return JSON.stringify({ pool: lease.pool, number: lease.number, value: lease.value, token: lease.token })
}

/**
 * The lowest number from 1 on that no other worker has, for as long as this worker lives. Blocks while it asks.
 * @param {string} pipe
 * @param {string} name the worker's
 * @returns {number}
 */
function slot(pipe, name) {
  const own = of(pipe, name)
  if (own.slot === null) {
    const worker = `${process.pid}/${threadId}/${name}`
    own.slot = own.client.leaseSync(SLOTS, worker)
  }
  return own.slot
}

module.exports = { lease, slot }
