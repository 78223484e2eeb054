// @ts-check
'use strict'

/** `csv`: a line for each test, as RFC 4180 has it. */

const { writeReport } = require('./files.js')
const { decisive } = require('./words.js')

/** @typedef {import('../../../run.js').TestResult} TestResult */

/** @type {ReadonlyArray<readonly [string, (test: TestResult) => string | number | null | undefined]>} */
const COLUMNS = [
  ['id', test => test.id],
  ['project', test => test.project],
  ['group', test => test.group],
  ['file', test => test.file],
  ['name', test => test.name],
  ['tags', test => test.tags.join(' ')],
  ['repeat', test => test.repeat],
  ['status', test => test.status],
  ['durationMs', test => Math.round(test.duration)],
  ['attempts', test => test.attempts.length],
  ['worker', test => test.attempts.at(-1)?.worker],
  ['exitCode', test => test.attempts.at(-1)?.exitCode],
  ['signal', test => test.attempts.at(-1)?.signal],
  ['reason', test => test.reason ?? decisive(test)?.reason],
  ['why', test => test.why],
  ['log', test => test.attempts.at(-1)?.log]
]

/**
 * A text that a spreadsheet would take for a formula begins with an apostrophe instead: names of tests come from others.
 * @param {string | number | null | undefined} value
 */
function cell(value) {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const text = /^[\s\0]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * @param {import('./index.js').Context} context without an `output` it is written to the stream
 * @returns {import('./index.js').Reporter}
 */
function create({ stream, options }) {
  return {
    onEvent() {},
    async finish({ tests }) {
      const rows = [COLUMNS.map(([name]) => name), ...tests.map(test => COLUMNS.map(([, value]) => cell(value(test))))]
      const text = rows.map(row => `${row.join(',')}\r\n`).join('')
      if (options.output === undefined) stream.write(text)
      else await writeReport(options.output, text)
    }
  }
}

module.exports = { create }
