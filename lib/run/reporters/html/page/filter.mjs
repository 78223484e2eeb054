/** Which tests are listed, in what order, and under which headings. */

import { isGreen, needsAttention, STATUSES } from './statuses.mjs'

/**
 * @typedef {import('./data.mjs').Test} Test
 * @typedef {import('./state.mjs').State} State
 * @typedef {{ heading: string, passed: number, bad: number, total: number, tests: Test[] }} Section the numbers are of all its tests, listed or not
 */

/**
 * @param {Test} test
 * @param {State} state
 */
export function matches(test, { q, status, group, flags }) {
  if (status.size > 0 && !status.has(test.status)) return false
  if (group && (group.startsWith('project:') ? `project:${test.project}` !== group : test.group !== group)) return false
  for (const flag of flags) {
    const has = flag === 'waited' ? test.waits.length > 0 : test[/** @type {'slow' | 'leaked' | 'retried'} */ (flag)]
    if (!has) return false
  }
  return q
    .toLowerCase()
    .split(/\s+/)
    .every(word => test.search.includes(word))
}

/** @type {Record<import('./state.mjs').Sort, (a: Test, b: Test) => number>} */
export const ORDERS = {
  attention: (a, b) => STATUSES[a.status].rank - STATUSES[b.status].rank || a.index - b.index,
  // Those that did not run have no beginning, and stand at the end in their own order.
  order: (a, b) => (a.at === b.at ? a.index - b.index : a.at - b.at),
  duration: (a, b) => b.duration - a.duration || a.index - b.index,
  name: (a, b) => compare(a.id, b.id) || a.repeat - b.repeat
}

const compare = new Intl.Collator('en', { numeric: true }).compare

/** @type {Record<import('./state.mjs').Grouping, (test: Test) => string>} */
const HEADINGS = { group: test => test.group, file: test => test.file ?? 'no file', none: () => '' }

/**
 * @param {Test[]} tests
 * @param {State} state
 * @returns {Section[]} those without a test that matches are left out
 */
export function arrange(tests, state) {
  /** @type {Map<string, Section>} */
  const sections = new Map()
  const heading = HEADINGS[state.by]
  for (const test of tests) {
    const name = heading(test)
    const section = sections.get(name) ?? { heading: name, passed: 0, bad: 0, total: 0, tests: [] }
    sections.set(name, section)
    section.total += 1
    if (isGreen(test.status)) section.passed += 1
    if (needsAttention(test.status)) section.bad += 1
    if (matches(test, state)) section.tests.push(test)
  }
  const listed = [...sections.values()].filter(section => section.tests.length > 0)
  const order = ORDERS[state.sort]
  for (const section of listed) section.tests.sort(order)
  // A heading stands where its first test would.
  return listed.sort((a, b) => (state.sort === 'name' ? compare(a.heading, b.heading) : order(a.tests[0], b.tests[0])))
}
