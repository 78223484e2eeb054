// @ts-check
'use strict'

/**
 * The one shape behind which all peers stand.
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} about what the column is, for the reader of the table
 * @property {() => string | null} missing why this peer is left out, and how to get it; null: it is there
 * @property {string} [library] what its users load
 * @property {boolean} [esm] with `import`
 * @property {() => Promise<Server>} startServer
 * @property {(address: string, options: { inFlight: number }) => Promise<PeerClient>} connect `inFlight` tells how many requests it will carry
 * @property {boolean} [inHost] the server is a part of the process that runs the tests
 * @property {(address: string, count: number, ttl: number) => Promise<void>} [seed] fills the store, where the client is too slow for it
 * @property {string[]} [without] rows that make no sense for it
 * @property {boolean} [locks] it has locks
 * @property {boolean} [sharedWorkers] it has shared workers
 * @property {boolean} [topics] messages can be published and subscribed to
 * @property {boolean} [only] and nothing else
 * @property {number} [mostInFlight] what its client bears at once
 *
 * @typedef {object} Server
 * @property {string} address
 * @property {number} pid the process whose memory holds the items
 * @property {() => Promise<unknown>} stop
 *
 * @typedef {object} PeerClient
 * @property {(key: string) => Promise<any>} get
 * @property {(key: string, value: string, ttl: number) => Promise<any>} set
 * @property {(key: string) => Promise<any>} del
 * @property {(key: string, worker: string, ttl: number) => Promise<any>} lease
 * @property {(key: string, worker: string) => Promise<any>} release
 * @property {(key: string) => any} [getSync]
 * @property {(name: string) => Promise<() => Promise<any>>} [lock] resolves, when it is held, to what gives it back
 * @property {(topic: string, onMessage: () => void) => Promise<any>} [subscribe] resolves when messages come
 * @property {(topic: string, text: string) => Promise<any>} [publish]
 * @property {(topic: string) => Promise<any>} [answer] replies to each message with what it carries
 * @property {(topic: string, text: string) => Promise<any>} [request] resolves with the reply
 * @property {() => Promise<any>} [ping]
 * @property {() => Promise<number>} [usedMemory] bytes that the server says it uses
 * @property {() => Promise<void>} close
 */

/** @type {Peer[]} */
const peers = [
  require('./ours'),
  require('./core'),
  require('./ioredis'),
  require('./node-redis'),
  require('./wdio-shared-store'),
  require('./proper-lockfile'),
  require('./net-echo'),
  require('./ava')
]

/**
 * @param {string} name
 * @returns {Peer}
 */
function findPeer(name) {
  const peer = peers.find(candidate => candidate.name === name)
  if (!peer) throw new Error(`no such peer: ${name}`)
  return peer
}

module.exports = { peers, findPeer }
