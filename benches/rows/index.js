// @ts-check
'use strict'

/**
 * A measurement, made of every peer in turn, in rounds: what disturbs the machine then disturbs all of them.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {Line[] | ((scale: Scale) => Line[])} lines how it is shown
 * @property {(peer: import('../peers').Peer) => boolean} [fits]
 * @property {(scale: Scale) => number} [rounds]
 * @property {(context: Context, peer: import('../peers').Peer) => Promise<any>} [open] before the first round; warms up
 * @property {(state: any, context: Context, peer: import('../peers').Peer) => Promise<any>} measure one round's sample
 *
 * @typedef {{ title: string, cell: (samples: any[]) => string }} Line
 *
 * @typedef {object} Context
 * @property {Scale} scale
 * @property {(peer: import('../peers').Peer) => Promise<Host>} server starts one of the row's own
 * @property {(peer: import('../peers').Peer, inFlight: number, host?: Host) => Promise<import('../lib/rpc').Remote>} client connects a
 *   process, to the peer's common server if to no other
 *
 * @typedef {import('../lib/rpc').Remote & { address: string }} Host
 *
 * @typedef {object} Scale
 * @property {number} rounds
 * @property {number} requests one at a time, in a round
 * @property {number} window how long throughput is measured, in ms
 * @property {number} openLoop requests
 * @property {number} items what stands for a million
 * @property {number} waiters what stands for 100,000
 * @property {number} kills in a round
 * @property {number} processes fresh ones, for each figure of starting up
 * @property {number} tests of the largest run
 */

/** @type {Row[]} */
const rows = [
  ...require('./latency'),
  ...require('./in-flight'),
  ...require('./workers'),
  ...require('./blocked'),
  ...require('./million'),
  ...require('./locks'),
  ...require('./messages'),
  ...require('./startup'),
  ...require('./blocking'),
  ...require('./shared-workers'),
  ...require('./integrations'),
  ...require('./run')
]

module.exports = { rows }
