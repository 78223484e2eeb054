/** The verdict, the counts that filter, and the facts of the run. */

import { byId, el, fact } from './dom.mjs'
import { count, date, duration } from './format.mjs'
import { state, update, watch } from './state.mjs'
import { STATUS_NAMES, STATUSES } from './statuses.mjs'
import { oneLine } from './text.mjs'
import { themeButton } from './theme.mjs'
import { verdictOf } from './verdict.mjs'

/** @param {import('./data.mjs').Report} report */
export function showHead(report) {
  const { run, counts } = report
  const { words, more, tone } = verdictOf(report)
  document.title = `${words} · ephemeral-broker`
  byId('head').classList.add(tone)
  byId('head').append(
    el(
      'div',
      { class: 'verdict' },
      el('span', { class: 'verdict-sign', 'aria-hidden': 'true' }, tone === 'good' ? '✓' : tone === 'bad' ? '✕' : '–'),
      el('div', null, el('h1', null, words), more.length > 0 && el('p', null, more.join(', '))),
      themeButton()
    ),
    (counts.total > 0 && el('div', { class: 'chips', role: 'group', 'aria-label': 'Filter by status' }, chips(counts))) || '',
    el(
      'dl',
      { class: 'facts' },
      ...[
        fact('Duration', duration(run.duration)),
        fact('Workers', run.workers),
        fact('Started', el('time', { datetime: new Date(run.startedAt).toISOString() }, date(run.startedAt))),
        fact('Shard', run.shard && `${run.shard.index} of ${run.shard.count}`),
        fact('Exit code', run.exitCode),
        fact('Profile', run.profile && oneLine(run.profile)),
        fact('Run', el('code', null, oneLine(run.runId)))
      ]
    )
  )
}

/** @param {import('./data.mjs').Counts} counts */
function chips(counts) {
  const buttons = STATUS_NAMES.filter(name => counts[name] > 0).map(name => {
    const { word, sign } = STATUSES[name]
    const button = el(
      'button',
      { type: 'button', class: `chip s-${name}`, 'aria-pressed': 'false', click: () => toggle(name) },
      el('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
      el('b', null, count(counts[name])),
      ` ${word}`
    )
    return { name, button }
  })
  const press = () => {
    for (const { name, button } of buttons) button.setAttribute('aria-pressed', String(state().status.has(name)))
  }
  watch(press)
  press()
  return buttons.map(({ button }) => button)
}

/** @param {string} name */
function toggle(name) {
  const status = new Set(state().status)
  if (!status.delete(name)) status.add(name)
  update({ status, view: 'tests' })
}
