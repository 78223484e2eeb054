/** All that is known of one test. */

import { attemptSections } from './attempts.mjs'
import { byId, copyButton, el, fact } from './dom.mjs'
import { duration } from './format.mjs'
import { badges } from './rows.mjs'
import { state, update, watch } from './state.mjs'
import { STATUSES } from './statuses.mjs'
import { commandFor, harmless, oneLine } from './text.mjs'
import { isNarrow } from './width.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./data.mjs').Test} Test
 */

/**
 * @param {Report} report
 * @param {{ zoomTo: (test: Test) => void }} timeline
 */
export function showDetail(report, { zoomTo }) {
  const aside = byId('detail')
  /** @type {string | null} */
  let shown = null

  /** @param {boolean} focus */
  function refresh(focus) {
    const { test: key } = state()
    if (key === shown) return
    shown = key
    aside.hidden = key === null
    document.body.classList.toggle('has-detail', key !== null)
    if (key === null) return aside.replaceChildren()
    const test = report.byKey.get(key)
    aside.replaceChildren(...(test ? content(test, report, zoomTo) : [heading('This run has no such test'), el('p', null, oneLine(key))]))
    aside.scrollTop = 0
    if (focus && isNarrow()) aside.focus()
  }

  const close = () => {
    const key = state().test
    update({ test: null })
    const link = [...document.querySelectorAll('a[data-key]')].find(one => one instanceof HTMLElement && one.dataset.key === key)
    if (link instanceof HTMLElement) link.focus({ preventScroll: true })
  }
  addEventListener('keydown', event => {
    if (event.key === 'Escape' && state().test !== null) close()
  })
  aside.addEventListener('close-detail', close)
  watch(() => refresh(true))
  refresh(false)
}

/** @param {string} words */
function heading(words) {
  return el(
    'div',
    { class: 'detail-head' },
    el('h2', null, words),
    el(
      'button',
      { type: 'button', class: 'close', 'aria-label': 'Close', click: () => byId('detail').dispatchEvent(new Event('close-detail')) },
      '✕'
    )
  )
}

/**
 * @param {Test} test
 * @param {Report} report
 * @param {(test: Test) => void} zoomTo
 */
function content(test, report, zoomTo) {
  const { word, sign } = STATUSES[test.status]
  const ran = test.attempts.length > 0
  return [
    heading(oneLine(test.name ?? test.file ?? test.id)),
    el(
      'p',
      { class: 'detail-status' },
      el('span', { class: `status s-${test.status}` }, el('span', { class: 'sign', 'aria-hidden': 'true' }, sign), ` ${word}`),
      ran && ` in ${duration(test.duration)} `,
      badges(test)
    ),
    test.reason !== null && el('p', { class: 'message' }, harmless(test.reason)),
    el(
      'div',
      { class: 'actions' },
      copyButton('Copy command', commandFor(test.id, report.run.profile)),
      copyButton('Copy id', test.id),
      ran && el('button', { type: 'button', click: () => zoomTo(test) }, 'Show in timeline')
    ),
    ...attemptSections(test),
    waitTable(test),
    el(
      'dl',
      { class: 'facts' },
      ...[
        fact('Id', el('code', null, oneLine(test.id))),
        fact('File', test.file !== null && test.name !== null && oneLine(test.file)),
        fact('Group', oneLine(test.group)),
        fact('Project', test.project !== test.group && oneLine(test.project)),
        fact(
          'Tags',
          test.tags.map(tag => el('span', { class: 'badge' }, oneLine(tag)))
        ),
        fact('Repeat', test.repeat > 1 && test.repeat),
        fact('Why it ran', test.why !== null && ran && harmless(test.why)),
        fact('Cache', test.status === 'cached' && 'Nothing that it depends on has changed since it passed')
      ]
    )
  ].filter(part => part !== null && part !== false)
}

/** @param {Test} test */
function waitTable({ waits }) {
  if (waits.length === 0) return null
  const lines = waits.map(wait =>
    el(
      'tr',
      null,
      el('td', null, oneLine(wait.resource)),
      el('td', { class: 'n' }, duration(wait.duration)),
      el('td', { class: 'n' }, duration(wait.at))
    )
  )
  return el(
    'section',
    null,
    el('h3', null, 'It waited'),
    el(
      'table',
      null,
      el('thead', null, el('tr', null, el('th', null, 'For'), el('th', { class: 'n' }, 'How long'), el('th', { class: 'n' }, 'From'))),
      el('tbody', null, lines)
    )
  )
}
