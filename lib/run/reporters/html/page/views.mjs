/** What is looked for across tests: the slowest, who waited for what, and why the cache did not help. */

import { el } from './dom.mjs'
import { duration, plural } from './format.mjs'
import { follow } from './rows.mjs'
import { linkTo, update } from './state.mjs'
import { STATUSES } from './statuses.mjs'
import { oneLine } from './text.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./data.mjs').Test} Test
 * @typedef {import('./dom.mjs').Child} Child
 */

const SLOWEST = 20
const MOST_LINES = 200

/** @param {Report} report */
export function slowestView({ tests, run }) {
  const slowest = tests
    .filter(test => test.attempts.length > 0)
    .sort((a, b) => b.duration - a.duration)
    .slice(0, SLOWEST)
  const all = tests.reduce((sum, test) => sum + test.duration, 0)
  const theirs = slowest.reduce((sum, test) => sum + test.duration, 0)
  return [
    el('h2', null, `The slowest ${slowest.length}`),
    el(
      'p',
      { class: 'dim' },
      `They took ${duration(theirs)} of the ${duration(all)} that all tests took; the run took ${duration(run.duration)}.`
    ),
    table(
      ['Test', 'Attempts', 'Time'],
      slowest.map(test => [testLink(test), test.attempts.length, duration(test.duration)])
    )
  ]
}

/** @param {Report} report */
export function waitsView({ waits, tests, broker }) {
  const byId = new Map(tests.map(test => [test.id, test]))
  const resources = [...Map.groupBy(waits, wait => wait.resource)].map(([resource, all]) => ({
    resource,
    all,
    total: all.reduce((sum, wait) => sum + wait.duration, 0),
    longest: all.reduce((most, wait) => Math.max(most, wait.duration), 0)
  }))
  const longest = [...waits].sort((a, b) => b.duration - a.duration).slice(0, MOST_LINES)
  return [
    resources.length > 0 && el('h2', null, 'What was waited for'),
    resources.length > 0 &&
      table(
        ['Resource', 'Waits', 'Longest', 'In all'],
        resources
          .sort((a, b) => b.total - a.total)
          .map(({ resource, all, longest: most, total }) => [oneLine(resource), all.length, duration(most), duration(total)])
      ),
    longest.length > 0 && el('h2', null, 'Who waited'),
    longest.length > 0 &&
      table(
        ['Test', 'For', 'Worker', 'How long'],
        longest.map(({ id, resource, worker, duration: took }) => {
          const test = id === null ? undefined : byId.get(id)
          return [test ? testLink(test) : oneLine(id ?? 'the run'), oneLine(resource), worker ?? '', duration(took)]
        })
      ),
    longest.length < waits.length &&
      el('p', { class: 'dim' }, `${plural(waits.length - longest.length, 'shorter wait is', 'shorter waits are')} not listed.`),
    ...brokerTables(broker)
  ].filter(part => part !== false)
}

/** What workers asked of the broker themselves. @param {Report['broker']} broker */
function brokerTables(broker) {
  if (!broker) return []
  const { longestWaits, pools, leaked } = broker
  return [
    longestWaits.length > 0 && el('h2', null, 'The longest waits within tests'),
    longestWaits.length > 0 &&
      table(
        ['For', 'Test', 'Process', 'How long'],
        longestWaits.map(({ kind, name, worker, test, waited }) => [
          oneLine(`${kind} ${name}`),
          oneLine(test ?? ''),
          oneLine(worker ?? ''),
          duration(waited)
        ])
      ),
    pools.length > 0 && el('h2', null, 'Pools'),
    pools.length > 0 &&
      table(
        ['Pool', 'Size', 'Most in use'],
        pools.map(({ name, size, peak }) => [oneLine(name), size ?? '', peak])
      ),
    leaked.length > 0 && el('h2', null, 'Never released'),
    leaked.length > 0 &&
      table(
        ['What', 'Test', 'Held for'],
        leaked.map(({ kind, name, number, test, heldFor }) => [
          oneLine(`${kind} ${name}${typeof number !== 'number' ? '' : ` #${number}`}`),
          oneLine(test ?? ''),
          duration(heldFor)
        ])
      )
  ].filter(part => part !== false)
}

/** @param {Report} report */
export function cacheView({ tests, counts }) {
  const ran = tests.filter(test => test.why !== null)
  const reasons = [...Map.groupBy(ran, test => test.why ?? '')].sort(([, a], [, b]) => b.length - a.length)
  return [
    el('h2', null, 'Why tests ran'),
    el(
      'p',
      { class: 'dim' },
      `${plural(counts.cached, 'result was', 'results were')} taken from the cache, ${plural(ran.length, 'test')} ran.`
    ),
    reasons.length > 0 &&
      table(
        ['Why', 'Tests', 'Time'],
        reasons.slice(0, MOST_LINES).map(([why, all]) => [
          el(
            'details',
            null,
            el('summary', null, oneLine(why)),
            el(
              'ul',
              { class: 'plain' },
              all.slice(0, MOST_LINES).map(test => el('li', null, testLink(test)))
            )
          ),
          all.length,
          duration(all.reduce((sum, test) => sum + test.duration, 0))
        ])
      ),
    counts.cached > 0 &&
      el(
        'button',
        { type: 'button', click: () => update({ view: 'tests', status: new Set(['cached']) }) },
        'List what was taken from the cache'
      )
  ].filter(part => part !== false)
}

/** @param {Test} test */
function testLink(test) {
  const { sign, word } = STATUSES[test.status]
  return el(
    'a',
    { class: 'found', href: linkTo({ test: test.key }), 'data-key': test.key, click: follow },
    el('span', { class: `sign s-${test.status}`, role: 'img', 'aria-label': word }, sign),
    ` ${oneLine(test.id)}`
  )
}

/**
 * All columns but the first hold numbers or short words.
 * @param {string[]} head
 * @param {Child[][]} lines
 */
function table(head, lines) {
  return el(
    'div',
    { class: 'table' },
    el(
      'table',
      null,
      el(
        'thead',
        null,
        el(
          'tr',
          null,
          head.map(word => el('th', { scope: 'col' }, word))
        )
      ),
      el(
        'tbody',
        null,
        lines.map(cells =>
          el(
            'tr',
            null,
            cells.map(cell => el('td', null, cell))
          )
        )
      )
    )
  )
}
