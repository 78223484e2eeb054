// @ts-check
'use strict'

// The tests of which runs are measured.

const { mkdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

/** Random numbers that are the same each time (mulberry32), from 0 to 1. */
function randomFrom(/** @type {number} */ seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Durations of which a few make up most of the sum: log-normal, in milliseconds. The shortest come first, so that who takes them as they come
 * has the longest at the end.
 *
 * @param {number} count
 */
function skewed(count) {
  const random = randomFrom(1)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const durations = Array.from({ length: count }, () => Math.round(Math.min(400, Math.max(5, 30 * Math.exp(1.2 * normal())))))
  return durations.sort((a, b) => a - b)
}

const named = (/** @type {number} */ count) => Array.from({ length: count }, (_, index) => ({ name: `test-${index}` }))

/**
 * @param {string} program what each test runs
 * @param {number} count
 * @param {import('../../run.js').RunConfig} [more]
 * @returns {import('../../run.js').RunConfig}
 */
const manyTests = (program, count, more) => ({ workers: 2, mode: 'test', tests: named(count), run: [program, '{test}'], ...more })

/**
 * @param {number[]} durations in milliseconds
 * @returns {import('../../run.js').RunConfig}
 */
const sleeping = durations => ({
  workers: 2,
  mode: 'test',
  tests: durations.map((duration, index) => ({ name: `test-${index}`, run: ['sleep', String(duration / 1000)] }))
})

/**
 * Files of two kilobytes, in folders of a hundred.
 *
 * @param {string} folder
 * @param {number} count
 */
function writeInputs(folder, count) {
  for (let index = 0; index < count; index++) {
    const place = join(folder, 'src', `part-${Math.floor(index / 100)}`)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, `file-${index}.js`), `// ${index}\n`.repeat(200))
  }
}

module.exports = { manyTests, skewed, sleeping, writeInputs }
