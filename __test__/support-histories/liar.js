// @ts-check
'use strict'

/** Stands between workers and a broker, hands on what each of them says, and now and then lies as a broker with a bug would. */

const { once } = require('node:events')
const net = require('node:net')
const { freePath } = require('../support/index.js')

/**
 * @typedef {object} Lie
 * @property {(request: any) => object | undefined} [answer] an answer that the broker did not give, to what it is not asked then
 * @property {(request: any, reply: any) => void} [hear] what the broker answered
 */

/** Tokens above this are of grants that were not. */
const MADE_UP = 1e12

/**
 * Kinds of lies. `chance` says whether it is time for one: `rate` of the times that there might be.
 * @type {Record<string, { kind: string, rate: number, make: (chance: () => boolean) => Lie }>}
 */
const lies = {
  'a read from a cache': {
    kind: 'register',
    rate: 0.05,
    make: chance => {
      /** @type {Map<string, any>} */
      const cache = new Map()
      return {
        answer: ({ action, key }) => (action === 'get' && cache.has(key) && chance() ? cache.get(key) : undefined),
        hear({ action, key }, reply) {
          if (action === 'get' && reply.ok && !cache.has(key)) cache.set(key, reply)
        }
      }
    }
  },
  'a write that is lost': {
    kind: 'register',
    rate: 0.05,
    make: chance => ({
      answer: ({ action, ifAbsent, ifVersion }) =>
        action === 'set' && !ifAbsent && ifVersion === undefined && chance() ? { ok: true } : undefined
    })
  },
  'a write on a condition that does not hold': {
    kind: 'register',
    rate: 0.05,
    make: chance => {
      let version = 0
      return {
        answer({ action, ifVersion }) {
          if (action !== 'set' || ifVersion === undefined || !chance()) return
          version += 1
          return { ok: true, set: true, version }
        },
        hear(_, reply) {
          version = Math.max(version, reply.version ?? 0)
        }
      }
    }
  },
  'an increment that is lost': {
    kind: 'counter',
    rate: 0.05,
    make: chance => {
      /** @type {Map<string, number>} */
      const values = new Map()
      return {
        answer({ action, key, by }) {
          const value = values.get(key)
          if (action === 'incr' && value !== undefined && chance()) return { ok: true, value: value + (by ?? 1) }
        },
        hear({ action, key }, { value }) {
          if (action === 'incr') values.set(key, value)
        }
      }
    }
  },
  'a lock with two holders': {
    kind: 'lock',
    rate: 0.05,
    make: chance => grants(chance, ({ action, shared }) => action === 'lock' && !shared)
  },
  'a permit too many': {
    kind: 'semaphore',
    rate: 0.05,
    make: chance => grants(chance, ({ action }) => action === 'semaphore')
  },
  'a number that somebody has': {
    kind: 'lease',
    rate: 0.05,
    make: chance => {
      /** @type {any} */
      let last
      /** @type {Set<string>} */
      const workers = new Set()
      return {
        answer({ action, workerId }) {
          if (action === 'lease' && last && chance()) {
            workers.add(workerId)
            return { ...last, token: last.token + 1 }
          }
          if (action === 'release' && workers.delete(workerId)) return { ok: true, released: true }
        },
        hear({ action }, reply) {
          if (action === 'lease') last = reply
        }
      }
    }
  },
  'an item that two have': {
    kind: 'queue',
    rate: 0.2,
    make: chance => {
      /** @type {any} */
      let last
      let made = MADE_UP
      return {
        answer({ action, token }) {
          if (action === 'take' && last && chance()) {
            made += 1
            return { ...last, token: made }
          }
          if (token > MADE_UP) return { ok: true, acked: true, nacked: true, released: true }
        },
        hear({ action }, reply) {
          if (action === 'take' && reply.item) last = reply
        }
      }
    }
  },
  'an ack that is lost': {
    kind: 'queue',
    rate: 0.2,
    make: chance => ({ answer: ({ action }) => (action === 'ack' && chance() ? { ok: true, acked: true } : undefined) })
  },
  'an item that is lost': {
    kind: 'queue',
    rate: 0.2,
    make: chance => ({ answer: ({ action }) => (action === 'push' && chance() ? { ok: true, length: 1 } : undefined) })
  }
}

/** Grants without asking. @param {() => boolean} chance @param {(request: any) => boolean} isFor @returns {Lie} */
function grants(chance, isFor) {
  let last = MADE_UP
  return {
    answer(request) {
      if (isFor(request) && chance()) {
        last += 1
        return { ok: true, token: last, waited: 0 }
      }
      if (request.token > MADE_UP) return { ok: true, released: true }
    }
  }
}

/**
 * Hands on lines. @param {net.Socket} from @param {net.Socket} to @param {(line: string) => boolean} passes
 */
function handOn(from, to, passes) {
  let rest = ''
  from.setEncoding('utf8').on('data', text => {
    const lines = (rest + text).split('\n')
    rest = /** @type {string} */ (lines.pop())
    const passed = lines.filter(passes)
    if (passed.length > 0) to.write(`${passed.join('\n')}\n`)
  })
  from.on('error', () => {})
  from.on('close', () => to.destroy())
}

/**
 * @param {import('node:test').TestContext} t
 * @param {string} pipe the broker's
 * @param {string} folder for its own
 * @param {Lie} lie
 */
async function startLiar(t, pipe, folder, lie) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set()
  const liar = { pipe: freePath(folder), told: 0 }
  const server = net.createServer(worker => {
    const broker = net.connect(pipe)
    sockets.add(worker).add(broker)
    /** @type {Map<number, any>} */
    const asked = new Map()
    handOn(worker, broker, line => {
      const request = JSON.parse(line)
      const isWork = !/^life of/.test(request.name)
      const answer = isWork ? lie.answer?.(request) : undefined
      if (answer) {
        liar.told += 1
        worker.write(`${JSON.stringify({ ...answer, id: request.id })}\n`)
        return false
      }
      if (isWork) asked.set(request.id, request)
      return true
    })
    handOn(broker, worker, line => {
      const reply = JSON.parse(line)
      const request = asked.get(reply.id)
      asked.delete(reply.id)
      if (request) lie.hear?.(request, reply)
      return true
    })
  })
  server.listen(liar.pipe)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  return liar
}

module.exports = { lies, startLiar }
