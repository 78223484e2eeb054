// @ts-check
'use strict'

/** What is taken in a test, or outside of tests in a test file, and is to be given back when that is over. */

const { BrokerError } = require('../errors.js')
const { callsOf } = require('../internals.js')

/** @typedef {import('../../index.js').Client} Client */
/** @typedef {import('../../index.js').BrokerReport['leaked'][number]} Leak */

/** What belongs to a scope already: a lease that is renewed in a test is still that of whoever took it. @type {WeakMap<Client, Set<number>>} */
const known = new WeakMap()

class Scope {
  /** By token. @type {Map<number, { client: Client, isHeld: () => boolean }>} */
  #taken = new Map()
  #over = false

  /** @param {string | null} title of the test; null: outside of tests */
  constructor(title) {
    this.title = title
  }

  /**
   * @param {Client} client
   * @param {number} token
   */
  granted(client, token) {
    const owned = known.get(client) ?? new Set()
    known.set(client, owned)
    if (owned.has(token)) return
    const { holdings } = callsOf(client).connection
    // Of leases by name a client does not know whether they are released.
    const isHeld = holdings.has(token) ? () => holdings.has(token) : () => true
    if (this.#over) return void giveBack(client, token, this.title !== null)
    owned.add(token)
    this.#taken.set(token, { client, isHeld })
    // No test leaks it, also when the worker ends before the test file's end is told.
    if (this.title === null) callsOf(client).connection.tell(`"action":"keep","token":${token}`)
  }

  /**
   * Gives back what is held still. What a test did not release is noted as a leak.
   * @returns {Promise<Leak[]>}
   */
  async end() {
    this.#over = true
    const left = [...this.#taken].filter(([, { isHeld }]) => isHeld())
    for (const [token, { client }] of this.#taken) known.get(client)?.delete(token)
    this.#taken.clear()
    const leaks = await Promise.all(left.map(([token, { client }]) => giveBack(client, token, this.title !== null)))
    return leaks.filter(leak => leak !== null)
  }
}

/** @type {import('../operations.js').Operation} */
const leaking = { encode: token => `"action":"leak","token":${token}`, decode: reply => reply.leak ?? null }
/** @type {import('../operations.js').Operation} */
const releasing = { encode: token => `"action":"release","token":${token}`, decode: () => null }

/**
 * What the broker does not know any more, be it that it was released or that the connection is gone, was given back.
 * @param {Client} client
 * @param {number} token
 * @param {boolean} isLeak
 * @returns {Promise<Leak | null>}
 */
async function giveBack(client, token, isLeak) {
  if (!client.connected) return null
  const calls = callsOf(client)
  const leak = await calls.call(isLeak ? leaking : releasing, undefined, token).catch(() => null)
  if (calls.connection.holdings.has(token)) calls.connection.holdings.lose(token, over())
  return leak
}

const over = () => new BrokerError('lost', 'the test, or the test file, in which it was taken is over: it was given back')

module.exports = { Scope }
