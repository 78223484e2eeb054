// @ts-check
'use strict'

/** What a broker saw, in a line or a few, for people. What tests named is made harmless. */

const { harmless, some, span } = require('../cli/text.js')

/** @typedef {import('../../index.js').BrokerReport} BrokerReport */
/** @typedef {BrokerReport['leaked'][number]} Leak */

/** Names of this package's own. */
const OWN = 'ephemeral-broker/'
/** How many leaks are told one by one. */
const MOST = 20
/** A wait that nobody noticed is not worth a word, in ms. */
const NOTICED = 100

/**
 * @param {Leak} leak
 * @returns {string} `accounts 3, taken in 'logs in' by jest-worker-2 pid 4242`
 */
function leakText({ kind, name, number, test, worker, pid }) {
  const what = number === null ? `${kind} ${harmless(name)}` : `${harmless(name)} ${number}`
  const where = test === null ? '' : ` in '${harmless(test)}'`
  const who = worker === null ? '' : ` by ${harmless(worker)}${pid === null || worker === `pid-${pid}` ? '' : ` pid ${pid}`}`
  return `${what}, taken${where || who ? `${where}${who}` : ' by somebody'}`
}

/**
 * @param {readonly Leak[]} leaks
 * @param {number} [count] how many there are in all
 * @returns {string[]} a line for each, up to twenty
 */
function leakLines(leaks, count = leaks.length) {
  const lines = leaks.slice(0, MOST).map(leak => `ephemeral-broker: not released: ${leakText(leak)}`)
  const left = count - lines.length
  return left > 0 ? [...lines, `ephemeral-broker: and ${left} more`] : lines
}

/**
 * The end of a run in a line: how much of the pools was in use, the longest wait, how much was not released.
 * @param {BrokerReport} report
 * @param {{ leaks?: boolean }} [options] `leaks`: whether they are spoken of
 * @returns {string | null} null: there is nothing to say
 */
function summaryLine({ pools, longestWaits, leakedCount }, { leaks = true } = {}) {
  const peaks = pools
    .filter(({ name }) => !name.startsWith(OWN))
    .map(({ name, size, peak }) => `${harmless(name)} ${peak}${size === null ? '' : ` of ${size}`}`)
  const parts = peaks.length > 0 ? [`at most in use: ${peaks.join(', ')}`] : []
  const [longest] = longestWaits
  if (longest && (longest.waited >= NOTICED || peaks.length > 0)) parts.push(`longest wait: ${waitText(longest)}`)
  else if (peaks.length > 0) parts.push('nobody waited')
  if (leaks && (parts.length > 0 || leakedCount > 0)) parts.push(leakedCount === 0 ? 'no leaks' : some(leakedCount, 'leak'))
  return parts.length === 0 ? null : `ephemeral-broker: ${parts.join('; ')}`
}

/** @param {BrokerReport['longestWaits'][number]} wait */
function waitText({ kind, name, test, waited }) {
  const what = kind === 'pool' ? harmless(name) : `${kind} ${harmless(name)}`
  return `${span(waited)} for ${what}${test === null ? '' : ` in '${harmless(test)}'`}`
}

module.exports = { MOST, leakLines, leakText, summaryLine }
