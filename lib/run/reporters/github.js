// @ts-check
'use strict'

/** `github`: annotations, foldable output and a job summary for GitHub Actions. */

const { randomUUID } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { markdown } = require('./github-summary.js')
const { reportFailed } = require('./files.js')
const { harmlessLine, tail } = require('./style.js')
const { BAD, STATUS, decisive, details, nameOf, reasonOf } = require('./words.js')

/**
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('../../../run.js').RunResult} RunResult
 */

/** GitHub shows ten annotations of a kind for a step. */
const MOST_ANNOTATIONS = 10
/** How many lines of output an annotation shows. */
const ANNOTATED_LINES = 20
/** Bytes that GitHub takes as the summary of a step. */
const MOST_SUMMARY = 1024 * 1024

const escapeData = (/** @type {string} */ text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const escapeProperty = (/** @type {string} */ text) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

/**
 * @param {'error' | 'warning' | 'notice'} kind
 * @param {{ file: string | null, title: string }} properties
 * @param {string} message
 */
function annotation(kind, { file, title }, message) {
  const properties = [...(file === null ? [] : [`file=${escapeProperty(file)}`]), `title=${escapeProperty(title)}`]
  return `::${kind} ${properties.join(',')}::${escapeData(message)}`
}

/**
 * Folded in the log. Commands in what tests write are not obeyed meanwhile.
 * @param {string} title
 * @param {readonly string[]} lines
 */
function folded(title, lines) {
  const token = randomUUID()
  return [`::group::${escapeData(title)}`, `::stop-commands::${token}`, ...lines, `::${token}::`, '::endgroup::']
}

/**
 * @param {TestResult} test
 * @param {(file: string | null) => string | null} locate
 */
function failed(test, locate) {
  const attempt = decisive(test)
  const output = attempt?.output ? tail(attempt.output, { most: ANNOTATED_LINES, color: false }).lines : []
  const title = `${STATUS[test.status].label}: ${nameOf(test)}`
  return annotation('error', { file: locate(test.file), title }, [reasonOf(test) || test.status, ...output].join('\n'))
}

/**
 * @param {RunResult} result
 * @param {(file: string | null) => string | null} locate
 */
function annotations({ tests, errors }, locate) {
  const bad = tests.filter(test => BAD.includes(test.status))
  const said = bad.slice(0, MOST_ANNOTATIONS).map(test => failed(test, locate))
  const flaky = tests.filter(test => test.status === 'flaky').slice(0, MOST_ANNOTATIONS)
  return [
    ...errors.map(({ code, message }) => annotation('error', { file: null, title: code }, message)),
    ...said,
    ...flaky.map(test => annotation('warning', { file: locate(test.file), title: `FLAKY: ${nameOf(test)}` }, reasonOf(test) || 'flaky'))
  ]
}

/**
 * Adds to what other steps' tools have written there.
 * @param {string} file
 * @param {string} text
 */
async function addSummary(file, text) {
  try {
    const written = await fs.promises.stat(file).then(
      ({ size }) => size,
      () => 0
    )
    // A summary that is too long is not shown at all.
    if (written + Buffer.byteLength(text) <= MOST_SUMMARY) await fs.promises.appendFile(file, text)
  } catch (error) {
    throw reportFailed(file, error)
  }
}

/**
 * @param {import('./index.js').Context} context
 * @returns {import('./index.js').Reporter}
 */
function create({ stream, cwd, env = process.env }) {
  let root = cwd
  const plain = { paint: (/** @type {unknown} */ _style, /** @type {string} */ text) => text, color: false, cwd }
  const print = (/** @type {readonly string[]} */ lines) => stream.write(lines.map(line => `${line}\n`).join(''))
  /** Annotations name files from the repository's root. @param {string | null} file */
  const locate = file => {
    if (file === null) return null
    return path.relative(env.GITHUB_WORKSPACE || root, path.resolve(root, file)).replaceAll('\\', '/')
  }
  return {
    onEvent(event) {
      if (event.type === 'runStarted') root = event.root
      if (event.type !== 'testFinished' || !BAD.includes(event.result.status)) return
      const attempt = decisive(event.result)
      const title = `${STATUS[event.result.status].label} ${nameOf(event.result)}: ${reasonOf(event.result)}`
      if (attempt !== undefined) print(folded(harmlessLine(title, false), details(attempt, plain)))
    },
    async finish(result) {
      const lines = annotations(result, locate)
      if (lines.length > 0) print(lines)
      if (env.GITHUB_STEP_SUMMARY) await addSummary(env.GITHUB_STEP_SUMMARY, markdown(result, MOST_SUMMARY / 4))
    }
  }
}

module.exports = { create }
