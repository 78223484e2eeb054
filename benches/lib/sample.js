// @ts-check
'use strict'

/** Microseconds on a clock that all processes of this machine share. */
const now = () => Number(process.hrtime.bigint() / 100n) / 10

/**
 * @param {number[]} sample
 * @returns {{ p50: number, p99: number }}
 */
function percentiles(sample) {
  const sorted = Float64Array.from(sample).sort()
  const at = (/** @type {number} */ q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
  return { p50: at(0.5), p99: at(0.99) }
}

module.exports = { now, percentiles }
