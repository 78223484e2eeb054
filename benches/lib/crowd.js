// @ts-check
'use strict'

// Many that wait for one lock, at the wire: a client's own bookkeeping of them is not to be measured.

const net = require('node:net')
const { now, percentiles } = require('./sample')

const NAME = 'crowded'
const SESSIONS = 4
/** How many a session asks for at once. */
const BLOCK = 1000

/** A session that sends lines, and hands each reply to who is next. */
class Session {
  /** @type {Map<number, (reply: any) => void>} */
  #pending = new Map()
  #lastId = 0
  #rest = ''

  /** @param {string} address @param {(reply: any) => void} onGrant */
  constructor(address, onGrant) {
    this.socket = net.connect(address).setEncoding('utf8').setNoDelay()
    this.socket.on('error', () => {})
    this.socket.on('data', (/** @type {string} */ chunk) => {
      const lines = (this.#rest + chunk).split('\n')
      this.#rest = /** @type {string} */ (lines.pop())
      for (const line of lines) {
        const reply = JSON.parse(line)
        const resolve = this.#pending.get(reply.id)
        this.#pending.delete(reply.id)
        if (resolve) resolve(reply)
        else onGrant(reply)
      }
    })
  }

  /** @param {object} request */
  ask(request) {
    return new Promise(resolve => {
      this.#pending.set(++this.#lastId, resolve)
      this.socket.write(`${JSON.stringify({ id: this.#lastId, ...request })}\n`)
    })
  }

  /** Asks for the lock so often, and waits for none of them. @param {number} count */
  queue(count) {
    let lines = ''
    for (let i = 0; i < count; i++) lines += `{"id":${++this.#lastId},"action":"lock","name":"${NAME}"}\n`
    this.socket.write(lines)
    // Answered when all of these have been read.
    return this.ask({ action: 'ping' })
  }
}

/**
 * How long it takes from giving the lock back to its grant to the next, while so many wait.
 *
 * @param {string} address
 * @param {number} waiters
 * @param {number} grants
 */
async function crowd(address, waiters, grants) {
  /** @type {(grant: any) => void} */
  let granted = () => {}
  let refused = ''
  const next = () =>
    new Promise(resolve => {
      granted = resolve
    })
  /** @type {Session[]} */
  const sessions = []
  for (let i = 0; i < SESSIONS; i++) {
    const session = new Session(address, reply => {
      if (!reply.ok) refused = reply.message
      granted({ session, ...reply })
    })
    const hello = await session.ask({ action: 'hello', protocol: 1, pid: process.pid, name: `crowd-${i}` })
    if (!hello.ok) throw new Error(hello.message)
    sessions.push(session)
  }
  const first = next()
  await sessions[0].queue(1)
  let holder = await first
  // The first holds it: it would be told that nothing is re-entrant.
  const others = sessions.slice(1)
  for (let asked = 0; asked < waiters; asked += BLOCK) {
    await others[(asked / BLOCK) % others.length].queue(Math.min(BLOCK, waiters - asked))
  }
  /** @type {number[]} */
  const sample = []
  for (let i = 0; i < grants; i++) {
    const grant = next()
    const start = now()
    const released = holder.session.ask({ action: 'release', token: holder.token })
    const following = await grant
    sample.push(now() - start)
    await released
    if (refused) throw new Error(refused)
    holder = following
    // Another one waits instead.
    await sessions.find(session => session !== following.session)?.queue(1)
  }
  for (const session of sessions) session.socket.destroy()
  return percentiles(sample)
}

module.exports = { crowd }
