/**
 * The list of tests. Only the lines that can be seen are in the page, so that thousands of tests cost what a hundred do. All lines are of the
 * same height, which the styles give.
 */

import { el, say } from './dom.mjs'
import { arrange } from './filter.mjs'
import { plural } from './format.mjs'
import { rowElement } from './rows.mjs'
import { state, watch } from './state.mjs'
import { summary } from './toolbar.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./rows.mjs').Row} Row
 * @typedef {import('./state.mjs').State} State
 */

/** Lines kept above and below what can be seen: for those who scroll, and for Tab. */
const SPARE = 8

export class TestList {
  #told = el('p', { class: 'summary' })
  #empty = el('p', { class: 'empty' }, 'No test is like this.')
  #rows
  #report
  /** @type {Set<string>} the headings whose tests are not listed */
  #folded = new Set()
  /** @type {Map<number, HTMLElement>} by their place in `#all` */
  #drawn = new Map()
  /** @type {Row[]} */
  #all = []
  /** Of a line, in pixels. */
  #height = 1
  /** The longest duration that is listed, in ms. */
  #longest = 0
  #isAsked = false

  /** @param {Report} report */
  constructor(report) {
    this.#report = report
    this.#rows = el('div', {
      class: 'rows',
      role: 'list',
      'aria-label': 'Tests',
      keydown: event => this.#move(event)
    })
    this.element = el('div', { class: 'tests' }, this.#told, this.#rows, this.#empty)
    watch((now, before) => this.#change(now, before))
    addEventListener('scroll', () => this.#drawSoon(), { passive: true })
    new ResizeObserver(() => this.#redraw()).observe(document.documentElement)
  }

  /** @returns {number} how many tests are listed */
  refill() {
    const sections = arrange(this.#report.tests, state())
    const listed = sections.reduce((sum, { tests }) => sum + tests.length, 0)
    this.#longest = sections.reduce((most, { tests }) => tests.reduce((sofar, test) => Math.max(sofar, test.duration), most), 0)
    this.#all = []
    let place = 0
    for (const section of sections) {
      const folded = this.#folded.has(section.heading)
      if (state().by !== 'none') this.#all.push({ section, folded })
      for (const test of section.tests) {
        place += 1
        if (!folded) this.#all.push({ test, place, of: listed })
      }
    }
    this.#told.replaceChildren(...summary(listed, this.#report.tests.length))
    this.#empty.hidden = listed > 0
    this.#redraw()
    return listed
  }

  /** Scrolls to a test, where it is listed. @param {string} key */
  reveal(key) {
    const index = this.#all.findIndex(row => row.test?.key === key)
    if (index >= 0) this.#scrollTo(index)
  }

  /** @param {State} now @param {State} before */
  #change(now, before) {
    // Who switches views has the list filled when it can be measured.
    if (now.view !== before.view) return
    const same = now.q === before.q && now.status === before.status && now.group === before.group && now.flags === before.flags
    if (same && now.sort === before.sort && now.by === before.by) return this.#redraw()
    const listed = this.refill()
    if (!same) say(`${plural(listed, 'test')} listed`)
  }

  #redraw() {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined
    for (const line of this.#drawn.values()) line.remove()
    this.#drawn.clear()
    // Read from the styles: another width of the page has another height.
    this.#height = Number.parseFloat(getComputedStyle(this.#rows).getPropertyValue('--row')) || 36
    this.#rows.style.height = `${this.#all.length * this.#height}px`
    this.#draw()
    if (focused === undefined) return
    for (const link of this.#rows.querySelectorAll('a')) if (link.dataset.key === focused) link.focus({ preventScroll: true })
  }

  #drawSoon() {
    if (this.#isAsked) return
    this.#isAsked = true
    requestAnimationFrame(() => {
      this.#isAsked = false
      this.#draw()
    })
  }

  #draw() {
    if (this.element.hidden) return
    const top = this.#rows.getBoundingClientRect().top
    const first = Math.max(0, Math.floor(-top / this.#height) - SPARE)
    const last = Math.min(this.#all.length - 1, Math.ceil((innerHeight - top) / this.#height) + SPARE)
    for (const [index, line] of this.#drawn) {
      if ((index >= first && index <= last) || line.contains(document.activeElement)) continue
      line.remove()
      this.#drawn.delete(index)
    }
    for (let index = first; index <= last; index += 1) if (!this.#drawn.has(index)) this.#add(index)
  }

  /** @param {number} index */
  #add(index) {
    const line = rowElement(this.#all[index], { fold: heading => this.#fold(heading), longest: this.#longest })
    line.style.transform = `translateY(${index * this.#height}px)`
    line.dataset.index = String(index)
    this.#drawn.set(index, line)
    // In the order of the list, for Tab and screen readers.
    const next = [...this.#rows.children].find(child => child instanceof HTMLElement && Number(child.dataset.index) > index)
    this.#rows.insertBefore(line, next ?? null)
  }

  /** @param {string} heading */
  #fold(heading) {
    if (!this.#folded.delete(heading)) this.#folded.add(heading)
    this.refill()
    const place = this.#all.findIndex(row => !row.test && row.section.heading === heading)
    this.#drawn.get(place)?.querySelector('button')?.focus()
  }

  /** Arrows go from line to line. @param {KeyboardEvent} event */
  #move(event) {
    const line = event.target instanceof HTMLElement ? event.target.closest('.row') : null
    if (!(line instanceof HTMLElement)) return
    const index = Number(line.dataset.index)
    const last = this.#all.length - 1
    const page = Math.max(1, Math.floor(innerHeight / this.#height) - 4)
    /** @type {Record<string, number>} */
    const targets = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: last }
    if (targets[event.key] === undefined) return
    event.preventDefault()
    const target = Math.min(last, Math.max(0, targets[event.key]))
    this.#scrollTo(target)
    this.#draw()
    const found = this.#drawn.get(target)
    const link = found?.querySelector('a') ?? found?.querySelector('button')
    link?.focus({ preventScroll: true })
  }

  /** Scrolls as far as needed for a line to be seen below the toolbar. @param {number} index */
  #scrollTo(index) {
    const bar = document.querySelector('.toolbar')
    const covered = bar && getComputedStyle(bar).position === 'sticky' ? bar.getBoundingClientRect().height : 0
    const y = this.#rows.getBoundingClientRect().top + index * this.#height
    if (y < covered + this.#height) scrollBy(0, y - covered - this.#height)
    else if (y > innerHeight - 2 * this.#height) scrollBy(0, y - innerHeight + 2 * this.#height)
  }
}
