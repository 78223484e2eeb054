// @ts-check
'use strict'

/** What the lower end of a terminal shows while tests run. */

const { harmless, widthOf } = require('../../cli/text.js')
const { fitted, grouped, growing } = require('./style.js')
const { STATUS } = require('./words.js')

/**
 * @typedef {import('./style.js').Piece} Piece
 * @typedef {InstanceType<typeof import('./progress.js').Progress>} Progress
 * @typedef {import('../../../run.js').TestStatus} TestStatus
 */

/** @type {readonly TestStatus[]} */
const COUNTED = ['passed', 'failed', 'timed_out', 'error', 'flaky', 'skipped', 'cached', 'not_run']

/**
 * @param {Progress} progress
 * @param {number} width
 * @returns {Piece[]}
 */
function bar({ counts, total }, width) {
  // Only a run that is done has a full bar.
  const share = total === 0 ? 0 : Math.min(1, counts.total / total)
  const full = share === 1 ? width : Math.min(width - 1, Math.floor(share * width))
  const style = counts.failed + counts.timed_out + counts.error > 0 ? 'red' : 'green'
  return [['━'.repeat(full), style], ['━'.repeat(width - full), 'dim'], [' ']]
}

/**
 * @param {Progress} progress
 * @param {number} columns
 * @returns {Piece[]}
 */
function head(progress, columns) {
  const { counts, total } = progress
  /** @type {Piece[]} */
  const pieces = columns < 50 ? [] : bar(progress, Math.min(30, Math.floor(columns / 5)))
  pieces.push([`${grouped(counts.total)}/${grouped(Math.max(total, counts.total))}`, 'bold'], [` ${growing(progress.now)}`])
  const { left } = progress
  if (left !== null) pieces.push([`, about ${growing(left + 999)} left`, 'dim'])
  for (const status of COUNTED) {
    if (counts[status] > 0) pieces.push(['  '], [`${grouped(counts[status])} ${STATUS[status].noun}`, STATUS[status].style])
  }
  return pieces
}

/**
 * One line for each worker that does something, in the workers' order.
 * @param {Progress} progress
 * @returns {Piece[][]}
 */
function workers({ running, starting, now }) {
  /** @type {Array<{ worker: number, since: number, pieces: Piece[] }>} */
  const lines = []
  for (const { worker, since, id, attempt, slow } of running.values()) {
    /** @type {Piece[]} */
    const pieces = [[harmless(id)]]
    if (attempt > 1) pieces.unshift([`attempt ${attempt} `, 'yellow'])
    if (slow) pieces.unshift(['SLOW ', 'yellow'])
    lines.push({ worker, since, pieces })
  }
  for (const { worker, since, what } of starting.values()) lines.push({ worker, since, pieces: [[harmless(what), 'dim']] })
  lines.sort((a, b) => a.worker - b.worker || a.since - b.since)
  const numbers = Math.max(0, ...lines.map(({ worker }) => String(worker).length))
  const times = lines.map(({ since }) => growing(now - since))
  const widest = Math.max(0, ...times.map(widthOf))
  return lines.map(({ worker, pieces }, at) => [
    [`  ${String(worker).padStart(numbers)} `, 'dim'],
    [`${times[at].padStart(widest)}  `, 'dim'],
    ...pieces
  ])
}

/**
 * @param {Progress} progress
 * @param {{ columns: number, rows: number }} size
 * @param {import('./style.js').Paint} paint
 */
function view(progress, { columns, rows }, paint) {
  // The last column stays free: terminals differ over where the cursor is after it. And the last lines that stay are to be seen too.
  const width = Math.max(1, columns - 1)
  const most = Math.max(0, rows - 4)
  let lines = workers(progress)
  if (lines.length > most) {
    const shown = Math.max(0, most - 1)
    lines = [...lines.slice(0, shown), [[`  … ${lines.length - shown} more`, 'dim']]]
  }
  if (progress.step !== null) lines.unshift([[`  ${progress.step}`, 'dim']])
  if (progress.stopping !== null) lines.unshift([[`  stopping: ${harmless(progress.stopping)}`, 'yellow']])
  return [head(progress, columns), ...lines].map(pieces => fitted(pieces, width, paint))
}

module.exports = { view }
