/** On paper there is nothing to click: all tests that ask for attention are printed with their output, and the groups with their counts. */

import { attemptSections } from './attempts.mjs'
import { byId, el } from './dom.mjs'
import { arrange, ORDERS } from './filter.mjs'
import { plural } from './format.mjs'
import { INITIAL } from './state.mjs'
import { needsAttention, STATUSES } from './statuses.mjs'
import { harmless, oneLine } from './text.mjs'

/** A run in which everything fails fills no more pages than somebody would read. */
const MOST = 100

/** @param {import('./data.mjs').Report} report */
export function preparePrint({ tests }) {
  const place = byId('printed')
  addEventListener('beforeprint', () => {
    const bad = tests.filter(test => needsAttention(test.status)).sort(ORDERS.attention)
    const groups = arrange(tests, { ...INITIAL, sort: 'name', by: 'group', view: 'tests' })
    place.replaceChildren(
      el(
        'ul',
        null,
        groups.map(({ heading, passed, total }) => el('li', null, `${oneLine(heading)}: ${passed}/${total} passed`))
      ),
      ...bad
        .slice(0, MOST)
        .map(test =>
          el(
            'article',
            null,
            el('h2', null, `${STATUSES[test.status].sign} ${oneLine(test.id)}: ${STATUSES[test.status].word}`),
            test.reason !== null && el('p', null, harmless(test.reason)),
            ...attemptSections(test)
          )
        ),
      el('p', null, bad.length > MOST ? `${plural(bad.length - MOST, 'more test')} failed.` : '')
    )
  })
  addEventListener('afterprint', () => place.replaceChildren())
}
