// @ts-check
'use strict'

/** What a run came to, for people: what to look at, and what to do next. */

const { harmless, some, span } = require('../../cli/text.js')
const { Exit } = require('./counts.js')
const { bracketed, grouped, painter, shown } = require('./style.js')
const { BAD, STATUS, framed, nameOf, reasonOf } = require('./words.js')

/**
 * @typedef {import('../../../run.js').RunResult} RunResult
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('../../../run.js').TestStatus} TestStatus
 * @typedef {import('./index.js').Context} Context
 * @typedef {import('./style.js').Paint} Paint
 */

/** Of lists that may be as long as the run. */
const MOST = { failures: 100, flaky: 20, groups: 12, reasons: 5, slowest: 5 }

/** @type {readonly TestStatus[]} */
const ORDER = ['passed', 'failed', 'timed_out', 'error', 'flaky', 'skipped', 'cached', 'not_run']

/**
 * @param {readonly string[]} lines
 * @param {number} most
 */
const first = (lines, most) => (lines.length <= most ? lines : [...lines.slice(0, most), `  … and ${grouped(lines.length - most)} more`])

/** @param {import('../../../run.js').Counts} counts */
const wrong = counts => counts.failed + counts.timed_out + counts.error + counts.not_run

/**
 * @param {RunResult} result
 * @param {Paint} paint
 * @param {boolean} all
 * @returns {string[]}
 */
function groups({ groups, ok }, paint, all) {
  const entries = Object.entries(groups)
  if (entries.length < 2) return []
  if (ok && !all) return [paint('green', '✓ All services passed')]
  const each = all || entries.length <= MOST.groups
  const lines = entries
    .filter(([, { counts }]) => each || wrong(counts) > 0)
    .map(([name, { passed, total, counts }]) => {
      const text = `${harmless(name)}: ${grouped(passed)}/${grouped(total)} passed`
      return wrong(counts) > 0 ? paint('red', `✗ ${text}`) : paint('green', `✓ ${text}`)
    })
  const whole = entries.length - lines.length
  return [
    ...first(lines, all ? lines.length : MOST.groups),
    ...(whole > 0 ? [paint('green', `✓ ${some(whole, 'other service')} passed`)] : [])
  ]
}

/**
 * @param {string} title
 * @param {readonly TestResult[]} tests
 * @param {number} most
 * @param {Paint} paint
 */
function list(title, tests, most, paint) {
  if (tests.length === 0) return []
  const lines = tests.map(test => {
    const { label, style } = STATUS[test.status]
    const reason = reasonOf(test)
    return `  ${paint(style, label.padEnd(7))} ${nameOf(test)}${reason === '' ? '' : paint('dim', `: ${reason}`)}`
  })
  return [paint('bold', title), ...first(lines, most), '']
}

/**
 * What was not run, by reason: it may be nearly all.
 * @param {readonly TestResult[]} tests
 * @param {Paint} paint
 */
function notRun(tests, paint) {
  /** @type {Map<string, number>} */
  const reasons = new Map()
  for (const test of tests) {
    if (test.status === 'not_run') reasons.set(reasonOf(test), (reasons.get(reasonOf(test)) ?? 0) + 1)
  }
  const lines = [...reasons].map(([reason, count]) => `  ${some(count, 'test')}${reason === '' ? '' : `: ${reason}`}`)
  return lines.length === 0 ? [] : [paint('bold', 'Not run'), ...first(lines, MOST.reasons), '']
}

/**
 * @param {readonly TestResult[]} tests
 * @param {Paint} paint
 */
function slowest(tests, paint) {
  const ran = tests.filter(test => test.attempts.length > 0).sort((a, b) => b.duration - a.duration)
  if (ran.length < 2) return []
  return [paint('bold', 'Slowest'), ...ran.slice(0, MOST.slowest).map(test => `  ${bracketed(test.duration)} ${nameOf(test)}`), '']
}

/**
 * @param {RunResult} result
 * @param {Context} context
 * @param {Paint} paint
 */
function errors(result, { cwd, terminal: { color } }, paint) {
  // Workers whose servers cannot start all say the same.
  const told = new Set()
  const isNews = (/** @type {string} */ output) => !told.has(output) && told.add(output)
  return result.errors.flatMap(({ message, output, log }) => [
    `${paint('red', '✗')} ${harmless(message)}`,
    ...(output?.trim() && isNews(output) ? framed('output', { output, log }, { paint, color, cwd }) : []),
    ''
  ])
}

/**
 * @param {RunResult} result
 * @param {Paint} paint
 */
function totals({ counts, duration, workers, shard, ok }, paint) {
  const parts = ORDER.filter(status => counts[status] > 0).map(status =>
    paint(STATUS[status].style, `${grouped(counts[status])} ${STATUS[status].noun}${status === 'cached' ? ', not run again' : ''}`)
  )
  const said = parts.length === 0 ? 'no tests' : parts.join(', ')
  const piece = shard === null ? '' : `, shard ${shard.index} of ${shard.count}`
  const sign = ok ? paint('green', '✓') : paint('red', '✗')
  return `${sign} ${grouped(counts.total)} tests: ${said}${paint('dim', ` in ${span(duration)} on ${some(workers, 'worker')}${piece}`)}`.replace(
    ' 1 tests:',
    ' 1 test:'
  )
}

/**
 * The one thing to do next.
 * @param {RunResult} result
 * @param {boolean} dirs whether workers had directories
 */
function next({ counts, exitCode, ok }, dirs) {
  if (exitCode === Exit.NO_TESTS)
    return 'ephemeral-broker run --list shows which tests there are; --pass-with-no-tests lets a run without any pass'
  if (wrong(counts) > 0) {
    return `ephemeral-broker run --last-failed runs only these again${dirs ? '; with --keep-dirs failure their directories are kept' : ''}`
  }
  if (exitCode === Exit.SETUP) return 'ephemeral-broker show-config shows what the run was told to do'
  return ok && counts.cached > 0 ? 'ephemeral-broker run --full runs the unchanged ones too' : null
}

/**
 * @param {RunResult} result
 * @param {Context} context
 * @param {{ logs: string, dirs: boolean, stopping: string | null }} seen `stopping`: why the run was ended before its end
 * @returns {string[]}
 */
function summary(result, context, { logs, dirs, stopping }) {
  const paint = painter(context.terminal.color)
  const verbose = context.verbosity === 'verbose'
  const quiet = context.verbosity === 'quiet'
  const { tests } = result
  const lines = [
    '',
    ...list(
      'Failed',
      tests.filter(test => BAD.includes(test.status)),
      MOST.failures,
      paint
    ),
    ...list('Flaky', quiet ? [] : tests.filter(test => test.status === 'flaky'), MOST.flaky, paint),
    ...notRun(tests, paint),
    ...(verbose ? slowest(tests, paint) : []),
    ...errors(result, context, paint),
    ...groups(result, paint, verbose),
    totals(result, paint)
  ]
  if (stopping !== null) lines.push(paint('yellow', `  stopped: ${harmless(stopping)}`))
  lines.push(...result.notes.map(note => paint('dim', `  ${harmless(note)}`)))
  if (logs !== '' && !(quiet && result.ok)) lines.push(paint('dim', `  logs: ${shown(logs, context.cwd)}`))
  for (const { name, output } of context.reports ?? []) lines.push(paint('dim', `  ${name}: ${shown(output, context.cwd)}`))
  const advice = next(result, dirs)
  if (advice !== null) lines.push(`  ${advice}`)
  return lines
}

module.exports = { summary }
