// @ts-check
'use strict'

// What is measured in a client's process. Each function gets a connected client first and returns plain data.

const { keyOf, itemOf, TOKEN } = require('./data')
const { now, percentiles } = require('./sample')

/** @typedef {import('../peers').PeerClient} PeerClient */

const TTL = 600_000
const KEYS = Array.from({ length: 100 }, (_, i) => `token:${i}`)

/** @type {Record<string, (client: PeerClient, i: number) => any>} */
const operations = {
  get: (client, i) => client.get(KEYS[i % KEYS.length]),
  set: (client, i) => client.set(KEYS[i % KEYS.length], TOKEN, TTL),
  lease: async client => {
    await client.lease('accounts', 'worker-1', TTL)
    await client.release('accounts', 'worker-1')
  },
  lock: async client => {
    const release = await client.lock?.('alone')
    await release?.()
  },
  getSync: (client, i) => client.getSync?.(KEYS[i % KEYS.length])
}

/** @param {PeerClient} client */
async function prepare(client) {
  for (const key of KEYS) await client.set(key, TOKEN, TTL)
  const got = await client.get(KEYS[7])
  if (got !== TOKEN) throw new Error(`read back ${JSON.stringify(got)}, not what was written`)
}

/**
 * One at a time, in microseconds.
 *
 * @param {PeerClient} client
 * @param {string} operation
 * @param {number} count
 * @param {number} atMost milliseconds, for the slow ones
 */
async function latency(client, operation, count, atMost) {
  const run = operations[operation]
  const end = now() + atMost * 1000
  /** @type {number[]} */
  const sample = []
  let start = now()
  for (let i = 0; i < count && start < end; i++) {
    start = now()
    await run(client, i)
    sample.push(now() - start)
  }
  return percentiles(sample)
}

/**
 * Blocking calls: no promise in between.
 *
 * @param {PeerClient} client
 * @param {number} count
 */
function blockingLatency(client, count) {
  const sample = new Array(count)
  for (let i = 0; i < count; i++) {
    const start = now()
    operations.getSync(client, i)
    sample[i] = now() - start
  }
  return percentiles(sample)
}

/**
 * `inFlight` loops, each of which sends its next request when its last one is answered; what is answered outside of the window counts
 * as little as what fails.
 *
 * @param {PeerClient} client
 * @param {number} inFlight
 * @param {number} from when the window begins, on the shared clock
 * @param {number} to when it ends
 * @returns {Promise<{ rate: number, failed: number }>} answered requests a second
 */
async function throughputWindow(client, inFlight, from, to) {
  // A cheaper clock than the shared one: it is read for each reply.
  const begin = performance.now() + (from - now()) / 1000
  const end = performance.now() + (to - now()) / 1000
  let sent = 0
  let answered = 0
  let failed = 0
  const loop = async () => {
    for (;;) {
      let ok = 1
      try {
        await operations.get(client, sent++)
      } catch {
        ok = 0
      }
      const time = performance.now()
      if (time >= end) return
      if (time >= begin) {
        answered += ok
        failed += 1 - ok
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return { rate: (answered / (to - from)) * 1e6, failed }
}

/**
 * The same for so many milliseconds from now on.
 *
 * @param {PeerClient} client
 * @param {number} inFlight
 * @param {number} duration
 */
function throughput(client, inFlight, duration) {
  const start = now()
  return throughputWindow(client, inFlight, start, start + duration * 1000)
}

/**
 * Open loop: a request is due every `interval` microseconds whether or not the last one has been answered, and its latency counts from
 * when it was due. So a stall is felt by every request that falls into it, not by one.
 *
 * @param {PeerClient} client
 * @param {number} interval
 * @param {number} count
 */
async function openLoop(client, interval, count) {
  const begin = now() + interval
  /** @type {Promise<number>[]} */
  const latencies = []
  while (latencies.length < count) {
    const due = begin + latencies.length * interval
    const wait = due - now()
    if (wait > 0) {
      await new Promise(resolve => setTimeout(resolve, wait / 1000))
      continue
    }
    latencies.push(operations.get(client, latencies.length).then(() => now() - due))
  }
  return percentiles(await Promise.all(latencies))
}

/**
 * Adds keys that are not there yet, then removes them again.
 *
 * @param {PeerClient} client
 * @param {number} inFlight
 * @param {number} first
 * @param {number} count
 * @returns {Promise<number>} keys added a second
 */
async function addKeys(client, inFlight, first, count) {
  const each = async (/** @type {(index: number) => Promise<any>} */ run) => {
    let next = first
    const loop = async () => {
      while (next < first + count) await run(next++)
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
  }
  const start = now()
  await each(index => client.set(keyOf(index), itemOf(index), TTL))
  const elapsed = now() - start
  await each(index => client.del(keyOf(index)))
  return (count / elapsed) * 1e6
}

/**
 * Fills the store, by the peer's own way of doing it fast where its client has none.
 *
 * @param {import('../peers').Peer} peer
 * @param {PeerClient} client
 * @param {string} address
 * @param {number} count
 */
async function seed(peer, client, address, count) {
  if (peer.seed) return peer.seed(address, count, TTL)
  let next = 0
  const loop = async () => {
    while (next < count) {
      const index = next++
      await client.set(keyOf(index), itemOf(index), TTL)
    }
  }
  await Promise.all(Array.from({ length: 200 }, loop))
}

/** @param {PeerClient} client */
const usedMemory = client => client.usedMemory?.()

module.exports = { prepare, latency, blockingLatency, throughput, throughputWindow, openLoop, addKeys, seed, usedMemory }
