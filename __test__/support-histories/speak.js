// @ts-check
'use strict'

/** How an operation of a history is asked of a broker, and what of the answer belongs to the history: by the protocol's text, or by the package's client. */

const { once } = require('node:events')
const net = require('node:net')
const { Client } = require('../..')
const { MAX_ATTEMPTS, PERMITS } = require('./models.js')

/**
 * @typedef {{ kind: string, key: string, name: string, input: any }} Question
 * @typedef {{ ask: (question: Question) => Promise<any>, end: () => void }} Speaker
 */

/** What is not there is no value. @param {any} value */
const absent = value => (value === null ? undefined : value)

/** @type {Record<string, (key: string, input: any) => object>} */
const requests = {
  'register get': key => ({ action: 'get', key, version: true }),
  'register set': (key, { value }) => ({ action: 'set', key, value }),
  'register setIf': (key, { value, ifVersion }) => ({
    action: 'set',
    key,
    value,
    ...(ifVersion === 0 ? { ifAbsent: true } : { ifVersion })
  }),
  'register del': key => ({ action: 'del', key }),
  'counter get': key => ({ action: 'get', key }),
  'counter incr': (key, { by }) => ({ action: 'incr', key, by }),
  'counter del': key => ({ action: 'del', key }),
  'lock lock': (name, { shared, wait }) => ({ action: 'lock', name, shared, wait }),
  'lock release': (_, { token }) => ({ action: 'release', token }),
  'semaphore acquire': (name, { amount, wait }) => ({ action: 'semaphore', name, permits: PERMITS, amount, wait }),
  // In part where there is more to it.
  'semaphore release': (_, { token, amount, all }) => ({ action: 'release', token, ...(all ? {} : { amount }) }),
  'lease lease': (key, { worker }) => ({ action: 'lease', key, workerId: worker }),
  'lease release': (key, { worker }) => ({ action: 'release', key, workerId: worker }),
  'queue push': (queue, { items }) => ({ action: 'push', queue, items, maxAttempts: MAX_ATTEMPTS }),
  'queue take': (queue, { wait }) => ({ action: 'take', queue, wait }),
  'queue ack': (_, { token }) => ({ action: 'ack', token }),
  'queue nack': (_, { token }) => ({ action: 'nack', token, reason: 'as it is' }),
  'queue release': (_, { token }) => ({ action: 'release', token }),
  'queue done': queue => ({ action: 'done', queue, wait: 0 })
}

/** @param {Question} question @param {any} reply */
function outputOf({ kind, name }, reply) {
  const { ok, error } = reply
  if (!ok && name === 'get' && error === 'not_found') return kind === 'register' ? { version: 0 } : { value: null }
  if (!ok && ['lock', 'acquire', 'done'].includes(name) && ['timeout', 'deadlock'].includes(error)) return { failed: error }
  if (!ok) throw new Error(`${kind} ${name}: ${JSON.stringify(reply)}`)
  switch (`${kind} ${name}`) {
    case 'lease lease':
      return { number: reply.value, token: reply.token }
    case 'queue push':
      return {}
    case 'queue take':
      return reply.none ? { none: true } : { item: reply.item, attempt: reply.attempt, token: reply.token }
    case 'queue done':
      return { acked: reply.acked, failed: reply.failures.map((/** @type {any} */ failure) => failure.item) }
    default: {
      const { id: _id, ok: _ok, waited: _waited, expires: _expires, ...rest } = reply
      return rest
    }
  }
}

/** Lines of JSON. @param {string} pipe @param {string} who @returns {Promise<Speaker>} */
async function speakText(pipe, who) {
  const socket = net.connect(pipe)
  /** @type {Map<number, (reply: any) => void>} */
  const waiting = new Map()
  let rest = ''
  let count = 0
  socket.setEncoding('utf8').on('data', text => {
    const lines = (rest + text).split('\n')
    rest = /** @type {string} */ (lines.pop())
    for (const line of lines) {
      const reply = JSON.parse(line)
      waiting.get(reply.id)?.(reply)
      waiting.delete(reply.id)
    }
  })
  await once(socket, 'connect')
  const send = (/** @type {object} */ request) => {
    const id = count++
    socket.write(`${JSON.stringify({ id, ...request })}\n`)
    return /** @type {Promise<any>} */ (new Promise(resolve => waiting.set(id, resolve)))
  }
  const { ok } = await send({ action: 'hello', protocol: 1, pid: process.pid, name: who, process: who, thread: 0 })
  if (!ok) throw new Error('no session')
  return {
    ask: async question => outputOf(question, await send(requests[`${question.kind} ${question.name}`](question.key, question.input))),
    end: () => socket.destroy()
  }
}

/** @param {string} pipe @param {string} who @returns {Promise<Speaker>} */
async function speakClient(pipe, who) {
  const client = new Client(pipe, { name: who })
  /** What is held, by its token. @type {Map<number, any>} */
  const held = new Map()

  /** @param {Promise<any>} granted */
  const hold = async granted => {
    try {
      const grant = await granted
      held.set(grant.token, grant)
      return { token: grant.token }
    } catch (error) {
      const { code } = /** @type {any} */ (error)
      if (['timeout', 'deadlock'].includes(code)) return { failed: code }
      throw error
    }
  }
  /** @param {any} input @param {(grant: any) => Promise<boolean>} act */
  const settle = ({ token }, act) => act(held.get(token))
  /** @param {Promise<any>} read */
  const orNone = read =>
    read.catch(error => {
      if (error.code === 'not_found') return null
      throw error
    })

  /** @type {Record<string, (key: string, input: any) => Promise<any>>} */
  const calls = {
    'register get': async key => {
      const { value, version } = await client.getWithVersion(key)
      return { value: absent(value), version }
    },
    'register set': async (key, { value }) => {
      await client.set(key, value)
      return {}
    },
    'register setIf': async (key, { value, ifVersion }) => ({
      set: await client.set(key, value, ifVersion === 0 ? { ifAbsent: true } : { ifVersion })
    }),
    'register del': async key => ({ deleted: await client.del(key) }),
    'counter get': async key => ({ value: await orNone(client.get(key)) }),
    'counter incr': async (key, { by }) => ({ value: await client.incr(key, by) }),
    'counter del': async key => ({ deleted: await client.del(key) }),
    'lock lock': (name, { shared, wait }) => hold(client.lock(name, { shared, wait })),
    'lock release': async (_, input) => ({ released: await settle(input, grant => grant.release()) }),
    'semaphore acquire': (name, { amount, wait }) => hold(client.semaphore(name, PERMITS).acquire({ amount, wait })),
    'semaphore release': async (_, input) => ({
      released: await settle(input, grant => (input.all ? grant.release() : grant.release(input.amount)))
    }),
    'lease lease': async (key, { worker }) => ({ number: await client.lease(key, worker) }),
    'lease release': async (key, { worker }) => ({ released: await client.release(worker, key) }),
    'queue push': async (name, { items }) => {
      await client.queue(name, { maxAttempts: MAX_ATTEMPTS }).push(...items)
      return {}
    },
    'queue take': async (name, { wait }) => {
      const job = await client.queue(name, { maxAttempts: MAX_ATTEMPTS }).take({ wait })
      if (job === null) return { none: true }
      held.set(job.token, job)
      return { item: job.value, attempt: job.attempt, token: job.token }
    },
    'queue ack': async (_, input) => ({ acked: await settle(input, job => job.ack()) }),
    'queue nack': async (_, input) => ({ nacked: await settle(input, job => job.nack('as it is')) }),
    'queue release': async (_, input) => ({ released: await settle(input, job => job.release()) })
  }
  return { ask: ({ kind, key, name, input }) => calls[`${kind} ${name}`](key, input), end: () => client.close() }
}

module.exports = { speakClient, speakText }
