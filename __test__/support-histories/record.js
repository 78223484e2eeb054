// @ts-check
'use strict'

/** Makes a history: workers in processes of their own that are killed at random, each followed by another. */

const fs = require('node:fs')
const path = require('node:path')
const { makeFolder, makeRandom, run, within } = require('../support-stress/support.js')
const { PERMITS } = require('./models.js')
const { speakText } = require('./speak.js')

/** @typedef {import('./checker.js').Operation} Operation */
/** @typedef {{ who: string, file: string, process: ReturnType<typeof run>, end: Operation | null }} Worker */

/** For `test`: what the processes write down must be of one clock. */
const sharedClock = {
  skip:
    process.platform !== 'linux' &&
    'needs process.hrtime() to be the same clock in all processes, which is known of Linux (CLOCK_MONOTONIC)'
}

const start = process.hrtime.bigint()
/** @param {bigint | string} time in ns */
const sinceStart = time => Number(BigInt(time) - start)
const now = () => sinceStart(process.hrtime.bigint())

/**
 * What a worker wrote down; what was never answered may have happened until its end was noticed.
 * @param {Worker} worker
 * @returns {Operation[]}
 */
function read({ who, file, end }) {
  if (!end) throw new Error(`${who} was not ended`)
  /** @type {Map<number, Operation>} */
  const operations = new Map()
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  // The last line may be half a line: its operation was not asked yet, or is as good as never answered.
  for (const line of lines.slice(0, -1)) {
    const { id, at, asks, output } = JSON.parse(line)
    if (asks) {
      operations.set(id, { process: who, ...asks, invoked: sinceStart(at), output: undefined, returned: end.returned, before: end })
    } else {
      Object.assign(/** @type {Operation} */ (operations.get(id)), { output, returned: sinceStart(at) })
    }
  }
  return [...operations.values()]
}

/** The end of a process is an operation on each key that it worked on. @param {Operation[]} operations @param {Operation} end */
function withEnd(operations, end) {
  /** @type {Map<string, Operation>} */
  const ends = new Map()
  for (const operation of operations) {
    const { kind, key } = operation
    const mine = ends.get(key) ?? { ...end, kind, key }
    ends.set(key, mine)
    operation.before = mine
  }
  return [...operations, ...ends.values()]
}

/** What is asked in the end, when all have gone. @type {Record<string, (ask: (name: string, input: any) => Promise<any>) => Promise<void>>} */
const lastQuestions = {
  register: async ask => void (await ask('get', {})),
  counter: async ask => void (await ask('get', {})),
  lock: async ask => {
    const { token } = await ask('lock', { shared: false, wait: 0 })
    if (token) await ask('release', { token })
  },
  semaphore: async ask => {
    const { token } = await ask('acquire', { amount: PERMITS, wait: 0 })
    if (token) await ask('release', { token, amount: PERMITS, all: true })
  },
  lease: async ask => {
    await ask('lease', { worker: 'the last/0' })
    await ask('release', { worker: 'the last/0' })
  },
  queue: async ask => {
    await ask('push', { items: ['the last'] })
    for (;;) {
      const { none, item, token } = await ask('take', { wait: 0 })
      if (none) break
      await ask('ack', { item, token })
    }
    await ask('done', {})
  }
}

/**
 * @typedef {object} Recording
 * @property {string} pipe where the broker is
 * @property {string} [workersPipe] where the workers look for it
 * @property {string[]} kinds of things that they work on
 * @property {number} [keys] how many of each
 * @property {number} seed
 * @property {number} [workers] how many at a time
 * @property {number} [ms] for how long
 */

/** @param {Recording} recording */
async function record({ pipe, workersPipe = pipe, kinds, keys = 2, seed, workers = 5, ms = 1500 }) {
  const random = makeRandom(seed)
  const place = makeFolder()
  const keeper = await speakText(pipe, 'the last')
  /** @type {Worker[]} */
  const all = []
  let isOver = false

  const begin = async () => {
    if (isOver) throw new Error('another has failed')
    const at = all.length
    const who = `w${at}`
    const file = path.join(place.folder, who)
    const speaks = at % 2 === 0 ? 'text' : 'client'
    const config = { who, pipe: workersPipe, file, seed: seed + at, kinds, keys, speaks }
    const process = run(path.join(__dirname, 'worker.js'), [JSON.stringify(config)], { timeout: 30_000 })
    const worker = { who, file, process, end: null }
    all.push(worker)
    if ((await process.line()) !== 'ready') throw new Error(`${who} does not begin`)
    return worker
  }

  /** Kills a worker, and waits until the broker has noticed. @param {Worker} worker */
  const end = async worker => {
    const { who } = worker
    const invoked = now()
    worker.process.child.kill('SIGKILL')
    const question = { kind: 'lock', key: `life of ${who}`, name: 'lock', input: {} }
    await within(keeper.ask(question), 5000, `the broker notices the end of ${who}`)
    worker.end = { process: who, kind: '', key: '', name: 'end', input: {}, output: {}, invoked, returned: now() }
    const { signal, stderr } = await worker.process.ended
    if (signal !== 'SIGKILL' || stderr !== '') throw new Error(`${who} ended otherwise: ${signal} ${stderr}`)
  }

  /** One worker after the other. @param {Worker} worker @param {number} until */
  const lane = async (worker, until) => {
    for (;;) {
      const left = until - performance.now()
      await new Promise(resolve => setTimeout(resolve, Math.min(left, ms * (0.1 + 0.5 * random()))))
      await end(worker)
      if (performance.now() >= until) return
      worker = await begin()
    }
  }

  try {
    const first = await Promise.all(Array.from({ length: workers }, begin))
    const until = performance.now() + ms
    await Promise.all(first.map(worker => lane(worker, until)))
    const history = all.flatMap(worker => withEnd(read(worker), /** @type {Operation} */ (worker.end)))
    for (const kind of kinds) {
      for (let at = 0; at < keys; at++) {
        const key = `${kind} ${at}`
        await lastQuestions[kind](async (name, input) => {
          const invoked = now()
          const output = await keeper.ask({ kind, key, name, input })
          history.push({ process: 'the last', kind, key, name, input, output, invoked, returned: now() })
          return output
        })
      }
    }
    return { history, killed: all.length }
  } finally {
    isOver = true
    for (const { process } of all) process.child.kill('SIGKILL')
    keeper.end()
    place.remove()
  }
}

module.exports = { record, sharedClock }
