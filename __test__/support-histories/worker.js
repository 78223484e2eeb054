// @ts-check
'use strict'

// Does random operations until it is killed. Each is written down before it is asked and again once it is answered, with a time that
// all processes of the machine share, before anything else is done.

const fs = require('node:fs')
const { makeRandom } = require('../support-stress/support.js')
const { PERMITS } = require('./models.js')
const { speakClient, speakText } = require('./speak.js')

/** @typedef {import('./speak.js').Speaker} Speaker */
/** @typedef {{ name: string, input: any, learn?: (output: any) => void }} Step */

const { who, pipe, file, seed, kinds, keys, speaks } = JSON.parse(process.argv[2])
const random = makeRandom(seed)
const log = fs.openSync(file, 'a')
let count = 0

/** @template T @param {readonly T[]} of @returns {T} */
const pick = of => of[Math.floor(random() * of.length)]
/** Something that nobody else writes. */
const fresh = () => `${who}-${count}`
/** @param {object} entry */
const note = entry => fs.writeSync(log, `${JSON.stringify(entry)}\n`)
const now = () => String(process.hrtime.bigint())

/** How long it waits for what others hold, in ms: never for longer, so that all goes on. */
const waits = [0, 0, 2, 10, 30]

/** For each kind of thing a maker of steps, which knows what this process saw of it and holds. @type {Record<string, () => () => Step>} */
const kindsOfSteps = {
  register: () => {
    let version = 0
    return () => {
      const chance = random()
      if (chance < 0.4) return { name: 'get', input: {}, learn: output => (version = output.version) }
      if (chance < 0.6) return { name: 'set', input: { value: fresh() } }
      if (chance < 0.7) return { name: 'setIf', input: { value: fresh(), ifVersion: 0 } }
      if (chance < 0.92) return { name: 'setIf', input: { value: fresh(), ifVersion: version } }
      return { name: 'del', input: {} }
    }
  },
  counter: () => () => {
    const chance = random()
    if (chance < 0.75) return { name: 'incr', input: { by: pick([1, 1, 2, -1]) } }
    return { name: chance < 0.97 ? 'get' : 'del', input: {} }
  },
  lock: () => {
    let token = 0
    return () => {
      if (token > 0) return { name: 'release', input: { token }, learn: () => (token = 0) }
      return { name: 'lock', input: { shared: random() < 0.4, wait: pick(waits) }, learn: output => (token = output.token ?? 0) }
    }
  },
  semaphore: () => {
    let token = 0
    let held = 0
    return () => {
      if (held > 0) {
        const amount = 1 + Math.floor(random() * held)
        return { name: 'release', input: { token, amount, all: amount === held }, learn: () => (held -= amount) }
      }
      const amount = 1 + Math.floor(random() * PERMITS)
      const learn = (/** @type {any} */ output) => {
        if (output.failed) return
        token = output.token
        held = amount
      }
      return { name: 'acquire', input: { amount, wait: pick(waits) }, learn }
    }
  },
  lease: () => {
    /** @type {string[]} */
    const workers = []
    return () => {
      if (workers.length === 2 || (workers.length === 1 && random() < 0.5)) {
        return { name: 'release', input: { worker: workers[0] }, learn: () => workers.shift() }
      }
      const worker = `${who}/${count}`
      return { name: 'lease', input: { worker }, learn: () => workers.push(worker) }
    }
  },
  queue: () => {
    /** @type {Array<{ item: string, token: number }>} */
    const jobs = []
    let isEmpty = true
    return () => {
      const chance = random()
      if (jobs.length === 2 || (jobs.length === 1 && chance < 0.5)) {
        const name = pick(['ack', 'ack', 'ack', 'nack', 'release'])
        return { name, input: jobs[0], learn: () => jobs.shift() }
      }
      if (chance > (isEmpty ? 0.5 : 0.9)) {
        return {
          name: 'push',
          input: { items: random() < 0.5 ? [fresh()] : [`${fresh()}a`, `${fresh()}b`] },
          learn: () => (isEmpty = false)
        }
      }
      const learn = (/** @type {any} */ { item, token, none }) => {
        isEmpty = none === true
        if (!none) jobs.push({ item, token })
      }
      return { name: 'take', input: { wait: pick(waits) }, learn }
    }
  }
}

/** One after the other. @param {Speaker} speaker @param {string[]} kindsOfThese */
async function work(speaker, kindsOfThese) {
  const things = kindsOfThese.flatMap(kind =>
    Array.from({ length: keys }, (_, at) => ({ kind, key: `${kind} ${at}`, next: kindsOfSteps[kind]() }))
  )
  while (things.length > 0) {
    const { kind, key, next } = pick(things)
    const { name, input, learn } = next()
    const id = count++
    note({ id, at: now(), asks: { kind, key, name, input } })
    const output = await speaker.ask({ kind, key, name, input })
    note({ id, at: now(), output })
    learn?.(output)
  }
}

async function main() {
  const speaker = await (speaks === 'text' ? speakText : speakClient)(pipe, who)
  // The keeper of the history waits for this lock: it is granted when this process' end was noticed.
  const life = await speaker.ask({ kind: 'lock', key: `life of ${who}`, name: 'lock', input: { wait: 0 } })
  if (life.failed) throw new Error('somebody has this name')
  console.log('ready')
  // Two requests at a time on one connection, but for what a session can have only once.
  const several = kinds.filter((/** @type {string} */ kind) => !['lock', 'semaphore'].includes(kind))
  await Promise.all([work(speaker, kinds), work(speaker, several)])
}

main()
