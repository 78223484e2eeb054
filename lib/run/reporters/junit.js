// @ts-check
'use strict'

/**
 * `junit`: XML as Jenkins and Maven Surefire know it. A suite for each project and group; attempts that failed before the last as `flakyFailure`
 * or `rerunFailure`. A test that was not run is an error: readers take what is skipped for green.
 */

const { countsOf } = require('./counts.js')
const { writeReport } = require('./files.js')
const { decisive } = require('./words.js')
const { document, element } = require('./xml.js')

/**
 * @typedef {import('../../../run.js').RunResult} RunResult
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('../../../run.js').AttemptResult} AttemptResult
 */

/** The order in which Surefire's schema wants the parts of a test. */
const ORDER = ['failure', 'rerunFailure', 'flakyFailure', 'skipped', 'error', 'rerunError', 'flakyError', 'system-out', 'system-err']

/** @param {number} ms */
const seconds = ms => (ms / 1000).toFixed(3)

/** @param {AttemptResult} attempt */
const isError = attempt => attempt.status === 'error' || attempt.status === 'cancelled'

/** @param {AttemptResult} attempt what its servers wrote */
const serverOutput = ({ serverLogs }) =>
  serverLogs
    .filter(({ output }) => output !== '')
    .map(({ name, output }) => `[${name}]\n${output}`)
    .join('\n')

/**
 * An attempt that another one followed.
 * @param {'rerun' | 'flaky'} kind
 * @param {AttemptResult} attempt
 */
function again(kind, attempt) {
  const reason = attempt.reason ?? attempt.status
  const servers = serverOutput(attempt)
  const content = element('stackTrace', {}, reason)
  if (attempt.output) content.push(...element('system-out', {}, attempt.output))
  if (servers !== '') content.push(...element('system-err', {}, servers))
  return part(`${kind}${isError(attempt) ? 'Error' : 'Failure'}`, { message: reason, type: attempt.status }, content)
}

/**
 * @param {string} name
 * @param {Record<string, string | null>} attributes
 * @param {string | readonly string[]} [content]
 */
const part = (name, attributes, content) => ({ name, lines: element(name, attributes, content) })

/**
 * What a test that did not pass is shown as: the attempt that says why, the others beside it, and what it wrote.
 * @param {TestResult} test
 */
function unsuccessful(test) {
  const { status, attempts } = test
  const main = decisive(test)
  const reason = test.reason ?? main?.reason ?? status
  const name = status === 'failed' || status === 'timed_out' ? 'failure' : 'error'
  const parts = [part(name, { message: reason, type: status }, main?.output || reason)]
  for (const attempt of attempts) {
    if (attempt !== main && attempt.status !== 'passed' && attempt.status !== 'skipped') parts.push(again('rerun', attempt))
  }
  if (main?.output) parts.push(part('system-out', {}, main.output))
  const servers = main === undefined ? '' : serverOutput(main)
  if (servers !== '') parts.push(part('system-err', {}, servers))
  return parts
}

/** @param {TestResult} test */
function partsOf(test) {
  const { status, attempts, reason } = test
  if (status === 'passed' || status === 'cached') return []
  if (status === 'skipped') return [part('skipped', { message: reason ?? decisive(test)?.reason ?? null })]
  if (status === 'flaky') return attempts.filter(attempt => attempt.status !== 'passed').map(attempt => again('flaky', attempt))
  return unsuccessful(test)
}

/** @param {TestResult} test */
function testcase(test) {
  const parts = partsOf(test).sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name))
  const name = (test.name ?? test.file ?? test.id) + (test.repeat > 1 ? ` (repeat ${test.repeat})` : '')
  const attributes = { name, classname: test.file ?? test.group, time: seconds(test.duration) }
  return element(
    'testcase',
    attributes,
    parts.flatMap(({ lines }) => lines)
  )
}

/**
 * @param {readonly TestResult[]} tests
 * @param {number} startedAt milliseconds since 1970
 */
function suite(tests, startedAt) {
  const [{ project, group }] = tests
  const counts = countsOf(tests)
  const began = Math.min(...tests.map(test => test.attempts[0]?.at ?? Number.POSITIVE_INFINITY))
  const attributes = {
    name: group === project ? project : `${project}: ${group}`,
    tests: counts.total,
    failures: counts.failed + counts.timed_out,
    errors: counts.error + counts.not_run,
    skipped: counts.skipped,
    time: seconds(tests.reduce((sum, test) => sum + test.duration, 0)),
    timestamp: timestamp(startedAt + (Number.isFinite(began) ? began : 0))
  }
  return element('testsuite', attributes, tests.flatMap(testcase))
}

/** Without fractions and zone, which the schemas do not know. @param {number} time milliseconds since 1970 */
const timestamp = time => new Date(time).toISOString().slice(0, 19)

/**
 * What went wrong beside the tests, as a suite of its own: who reads only this file must see it.
 * @param {RunResult} result
 */
function errors({ errors: list, startedAt }) {
  if (list.length === 0) return []
  const cases = list.flatMap(({ code, message, output }) =>
    element(
      'testcase',
      { name: code, classname: 'ephemeral-broker', time: '0.000' },
      element('error', { message, type: code }, output || message)
    )
  )
  const attributes = { name: 'ephemeral-broker', tests: list.length, failures: 0, errors: list.length, skipped: 0, time: '0.000' }
  return element('testsuite', { ...attributes, timestamp: timestamp(startedAt) }, cases)
}

/** @param {RunResult} result */
function junit(result) {
  const { tests, counts, startedAt, duration } = result
  /** @type {Map<string, TestResult[]>} */
  const suites = new Map()
  for (const test of tests) {
    const key = JSON.stringify([test.project, test.group])
    const suiteOf = suites.get(key)
    if (suiteOf === undefined) suites.set(key, [test])
    else suiteOf.push(test)
  }
  const attributes = {
    name: 'ephemeral-broker',
    tests: counts.total + result.errors.length,
    failures: counts.failed + counts.timed_out,
    errors: counts.error + counts.not_run + result.errors.length,
    time: seconds(duration)
  }
  const content = [...suites.values()].flatMap(each => suite(each, startedAt))
  return document(element('testsuites', attributes, [...content, ...errors(result)]))
}

/**
 * @param {import('./index.js').Context} context without an `output` it is written to the stream
 * @returns {import('./index.js').Reporter}
 */
function create({ stream, options }) {
  return {
    onEvent() {},
    async finish(result) {
      const text = junit(result)
      if (options.output === undefined) stream.write(text)
      else await writeReport(options.output, text)
    }
  }
}

module.exports = { create, junit }
