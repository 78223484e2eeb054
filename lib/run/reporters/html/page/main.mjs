import { readReport } from './data.mjs'
import { showDetail } from './detail.mjs'
import { byId, el } from './dom.mjs'
import { showErrors } from './errors.mjs'
import { showHead } from './head.mjs'
import { TestList } from './list.mjs'
import { preparePrint } from './print.mjs'
import { state, update, watch } from './state.mjs'
import { needsAttention } from './statuses.mjs'
import { showTimeline } from './timeline.mjs'
import { toolbar } from './toolbar.mjs'
import { cacheView, slowestView, waitsView } from './views.mjs'
import { isNarrow } from './width.mjs'

const report = readReport()
showHead(report)
showErrors(report)
const timeline = showTimeline(report)
const list = new TestList(report)
const view = el('div', { class: 'view' })
const bar = toolbar(report)
byId('bench').prepend(bar)
byId('list-region').append(list.element, view)
// What stands below it has to know how high it is.
new ResizeObserver(() => document.documentElement.style.setProperty('--bar', `${bar.offsetHeight}px`)).observe(bar)

const VIEWS = { slowest: slowestView, waits: waitsView, cache: cacheView }

/** @param {import('./state.mjs').State} now @param {import('./state.mjs').State} [before] */
function showView(now, before) {
  if (now.view === before?.view) return
  list.element.hidden = now.view !== 'tests'
  view.hidden = now.view === 'tests'
  view.replaceChildren(...(now.view === 'tests' ? [] : VIEWS[now.view](report)))
  // It can be measured only where it is seen.
  if (now.view === 'tests') list.refill()
}

showView(state())
watch(showView)
showDetail(report, timeline)
byId('skip').addEventListener('click', event => {
  event.preventDefault()
  byId('list-region').focus()
})
preparePrint(report)

const opened = state().test
if (opened !== null) list.reveal(opened)
else if (!isNarrow() && location.hash.length < 2) {
  // Who comes for a failure has it before them.
  const first = report.tests.find(test => needsAttention(test.status))
  if (first && report.errors.length === 0) update({ test: first.key }, { isStep: false })
}

// Last, so that what was opened above does not scroll the page.
watch((now, before) => {
  if (now.test !== null && now.test !== before.test && !isNarrow()) list.reveal(now.test)
})
