// @ts-check
'use strict'

/** Sizes in memory as people write them: powers of 1024. */

const UNITS = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
const ALLOWED = 'a number of bytes, or a text like "512mb" or "2gb"'

/**
 * @param {unknown} value a number of bytes, or a text; one without a unit is bytes too
 * @returns {number | null} whole bytes; null: that is no size
 */
function parseSize(value) {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null
  const [, amount, unit] = (typeof value === 'string' && /^(\d+(?:\.\d+)?) ?(?:b|(?:([kmgt])i?b?))?$/i.exec(value)) || []
  if (amount === undefined) return null
  const bytes = Math.round(Number(amount) * UNITS[/** @type {keyof typeof UNITS} */ (unit?.toLowerCase() ?? '')])
  return Number.isSafeInteger(bytes) ? bytes : null
}

module.exports = { ALLOWED, parseSize }
