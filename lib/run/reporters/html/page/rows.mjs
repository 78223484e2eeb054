/** The lines of the list: headings and tests. */

import { el } from './dom.mjs'
import { count, duration } from './format.mjs'
import { linkTo, state, update } from './state.mjs'
import { STATUSES } from './statuses.mjs'
import { oneLine } from './text.mjs'

/**
 * @typedef {import('./data.mjs').Test} Test
 * @typedef {{ section: import('./filter.mjs').Section, folded: boolean, test?: undefined } | { test: Test, place: number, of: number }} Row
 */

/**
 * @param {Row} row
 * @param {{ fold: (heading: string) => void, longest: number }} options `longest`: the longest duration (ms) that is listed
 */
export function rowElement(row, { fold, longest }) {
  return row.test ? testRow(row, longest) : headingRow(row, fold)
}

/**
 * @param {Extract<Row, { section: object }>} row
 * @param {(heading: string) => void} fold
 */
function headingRow({ section, folded }, fold) {
  const { heading, passed, bad, total, tests } = section
  return el(
    'div',
    { class: 'row heading', role: 'listitem' },
    el(
      'button',
      { type: 'button', 'aria-expanded': String(!folded), click: () => fold(heading) },
      el('span', { class: 'fold', 'aria-hidden': 'true' }, folded ? '▸' : '▾'),
      el('span', { class: 'heading-name' }, oneLine(heading) || 'no group'),
      el('span', { class: bad > 0 ? 'tally short' : 'tally' }, `${count(passed)}/${count(total)} passed`),
      tests.length < total && el('span', { class: 'tally' }, `${count(tests.length)} listed`)
    )
  )
}

/**
 * @param {Extract<Row, { test: Test }>} row
 * @param {number} longest
 */
function testRow({ test, place, of }, longest) {
  const { word, sign } = STATUSES[test.status]
  const open = state().test === test.key
  const bar = el('span', { class: 'bar', 'aria-hidden': 'true' }, el('span', null))
  if (bar.firstElementChild instanceof HTMLElement)
    bar.firstElementChild.style.width = `${longest > 0 ? (test.duration / longest) * 100 : 0}%`
  return el(
    'div',
    { class: open ? 'row test open' : 'row test', role: 'listitem', 'aria-posinset': place, 'aria-setsize': of },
    el(
      'a',
      { href: linkTo({ test: test.key }), 'aria-current': open ? 'true' : null, 'data-key': test.key, click: follow },
      el('span', { class: `sign s-${test.status}`, role: 'img', 'aria-label': word, title: word }, sign),
      el('span', { class: 'name', title: oneLine(test.id) }, nameOf(test)),
      el('span', { class: 'note' }, noteOf(test) || el('span', { class: 'where' }, oneLine(test.file ?? ''))),
      el('span', { class: 'tags' }, badges(test)),
      bar,
      el('span', { class: 'time' }, test.attempts.length > 0 ? duration(test.duration) : '')
    )
  )
}

/** Opens the test in this page; with a key held, the browser does what it does with links. @param {MouseEvent} event */
export function follow(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !(event.currentTarget instanceof HTMLElement)) return
  event.preventDefault()
  update({ test: event.currentTarget.dataset.key ?? null })
}

/** Without what the heading says already. @param {Test} test */
function nameOf(test) {
  const { by } = state()
  const withFile = by !== 'file' && test.file !== null
  const repeat = test.repeat > 1 ? ` (repeat ${test.repeat})` : ''
  if (test.name === null) return oneLine(test.file ?? test.id) + repeat
  return [withFile && el('span', { class: 'dim' }, `${oneLine(/** @type {string} */ (test.file))} › `), oneLine(test.name) + repeat].filter(
    part => part !== false
  )
}

/** @param {Test} test */
function noteOf(test) {
  if (test.status === 'passed' || test.status === 'cached') return ''
  const told = test.reason ?? test.attempts.findLast(attempt => attempt.reason !== null)?.reason ?? ''
  return oneLine(told)
}

/** @param {Test} test */
export function badges(test) {
  const words = [
    test.retried && `${test.attempts.length} attempts`,
    test.slow && 'slow',
    test.leaked && 'leaked',
    test.waits.length > 0 && 'waited'
  ]
  return words.filter(word => word !== false).map(word => el('span', { class: 'badge' }, word))
}
