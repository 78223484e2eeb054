// @ts-check
'use strict'

/** What is said of a broker beforehand, in a config or in options: its rates and its first values. */

/** @typedef {import('../index.js').Client} Client */

/** A year: while the run lasts. */
const FOR_THE_RUN = 365 * 24 * 60 * 60 * 1000

/**
 * Declares rates. A rate a second is what `throttle(name)` means in tests; one a minute besides has a name of its own.
 * @param {Client} client
 * @param {Record<string, import('../run.js').RateLimit>} rates
 * @returns {Promise<Map<string, string[]>>} the limits of the broker that make up each rate
 */
async function declareRates(client, rates) {
  /** @type {Map<string, string[]>} */
  const declared = new Map()
  for (const [name, { perSecond, perMinute, burst }] of Object.entries(rates)) {
    const limits = []
    if (perSecond !== undefined) limits.push({ name, ...rate(perSecond, 1000), burst })
    if (perMinute !== undefined) limits.push({ name: limits.length === 0 ? name : `${name}/minute`, ...rate(perMinute, 60_000), burst })
    for (const { name: limit, ...terms } of limits) await client.limit(limit, terms)
    declared.set(
      name,
      limits.map(limit => limit.name)
    )
  }
  return declared
}

/**
 * Sets values for as long as the run lasts.
 * @param {Client} client
 * @param {Record<string, unknown>} values
 * @param {{ ifAbsent?: boolean }} [options] `ifAbsent`: those that there are already stay as they are
 */
async function declareValues(client, values, options) {
  for (const [name, value] of Object.entries(values)) await client.set(name, value, { ttl: FOR_THE_RUN, ...options })
}

/**
 * A limit counts in whole numbers: half a start a second is one in two.
 * @param {number} count
 * @param {number} per ms
 */
function rate(count, per) {
  return count >= 1 ? { max: Math.floor(count), per: (per * Math.floor(count)) / count } : { max: 1, per: per / count }
}

module.exports = { declareRates, declareValues }
