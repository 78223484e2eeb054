// @ts-check
'use strict'

const { setTimeout: delay } = require('node:timers/promises')

/**
 * Looks again and again until it is so.
 * @template T
 * @param {() => T} look
 * @param {string} what for the error
 * @param {number} [patience] ms
 * @returns {Promise<Awaited<T>>} what it saw
 */
async function until(look, what, patience = 20_000) {
  const deadline = performance.now() + patience
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patience} ms`)
    await delay(20)
  }
}

module.exports = { until }
