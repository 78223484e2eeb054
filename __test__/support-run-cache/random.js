// @ts-check
'use strict'

const { randomInt } = require('node:crypto')

/** The seed of a run of a property, printed where it fails: `RUN_CACHE_SEED` replays it. */
function seedOf() {
  return Number(process.env.RUN_CACHE_SEED ?? randomInt(2 ** 31))
}

/**
 * Mulberry32: numbers that a seed repeats.
 * @param {number} seed
 */
function randomOf(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (/** @type {number} */ end) => Math.floor(next() * end)
  /**
   * @template T
   * @param {readonly T[]} list
   */
  const pick = list => list[below(list.length)]
  return { below, pick }
}

/** @typedef {ReturnType<typeof randomOf>} Random */

module.exports = { randomOf, seedOf }
