// @ts-check
'use strict'

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Three significant digits at most, and no more decimals than make sense. */
const figure = (/** @type {number} */ value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

/** Events a second. */
const rate = (/** @type {number} */ value) =>
  value >= 1e6 ? `${(value / 1e6).toFixed(2)} M` : value >= 1e3 ? `${(value / 1e3).toFixed(value >= 1e4 ? 0 : 1)} k` : value.toFixed(0)

const count = (/** @type {number} */ value) => (value >= 1e6 ? `${value / 1e6} M` : `${value / 1e3} k`)

/** @param {Array<{ p50: number, p99: number }>} samples */
const perRequest = samples =>
  [median(samples.map(each => each.p50)), median(samples.map(each => each.p99))].map(value => value.toFixed(0)).join(' / ')

/**
 * A Markdown table whose columns stand under each other in a terminal too.
 *
 * @param {string[]} head
 * @param {string[][]} body
 */
function table(head, body) {
  const widths = head.map((title, column) => Math.max(title.length, ...body.map(cells => cells[column].length)))
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...body.map(line)].join('\n')
}

module.exports = { median, figure, rate, count, perRequest, table }
