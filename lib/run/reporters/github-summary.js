// @ts-check
'use strict'

/** A run in Markdown, for the page of a job. */

const { span } = require('../../cli/text.js')
const { tail } = require('./style.js')
const { BAD, STATUS, decisive, nameOf, reasonOf } = require('./words.js')

/**
 * @typedef {import('../../../run.js').RunResult} RunResult
 * @typedef {import('../../../run.js').TestResult} TestResult
 */

const MOST_LINES = 50

/** Names are others' text: no markup of theirs, no cell that ends too early, and nobody is mentioned. @param {string} text */
const escaped = text =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_[\]|~#@$]/g, character => `&#${character.charCodeAt(0)};`)

/**
 * A fence that is longer than any in the text.
 * @param {string} text
 */
function fenced(text) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text}\n${fence}`
}

/** @param {TestResult} test */
function failure(test) {
  const output = decisive(test)?.output
  const title = `<b>${STATUS[test.status].label}</b> ${escaped(nameOf(test))}: ${escaped(reasonOf(test))}`
  if (!output?.trim()) return `- ${title}\n`
  const { lines } = tail(output, { most: MOST_LINES, color: false })
  return `\n<details><summary>${title}</summary>\n\n${fenced(lines.join('\n'))}\n\n</details>\n`
}

/** @param {RunResult} result */
function table({ counts, groups, duration }) {
  const columns = /** @type {Array<import('../../../run.js').TestStatus>} */ (Object.keys(STATUS)).filter(status => counts[status] > 0)
  const cells = (/** @type {string} */ name, /** @type {import('../../../run.js').Counts} */ of) =>
    `| ${[name, of.total, ...columns.map(status => of[status])].join(' | ')} |`
  const rows = Object.entries(groups).map(([name, group]) => cells(escaped(name), group.counts))
  return [
    `| | total | ${columns.map(status => STATUS[status].noun).join(' | ')} |`,
    `|---|${'--:|'.repeat(columns.length + 1)}`,
    ...(rows.length > 1 && rows.length <= 50 ? rows : []),
    cells(`all, in ${span(duration)}`, counts)
  ].join('\n')
}

/**
 * @param {RunResult} result
 * @param {number} most in characters: failures that no longer fit are only counted
 */
function markdown(result, most) {
  const { tests, errors, ok, counts } = result
  let text = `## ${ok ? '✓' : '✗'} ${ok ? 'Tests passed' : 'Tests did not pass'}\n\n${counts.total > 0 ? table(result) : 'No tests.'}\n\n`
  for (const { message } of errors) text += `- ${escaped(message).replaceAll('\n', ' ')}\n`
  const bad = tests.filter(test => BAD.includes(test.status))
  for (const [at, test] of bad.entries()) {
    const said = failure(test)
    if (text.length + said.length > most) return `${text}\n… and ${bad.length - at} more\n\n`
    text += said
  }
  const flaky = tests.filter(test => test.status === 'flaky').slice(0, 50)
  for (const test of flaky) text += `- <b>FLAKY</b> ${escaped(nameOf(test))}: ${escaped(reasonOf(test))}\n`
  return `${text}\n`
}

module.exports = { markdown }
