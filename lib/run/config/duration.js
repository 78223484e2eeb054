// @ts-check
'use strict'

/** Times as people write them. */

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const ALLOWED = 'a number of milliseconds, or a text like "500ms", "10s", "1m30s" or "2h"'

/**
 * @param {unknown} value a number of milliseconds, or a text; one without a unit is milliseconds too
 * @returns {number | null} whole milliseconds; null: that is no time
 */
function parseDuration(value) {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value) : null
  if (typeof value !== 'string') return null
  if (/^\d+$/.test(value)) return safe(Number(value))
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(value)) return null
  let total = 0
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * UNITS[/** @type {keyof typeof UNITS} */ (unit)]
  }
  return safe(Math.round(total))
}

/** @param {number} number */
function safe(number) {
  return Number.isSafeInteger(number) ? number : null
}

/**
 * The shortest text that means this time.
 * @param {number} ms whole milliseconds
 */
function formatDuration(ms) {
  if (ms === 0) return '0ms'
  let rest = ms
  let text = ''
  for (const [unit, size] of /** @type {const} */ ([
    ['d', UNITS.d],
    ['h', UNITS.h],
    ['m', UNITS.m],
    ['s', UNITS.s],
    ['ms', UNITS.ms]
  ])) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text
}

module.exports = { ALLOWED, formatDuration, parseDuration }
