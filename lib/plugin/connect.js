// @ts-check
'use strict'

const { connect: connectTo } = require('node:net')
const { setTimeout } = require('node:timers')
const { BrokerError } = require('../errors.js')
const { askHost } = require('../host-calls.js')

/** @typedef {InstanceType<typeof import('../client.js').Client>} Client */
/** @typedef {{ address: string, token: string, instance: string }} Place */

/** For a host whose own work keeps it from answering, in ms. */
const MOST_TO_ANSWER = 120_000
/** Between attempts, in ms. */
const FIRST_PAUSE = 2
const LONGEST_PAUSE = 100

/**
 * @param {Client} client
 * @param {string} filename
 * @param {string} [instance] the one that was to be reached
 * @returns {Promise<Place>}
 */
function locate(client, filename, instance) {
  return askHost(client, { kind: 'sharedWorker', action: 'open', filename, instance }, { timeout: MOST_TO_ANSWER })
}

/**
 * Connects to a program. It is tried again for as long as the program lives and is too busy to let anybody in.
 * @param {Client} client
 * @param {string} filename
 * @param {string} [instance] the one that let nobody in before
 * @returns {Promise<{ socket: import('node:net').Socket, place: Place }>}
 */
async function connect(client, filename, instance) {
  let place = await locate(client, filename, instance)
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return { socket: await attempt(place.address), place }
    } catch (error) {
      const { code = '' } = /** @type {NodeJS.ErrnoException} */ (error)
      if (!['EAGAIN', 'EBUSY', 'ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code)) {
        throw new BrokerError('connect_failed', `cannot connect to the shared worker ${filename} at ${place.address}`, { cause: error })
      }
      // A queue that is full says so; all else may be its end, of which the host knows.
      if (code !== 'EAGAIN') place = await locate(client, filename, place.instance)
      await new Promise(resolve => setTimeout(resolve, pause))
    }
  }
}

/**
 * @param {string} address
 * @returns {Promise<import('node:net').Socket>}
 */
function attempt(address) {
  return new Promise((resolve, reject) => {
    const socket = connectTo(address)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

module.exports = { connect }
