// @ts-check
'use strict'

/** @typedef {import('./held.js').Hold} Hold */
/** @typedef {InstanceType<typeof import('./connection/holdings.js').Holdings>} Holdings */

/**
 * What is being made by `once` here: the innermost first. `running`: its function has not ended.
 * @typedef {{ pipe: string, key: string, running: boolean, outer: Making | null }} Making
 */

/**
 * A line of work: what is done one after another. What it holds it does not release while it waits.
 *
 * A line is an async context. It gets a new object with each thing that it asks for, so that what was started before knows nothing of what is asked later.
 */
class Flow {
  /** @type {Set<Hold>} */
  #held = new Set()
  /** @type {Making | null} */
  making

  /** @param {Flow} [from] */
  constructor(from) {
    if (from) for (const hold of from.#held) if (hold.holdings) this.#held.add(hold)
    this.making = from?.making ?? null
    /** Nothing is known of what its line did before. */
    this.isFirst = !from
  }

  /**
   * Takes note of what was granted.
   * @template T
   * @param {T} granted
   * @param {Holdings} [byHand] where it is to be noted that no function's end releases it
   */
  keep(granted, byHand) {
    for (const one of Array.isArray(granted) ? granted : [granted]) {
      if (!one) continue
      this.#held.add(one._hold)
      byHand?.takeByHand(one.token)
    }
    return granted
  }

  /**
   * The tokens of what it holds by a connection.
   * @param {Holdings} holdings the connection's
   */
  tokens(holdings) {
    const tokens = []
    for (const hold of this.#held) {
      if (hold.holdings === holdings) tokens.push(hold.token)
      else if (!hold.holdings) this.#held.delete(hold)
    }
    return tokens
  }
}

/** Loaded when needed. @type {import('node:async_hooks').AsyncLocalStorage<Flow> | null} */
let storage = null

function needStorage() {
  storage ??= new (require('node:async_hooks').AsyncLocalStorage)()
  return storage
}

/** The line of work that this is. */
function currentFlow() {
  return storage?.getStore()
}

/** One that begins with what the current one holds now. */
function forkFlow() {
  return new Flow(currentFlow())
}

/** The line of work goes on with what is asked for now. Side by side, others began before it, or begin with what was granted by then. */
function enterFlow() {
  const flow = forkFlow()
  needStorage().enterWith(flow)
  return flow
}

/**
 * @template T
 * @param {Flow} flow
 * @param {() => T} fn
 * @returns {T}
 */
function runFlow(flow, fn) {
  return needStorage().run(flow, fn)
}

module.exports = { Flow, currentFlow, forkFlow, enterFlow, runFlow }
