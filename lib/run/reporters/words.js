// @ts-check
'use strict'

/** How results are called, and a failure in full: the same in all reporters for people. */

const { harmless, some } = require('../../cli/text.js')
const { bracketed, grouped, shown, tail } = require('./style.js')

/**
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('../../../run.js').AttemptResult} AttemptResult
 * @typedef {import('../../../run.js').TestStatus} TestStatus
 * @typedef {import('./style.js').Style} Style
 * @typedef {import('./style.js').Paint} Paint
 */

/** @type {Record<TestStatus, { label: string, style: Style, noun: string }>} */
const STATUS = {
  passed: { label: 'PASS', style: 'green', noun: 'passed' },
  failed: { label: 'FAIL', style: 'red', noun: 'failed' },
  timed_out: { label: 'TIMEOUT', style: 'red', noun: 'timed out' },
  error: { label: 'ERROR', style: 'red', noun: 'in error' },
  flaky: { label: 'FLAKY', style: 'yellow', noun: 'flaky' },
  skipped: { label: 'SKIP', style: 'cyan', noun: 'skipped' },
  cached: { label: 'CACHED', style: 'cyan', noun: 'unchanged' },
  not_run: { label: 'NOT RUN', style: 'yellow', noun: 'not run' }
}

/** @type {readonly TestStatus[]} */
const BAD = ['failed', 'timed_out', 'error']

/** How many lines of an output are shown; its log has the rest. */
const MOST_LINES = 50

/**
 * The attempt that says why: the last that did not pass.
 * @param {TestResult} test
 * @returns {AttemptResult | undefined}
 */
const decisive = test => test.attempts.findLast(({ status }) => status !== 'passed')

/**
 * Why a test ended as it did, in one line; empty where there is nothing to say.
 * @param {TestResult} test
 */
function reasonOf(test) {
  const reason = test.reason ?? decisive(test)?.reason ?? ''
  return harmless(reason.trim().split('\n', 1)[0])
}

/** @param {TestResult} test with `--repeat`, which of the runs it was */
const nameOf = test => harmless(test.id) + (test.repeat > 1 ? ` (repeat ${test.repeat})` : '')

/**
 * @param {string} label
 * @param {Style} style
 * @param {number | null} duration milliseconds
 * @param {string} text
 * @param {Paint} paint
 */
function line(label, style, duration, text, paint) {
  const time = duration === null ? ' '.repeat(11) : paint('dim', bracketed(duration))
  return `${paint(style, label.padEnd(7))} ${time} ${text}`
}

/**
 * An output behind a bar, so that it is told apart from what the run says itself.
 * @param {string} title
 * @param {{ output: string, log: string | null }} from
 * @param {{ paint: Paint, color: boolean, cwd: string }} context
 */
function framed(title, { output, log }, { paint, color, cwd }) {
  const { lines, total } = tail(output, { most: MOST_LINES, color })
  const where = log === null ? '' : `, all in ${shown(log, cwd)}`
  const cutTo = total > lines.length ? ` (the last ${lines.length} of ${grouped(total)} lines${where})` : ''
  const bar = paint('dim', '  │')
  return [`  ${paint('dim', `${title}${cutTo}`)}`, ...lines.map(each => (each === '' ? bar : `${bar} ${each}`))]
}

/**
 * What is to be known of an attempt that went wrong: how it ended, what it wrote, and what its servers wrote meanwhile.
 * @param {AttemptResult} attempt
 * @param {{ paint: Paint, color: boolean, cwd: string }} context
 * @returns {string[]}
 */
function details(attempt, context) {
  const lines = []
  if (attempt.output?.trim()) lines.push(...framed('output', { output: attempt.output, log: attempt.log }, context))
  else lines.push(`  ${context.paint('dim', 'no output')}`)
  for (const { name, output, log } of attempt.serverLogs) {
    if (output.trim() !== '') lines.push(...framed(`output of ${harmless(name)}`, { output, log }, context))
  }
  return lines
}

/**
 * A test that did not pass, in full.
 * @param {TestResult} test
 * @param {{ paint: Paint, color: boolean, cwd: string }} context
 * @returns {string[]}
 */
function failure(test, context) {
  const { paint, cwd } = context
  const { label, style } = STATUS[test.status]
  const attempt = decisive(test)
  const lines = [line(label, style, test.duration, paint('bold', nameOf(test)), paint)]
  const about = [reasonOf(test)]
  if (test.attempts.length > 1) about.push(some(test.attempts.length, 'attempt'))
  if (attempt !== undefined) {
    about.push(`worker ${attempt.worker}`)
    if (attempt.leaked) about.push('left processes behind')
    if (attempt.log) about.push(shown(attempt.log, cwd))
  }
  lines.push(`  ${about.filter(Boolean).join(', ')}`)
  if (attempt !== undefined) lines.push(...details(attempt, context))
  return [...lines, '']
}

module.exports = { BAD, STATUS, decisive, details, failure, framed, line, nameOf, reasonOf }
