// @ts-check
'use strict'

// What is measured of locks in a client's process. Each function gets a connected client first and returns plain data.

const { mkdtempSync, rmSync } = require('node:fs')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { now, percentiles } = require('./sample')

/** @typedef {import('../peers').PeerClient} PeerClient */

/** @param {PeerClient} client */
function lockOf(client) {
  if (!client.lock) throw new Error('this peer has no locks')
  return client.lock
}

/**
 * For each name a loop that takes the lock, gives it back at once, and wants it again. What is granted in the window counts.
 *
 * @param {PeerClient} client
 * @param {string[]} names
 * @param {number} from when the window begins, on the shared clock
 * @param {number} to when it ends
 * @returns {Promise<number[]>} when it was granted, and so given back
 */
async function lockWindow(client, names, from, to) {
  const lock = lockOf(client)
  /** @type {number[]} */
  const grants = []
  const loop = async (/** @type {string} */ name) => {
    for (;;) {
      const release = await lock(name)
      const granted = now()
      await release()
      if (granted >= to) return
      if (granted >= from) grants.push(granted)
    }
  }
  await Promise.all(names.map(loop))
  return grants
}

/**
 * The same for so many milliseconds from now on.
 *
 * @param {PeerClient} client
 * @param {string[]} names
 * @param {number} duration
 * @returns {Promise<{ rate: number }>} grants a second
 */
async function lockRate(client, names, duration) {
  const start = now()
  const grants = await lockWindow(client, names, start, start + duration * 1000)
  return { rate: (grants.length / duration) * 1000 }
}

/**
 * The least that anything can take.
 *
 * @param {PeerClient} client
 * @param {number} count
 * @returns {Promise<number | undefined>} the median of a round trip, in microseconds
 */
async function roundTrip(client, count) {
  if (!client.ping) return undefined
  /** @type {number[]} */
  const sample = []
  for (let i = 0; i < count; i++) {
    const start = now()
    await client.ping()
    sample.push(now() - start)
  }
  return percentiles(sample).p50
}

/** @type {Promise<{ granted: number, closed: number }> | undefined} */
let inherited

/**
 * Begins to wait for a lock that another process holds, and for that process's end: of that it is told by a plain socket.
 *
 * @param {PeerClient} client
 * @param {string} name
 * @returns {Promise<string>} where that socket listens
 */
async function waitForHolder(client, name) {
  const lock = lockOf(client)
  const directory = mkdtempSync(join(tmpdir(), 'bench-end-'))
  const address = process.platform === 'win32' ? `\\\\.\\pipe\\bench-end-${process.pid}` : join(directory, 'end.sock')
  const server = net.createServer()
  /** @type {Promise<number>} */
  const closed = new Promise(resolve => {
    server.once('connection', socket => {
      socket.resume()
      socket.once('error', () => {})
      socket.once('close', () => resolve(now()))
    })
  })
  await new Promise(resolve => server.listen(address, () => resolve(undefined)))
  const granted = lock(name).then(async release => {
    const time = now()
    await release()
    return time
  })
  inherited = Promise.all([granted, closed]).then(times => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
    return { granted: times[0], closed: times[1] }
  })
  // Answered after the lock was asked for, on the same connection.
  await client.ping?.()
  return address
}

/** @returns when the lock was granted, and when the system had closed the holder's socket */
const afterHolder = () => inherited

/**
 * @param {PeerClient} client
 * @param {string} name
 */
async function hold(client, name) {
  await lockOf(client)(name)
}

/**
 * Connects to who is to be told of this process's end.
 *
 * @param {PeerClient} _client
 * @param {string} address
 */
async function tie(_client, address) {
  const socket = net.connect(address)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
}

module.exports = { lockWindow, lockRate, roundTrip, waitForHolder, afterHolder, hold, tie }
