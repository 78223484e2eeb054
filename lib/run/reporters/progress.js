// @ts-check
'use strict'

/** How far a run is: what is done, what runs where, and how long the rest may take. */

const { noCounts } = require('./counts.js')

/**
 * @typedef {import('../../../run.js').RunEvent} RunEvent
 * @typedef {{ id: string, worker: number, attempt: number, since: number, expected: number | null, slow: boolean }} Running
 * @typedef {{ worker: number, what: string, since: number }} Starting
 */

/** Of so many tests, the last to have been started, the durations are taken for those that are still to come. */
const RECENT = 50

class Progress {
  counts = noCounts()
  total = 0
  workers = 0
  logs = ''
  /** Why the run is being stopped. @type {string | null} */
  stopping = null
  /** What the run does besides tests, such as globalSetup. @type {string | null} */
  step = null
  /** By test. @type {Map<string, Running>} */
  running = new Map()
  /** Workers on which no test can run yet. @type {Map<number, Starting>} */
  starting = new Map()
  /** Workers that were ready once: a server of theirs that is started again is all that they wait for. @type {Set<number>} */
  #ready = new Set()
  /** @type {Array<number | null>} */
  #recent = []
  #began = 0

  /** @param {() => number} clock milliseconds */
  constructor(clock) {
    this.clock = clock
  }

  /** Milliseconds since the run began. */
  get now() {
    return this.clock() - this.#began
  }

  /** @param {RunEvent} event */
  take(event) {
    switch (event.type) {
      case 'runStarted':
        this.#began = this.clock() - event.at
        this.total = event.total
        this.workers = event.workers
        this.logs = event.logs
        break
      case 'setupStarted':
        if (event.worker === null) this.step = event.step
        else this.#start(event.worker, event.step, event.at)
        break
      case 'setupFinished':
        if (event.worker === null) this.step = null
        else if (event.step === 'workerTeardown') this.starting.delete(event.worker)
        break
      case 'serverStarted':
        if (event.worker !== null) this.#start(event.worker, `${event.server} is starting`, event.at)
        break
      case 'serverReady':
      case 'serverStopped':
        if (event.worker !== null && this.#ready.has(event.worker)) this.starting.delete(event.worker)
        break
      case 'serverFailed':
        if (event.worker !== null && !event.restarting) this.starting.delete(event.worker)
        break
      case 'workerReady':
        this.#ready.add(event.worker)
        this.starting.delete(event.worker)
        break
      case 'workerLost':
        this.#ready.delete(event.worker)
        this.starting.delete(event.worker)
        break
      case 'testStarted':
        this.#testStarted(event)
        break
      case 'testSlow':
        for (const test of this.running.values()) if (test.id === event.id && test.worker === event.worker) test.slow = true
        break
      case 'attemptFinished':
        this.running.delete(keyOf(event))
        break
      case 'testFinished':
        this.running.delete(keyOf(event.result))
        this.counts.total++
        this.counts[event.result.status]++
        break
      case 'stopping':
        this.stopping = event.reason
        break
    }
  }

  /**
   * @param {number} worker
   * @param {string} what
   * @param {number} at
   */
  #start(worker, what, at) {
    this.starting.set(worker, { worker, what, since: this.starting.get(worker)?.since ?? at })
  }

  /** @param {Extract<RunEvent, { type: 'testStarted' }>} event */
  #testStarted(event) {
    const { id, worker, attempt, at, expected } = event
    this.starting.delete(worker)
    this.running.set(keyOf(event), { id, worker, attempt, since: at, expected, slow: false })
    this.#recent.push(expected)
    if (this.#recent.length > RECENT) this.#recent.shift()
  }

  /**
   * How long the rest takes (ms), or null where there is no saying. The longest tests are started first, so those to come take no longer than the
   * last to have been started.
   */
  get left() {
    const known = this.#recent.filter(expected => expected !== null)
    const waiting = this.total - this.counts.total - this.running.size
    if (this.stopping !== null || this.workers === 0 || waiting < 0 || known.length * 2 < this.#recent.length || known.length === 0)
      return null
    let work = waiting * (known.reduce((sum, each) => sum + each, 0) / known.length)
    let longest = 0
    for (const { expected, since } of this.running.values()) {
      const rest = expected === null ? 0 : expected - (this.now - since)
      // It takes longer than ever, and nobody knows how much longer.
      if (rest < 0 && waiting === 0) return null
      work += Math.max(rest, 0)
      longest = Math.max(longest, rest)
    }
    const left = Math.max(work / Math.max(1, this.workers), longest)
    return left > 0 ? left : null
  }
}

/** @param {{ id: string, repeat: number }} test */
const keyOf = ({ id, repeat }) => `${repeat} ${id}`

module.exports = { Progress }
