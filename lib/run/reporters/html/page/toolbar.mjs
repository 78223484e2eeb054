/** The views, the text to filter by, and how the list is grouped and ordered. */

import { el } from './dom.mjs'
import { plural } from './format.mjs'
import { INITIAL, linkTo, state, update, watch } from './state.mjs'
import { STATUSES } from './statuses.mjs'
import { oneLine } from './text.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./state.mjs').State} State
 */

/** @param {Report} report */
export function toolbar(report) {
  const search = el('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Filter by name, file or reason',
    'aria-label': 'Filter by name, file or reason',
    autocomplete: 'off',
    spellcheck: 'false',
    input: () => update({ q: search.value, view: 'tests' })
  })
  const group = select('Group', groupChoices(report), value => update({ group: value }))
  const sort = select('Order', SORTS, value => update({ sort: /** @type {State['sort']} */ (value) }))
  const by = select('Headings', GROUPINGS, value => update({ by: /** @type {State['by']} */ (value) }))
  const flags = flagButtons(report)
  const controls = el(
    'div',
    { class: 'controls' },
    search,
    el('div', { class: 'selects' }, group.label, sort.label, by.label),
    flags.element
  )
  const tabs = views(report)
  const refresh = () => {
    const shown = state()
    if (search.value !== shown.q) search.value = shown.q
    group.select.value = shown.group
    sort.select.value = shown.sort
    by.select.value = shown.by
    controls.hidden = shown.view !== 'tests'
    flags.refresh()
    tabs.refresh()
  }
  watch(refresh)
  refresh()
  addEventListener('keydown', event => {
    if (
      event.key !== '/' ||
      event.ctrlKey ||
      event.metaKey ||
      (event.target instanceof HTMLElement && event.target.matches('input, select'))
    )
      return
    event.preventDefault()
    if (state().view !== 'tests') update({ view: 'tests' })
    search.focus()
  })
  return el('div', { class: 'toolbar' }, tabs.element, controls)
}

/** @type {Array<[string, string]>} */
const SORTS = [
  ['attention', 'failures first'],
  ['order', 'as they ran'],
  ['duration', 'slowest first'],
  ['name', 'by name']
]
/** @type {Array<[string, string]>} */
const GROUPINGS = [
  ['group', 'by group'],
  ['file', 'by file'],
  ['none', 'none']
]
/** @type {Array<[import('./state.mjs').Flag, string, (test: import('./data.mjs').Test) => boolean]>} */
const FLAGS = [
  ['slow', 'slow', test => test.slow],
  ['leaked', 'leaked', test => test.leaked],
  ['retried', 'run again', test => test.retried],
  ['waited', 'waited', test => test.waits.length > 0]
]

/**
 * Groups, and projects where these are not the same.
 * @param {Report} report
 * @returns {Array<[string, string]>}
 */
function groupChoices({ tests }) {
  const groups = new Set(tests.map(test => test.group))
  const projects = new Set(tests.map(test => test.project))
  const apart = [...projects].filter(project => !groups.has(project))
  return [
    ['', 'all'],
    ...apart.map(project => /** @type {[string, string]} */ ([`project:${project}`, `project ${oneLine(project)}`])),
    ...[...groups].map(group => /** @type {[string, string]} */ ([group, oneLine(group)]))
  ]
}

/**
 * @param {string} name
 * @param {Array<[string, string]>} choices
 * @param {(value: string) => void} chosen
 */
function select(name, choices, chosen) {
  const element = el(
    'select',
    { change: () => chosen(element.value) },
    choices.map(([value, words]) => el('option', { value }, words))
  )
  return { select: element, label: el('label', null, `${name} `, element) }
}

/** Only those that some test has. @param {Report} report */
function flagButtons({ tests }) {
  const buttons = FLAGS.flatMap(([flag, word, has]) => {
    const total = tests.filter(has).length
    if (total === 0) return []
    const toggle = () => {
      const flags = new Set(state().flags)
      if (!flags.delete(flag)) flags.add(flag)
      update({ flags })
    }
    return [{ flag, button: el('button', { type: 'button', class: 'flag', click: toggle }, `${word} `, el('b', null, total)) }]
  })
  const refresh = () => {
    for (const { flag, button } of buttons) button.setAttribute('aria-pressed', String(state().flags.has(flag)))
  }
  const element = el(
    'div',
    { class: 'flags', role: 'group', 'aria-label': 'Filter by what happened' },
    buttons.map(({ button }) => button)
  )
  element.hidden = buttons.length === 0
  return { element, refresh }
}

/** @param {Report} report */
function views({ tests, waits, broker }) {
  const why = tests.filter(test => test.why !== null || test.status === 'cached').length
  /** @type {Array<[State['view'], string, boolean]>} */
  const all = [
    ['tests', 'Tests', true],
    ['slowest', 'Slowest', tests.length > 1],
    ['waits', 'Waits', waits.length > 0 || (broker?.longestWaits.length ?? 0) > 0],
    ['cache', 'Cache', why > 0]
  ]
  const links = all
    .filter(([, , has]) => has)
    .map(([view, word]) => {
      /** @param {Event} event */
      const open = event => {
        event.preventDefault()
        update({ view })
      }
      return { view, link: el('a', { href: linkTo({ view }), click: open }, word) }
    })
  const refresh = () => {
    for (const { view, link } of links) {
      link.setAttribute('href', linkTo({ view }))
      if (view === state().view) link.setAttribute('aria-current', 'page')
      else link.removeAttribute('aria-current')
    }
  }
  return {
    element: el(
      'nav',
      { 'aria-label': 'Views', class: 'views' },
      links.map(({ link }) => link)
    ),
    refresh
  }
}

/**
 * Says how many are listed, and what of it the filter does.
 * @param {number} listed
 * @param {number} total
 */
export function summary(listed, total) {
  const { q, status, group, flags } = state()
  const parts = [
    [...status].map(name => STATUSES[/** @type {keyof typeof STATUSES} */ (name)]?.word ?? name).join(' or '),
    group && oneLine(group.replace(/^project:/, 'project ')),
    ...flags,
    q && `“${oneLine(q)}”`
  ].filter(Boolean)
  if (parts.length === 0) return [plural(total, 'test')]
  const clear = () => update({ q: '', status: INITIAL.status, group: '', flags: INITIAL.flags })
  return [`${plural(listed, 'test')} of ${total}: ${parts.join(', ')} `, el('button', { type: 'button', click: clear }, 'Clear filter')]
}
