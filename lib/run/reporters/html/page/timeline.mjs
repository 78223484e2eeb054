/** The timeline: its canvas and its buttons. */

import { AXIS, drawChart, hit, timeAt } from './chart.mjs'
import { byId, el } from './dom.mjs'
import { matches } from './filter.mjs'
import { lanesOf } from './lanes.mjs'
import { legend } from './legend.mjs'
import { paints } from './patterns.mjs'
import { listenToPointer } from './pointer.mjs'
import { state, update, watch } from './state.mjs'
import { watchTheme } from './theme.mjs'
import { isNarrow } from './width.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./data.mjs').Test} Test
 */

/** The shortest time (ms) that can be made to fill the width. */
const SHORTEST = 1

/**
 * @param {Report} report
 * @returns {{ zoomTo: (test: Test) => void }}
 */
export function showTimeline(report) {
  const { lanes, end } = lanesOf(report)
  const canvas = el('canvas', {
    role: 'img',
    'aria-label': `What ran where and when, in ${lanes.length} lanes. The list below has the same tests.`
  })
  const context = canvas.getContext('2d')
  if (!context || end <= 0 || !lanes.some(lane => lane.bars.length > 0)) return { zoomTo: () => {} }
  const timeline = new Timeline(report, lanes, end, context)
  return { zoomTo: test => timeline.zoomTo(test) }
}

class Timeline {
  #section = byId('timeline')
  #report
  #lanes
  #end
  #context
  #scroller
  #layout
  #paint
  #isAsked = false

  /**
   * @param {Report} report
   * @param {import('./lanes.mjs').Lane[]} lanes
   * @param {number} end of the run, in ms
   * @param {CanvasRenderingContext2D} context
   */
  constructor(report, lanes, end, context) {
    this.#report = report
    this.#lanes = lanes
    this.#end = end
    this.#context = context
    this.#layout = { width: 0, gutter: 0, lane: lanes.length > 16 ? 20 : 27, span: { from: 0, to: end } }
    this.#scroller = el('div', { class: 'lanes' }, context.canvas)
    this.#paint = paints(context)
    const tip = el('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' })
    this.#section.append(
      el('div', { class: 'timeline-head' }, el('h2', null, 'Timeline'), legend(lanes), this.#buttons()),
      el('div', { class: 'chart' }, this.#scroller, tip),
      el('p', { class: 'hint' }, 'Ctrl and wheel zooms, dragging moves, a click opens the test.')
    )
    this.#section.hidden = false
    this.#listen(tip)
  }

  /** @param {HTMLElement} tip */
  #listen(tip) {
    listenToPointer(this.#context.canvas, tip, {
      at: (x, y) => hit(this.#lanes, this.#layout, x, y),
      zoom: (factor, x) => this.#zoom(factor, timeAt(this.#layout, x)),
      drag: pixels => this.#pan(-pixels / (this.#layout.width - this.#layout.gutter))
    })
    new ResizeObserver(() => this.#fit()).observe(this.#scroller)
    watch(() => this.#redraw())
    watchTheme(() => {
      this.#paint = paints(this.#context)
      this.#redraw()
    })
  }

  #buttons() {
    /** @param {string} label @param {string} words @param {() => void} click */
    const button = (label, words, click) => el('button', { type: 'button', 'aria-label': words, title: words, click }, label)
    return el(
      'div',
      { class: 'zoom', role: 'group', 'aria-label': 'Zoom' },
      button('◂', 'Earlier', () => this.#pan(-0.5)),
      button('▸', 'Later', () => this.#pan(0.5)),
      button('−', 'Zoom out', () => this.#zoom(2)),
      button('+', 'Zoom in', () => this.#zoom(0.5)),
      button('Whole run', 'Whole run', () => this.#show(0, this.#end))
    )
  }

  /** Shows when and where a test ran. @param {Test} test */
  zoomTo(test) {
    const first = test.attempts[0]
    const last = test.attempts.at(-1)
    if (!first || !last) return
    const length = Math.max(last.at + last.duration - first.at, SHORTEST)
    this.#show(first.at - length, first.at + 2 * length)
    // There the test covers the page.
    if (isNarrow()) update({ test: null })
    this.#section.scrollIntoView({ block: 'nearest' })
    const lane = this.#lanes.findLastIndex(({ bars }) => bars.some(bar => bar.test === test))
    this.#scroller.scrollTop = AXIS + lane * this.#layout.lane - this.#scroller.clientHeight / 2
  }

  /** @param {number} from @param {number} to */
  #show(from, to) {
    const length = Math.min(this.#end, Math.max(SHORTEST, to - from))
    const start = Math.max(0, Math.min(this.#end - length, from))
    this.#layout.span = { from: start, to: start + length }
    this.#context.canvas.classList.toggle('zoomed', length < this.#end)
    this.#redraw()
  }

  /** @param {number} factor @param {number} [around] the time that stays where it is */
  #zoom(factor, around = (this.#layout.span.from + this.#layout.span.to) / 2) {
    const { from, to } = this.#layout.span
    this.#show(around - (around - from) * factor, around + (to - around) * factor)
  }

  /** @param {number} share of what is seen */
  #pan(share) {
    const { from, to } = this.#layout.span
    this.#show(from + (to - from) * share, to + (to - from) * share)
  }

  /** Makes the canvas as wide as there is room, and as sharp as the screen. */
  #fit() {
    const { canvas } = this.#context
    const width = this.#scroller.clientWidth
    const height = AXIS + this.#lanes.length * this.#layout.lane
    this.#layout.width = width
    this.#layout.gutter = width < 600 ? 52 : 150
    canvas.style.height = `${height}px`
    canvas.width = Math.round(width * devicePixelRatio)
    canvas.height = Math.round(height * devicePixelRatio)
    this.#context.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0)
    this.#redraw()
  }

  #redraw() {
    if (this.#isAsked) return
    this.#isAsked = true
    requestAnimationFrame(() => {
      this.#isAsked = false
      this.#draw()
    })
  }

  #draw() {
    if (this.#layout.width === 0) return
    const shown = state()
    const filters = shown.q !== '' || shown.status.size > 0 || shown.group !== '' || shown.flags.size > 0
    const listed = new Set(filters ? this.#report.tests.filter(test => matches(test, shown)) : [])
    drawChart(this.#context, this.#lanes, this.#layout, this.#paint, {
      dimmed: ({ test }) => filters && test !== null && !listed.has(test),
      selected: shown.test
    })
  }
}
