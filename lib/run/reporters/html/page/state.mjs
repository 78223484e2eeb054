/**
 * What is shown: the filter, the order, the view, and the test that is open. The address has it after its `#`, so that a link shows the same.
 *
 * @typedef {'tests' | 'slowest' | 'waits' | 'cache'} View
 * @typedef {'attention' | 'order' | 'duration' | 'name'} Sort
 * @typedef {'group' | 'file' | 'none'} Grouping
 * @typedef {'slow' | 'leaked' | 'retried' | 'waited'} Flag
 * @typedef {object} State
 * @property {string} q
 * @property {ReadonlySet<string>} status none: all
 * @property {string} group of tests; empty: all. A project's tests are `project:` with its name
 * @property {ReadonlySet<string>} flags
 * @property {Sort} sort
 * @property {Grouping} by
 * @property {View} view
 * @property {string | null} test its key
 */

/** @type {{ view: View[], sort: Sort[], by: Grouping[], flags: Flag[] }} */
const ALLOWED = {
  view: ['tests', 'slowest', 'waits', 'cache'],
  sort: ['attention', 'order', 'duration', 'name'],
  by: ['group', 'file', 'none'],
  flags: ['slow', 'leaked', 'retried', 'waited']
}

/** What is not said by who reads the report. */
export const INITIAL = Object.freeze({
  q: '',
  status: set([]),
  group: '',
  flags: set([]),
  sort: 'attention',
  by: 'group',
  view: 'tests',
  test: null
})

/** @param {string[]} items @returns {ReadonlySet<string>} */
function set(items) {
  return new Set(items)
}

/** @type {Set<(state: State, before: State) => void>} */
const watchers = new Set()
/** @type {State} */
let current = read()

export const state = () => current

/** @param {(state: State, before: State) => void} watcher called with what is and what was */
export function watch(watcher) {
  watchers.add(watcher)
}

/**
 * @param {Partial<State>} change
 * @param {{ isStep?: boolean }} [options] `isStep`: whether the browser's button goes back to what is shown now
 */
export function update(change, options = {}) {
  const next = { ...current, ...change }
  // Going back closes the test that was opened; it does not take letters out of the filter.
  if (options.isStep ?? (next.test !== current.test || next.view !== current.view)) history.pushState(null, '', addressOf(next))
  else history.replaceState(null, '', addressOf(next))
  become(next)
}

/** @param {Partial<State>} change @returns {string} the address at which that is shown */
export const linkTo = change => addressOf({ ...current, ...change })

/** @param {State} next */
function become(next) {
  const before = current
  current = next
  for (const watcher of watchers) watcher(next, before)
}

/** @param {State} shown */
function addressOf({ q, status, group, flags, sort, by, view, test }) {
  const words = new URLSearchParams()
  if (view !== INITIAL.view) words.set('view', view)
  if (q) words.set('q', q)
  if (status.size > 0) words.set('status', [...status].join(','))
  if (group) words.set('group', group)
  if (flags.size > 0) words.set('flags', [...flags].join(','))
  if (sort !== INITIAL.sort) words.set('sort', sort)
  if (by !== INITIAL.by) words.set('by', by)
  if (test !== null) words.set('test', test)
  return `#${words}`
}

/** @returns {State} */
function read() {
  const words = new URLSearchParams(location.hash.slice(1))
  /** @param {string} name */
  const all = name => (words.get(name) ?? '').split(',').filter(Boolean)
  return {
    q: words.get('q') ?? '',
    status: set(all('status')),
    group: words.get('group') ?? '',
    flags: set(all('flags').filter(flag => ALLOWED.flags.some(one => one === flag))),
    sort: ALLOWED.sort.find(one => one === words.get('sort')) ?? 'attention',
    by: ALLOWED.by.find(one => one === words.get('by')) ?? 'group',
    view: ALLOWED.view.find(one => one === words.get('view')) ?? 'tests',
    test: words.get('test')
  }
}

addEventListener('popstate', () => become(read()))
