// @ts-check
'use strict'

/** Chance that can be had again. */

/** @param {number} seed */
function chance(seed) {
  let state = seed >>> 0
  /** From 0 up to, not including, 1. */
  function next() {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    /** @template T @param {readonly T[]} list @returns {T} */
    one: list => list[Math.floor(next() * list.length)]
  }
}

module.exports = { chance }
