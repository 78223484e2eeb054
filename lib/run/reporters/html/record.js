// @ts-check
'use strict'

/**
 * What a run's result does not say and its events do: when workers and servers started and ended, what the steps around the tests took, and
 * who waited for what. Times are milliseconds since the run began.
 */

/**
 * @typedef {import('../../../../run.d.ts').RunEvent} RunEvent
 * @typedef {{ step: string, worker: number | null, at: number, duration: number | null, error: string | null }} Step
 * @typedef {{ worker: number, at: number, duration: number, url: string | null }} Start
 * @typedef {{ worker: number, at: number, reason: string, replaced: boolean }} Loss
 * @typedef {{
 *   name: string, worker: number | null, at: number, ready: number | null, end: number | null, port: number | null, failure: string | null,
 *   restarting: boolean
 * }} Server
 * @typedef {{ id: string | null, worker: number | null, resource: string, at: number, duration: number }} Wait `at` is its beginning
 */

class Record {
  /** @type {string | null} */
  root = null
  /** @type {Step[]} */
  steps = []
  /** @type {Start[]} */
  starts = []
  /** @type {Loss[]} */
  losses = []
  /** @type {Server[]} */
  servers = []
  /** @type {Wait[]} */
  waits = []
  /** @type {Array<{ at: number, reason: string }>} */
  stops = []
  /** @type {Map<string, Server>} those that were started and have not ended, by name and worker */
  #running = new Map()
  /** @type {Map<string, Step>} */
  #open = new Map()

  /** @param {RunEvent} event */
  add(event) {
    switch (event.type) {
      case 'runStarted':
        this.root = event.root
        break
      case 'setupStarted':
      case 'setupFinished':
        this.#step(event)
        break
      case 'workerReady':
        this.starts.push({ worker: event.worker, at: event.at - event.duration, duration: event.duration, url: event.url })
        break
      case 'workerLost':
        this.losses.push({ worker: event.worker, at: event.at, reason: event.reason, replaced: event.replaced })
        break
      case 'serverStarted':
      case 'serverReady':
      case 'serverFailed':
      case 'serverStopped':
        this.#server(event)
        break
      case 'waited': {
        // It is told when it is over.
        const { id, worker, resource, duration } = event
        this.waits.push({ id, worker, resource, at: event.at - duration, duration })
        break
      }
      case 'stopping':
        this.stops.push({ at: event.at, reason: event.reason })
    }
  }

  /** @param {Extract<RunEvent, { type: 'setupStarted' | 'setupFinished' }>} event */
  #step(event) {
    const { step, worker } = event
    const key = `${step} ${worker}`
    if (event.type === 'setupStarted') {
      /** @type {Step} */
      const started = { step, worker, at: event.at, duration: null, error: null }
      this.#open.set(key, started)
      this.steps.push(started)
      return
    }
    const open = this.#open.get(key)
    const ended = { duration: event.duration, error: event.error?.message ?? null }
    if (open) Object.assign(open, ended)
    else this.steps.push({ step, worker, at: event.at - event.duration, ...ended })
    this.#open.delete(key)
  }

  /** @param {Extract<RunEvent, { type: 'serverStarted' | 'serverReady' | 'serverFailed' | 'serverStopped' }>} event */
  #server(event) {
    const key = `${event.worker} ${event.server}`
    const running = this.#running.get(key)
    if (event.type === 'serverReady') {
      if (running) running.ready = event.at
      return
    }
    // A start that is told while one runs ends that one: there is one of a name at a time.
    if (running && running.end === null) running.end = event.at
    this.#running.delete(key)
    if (event.type === 'serverStopped') return
    /** @type {Server} */
    const server =
      event.type === 'serverFailed' && running
        ? running
        : { name: event.server, worker: event.worker, at: event.at, ready: null, end: null, port: null, failure: null, restarting: false }
    if (event.type === 'serverFailed') Object.assign(server, { end: event.at, failure: event.reason, restarting: event.restarting })
    else Object.assign(server, { port: event.port })
    if (server !== running) this.servers.push(server)
    if (event.type === 'serverStarted') this.#running.set(key, server)
  }
}

module.exports = { Record }
