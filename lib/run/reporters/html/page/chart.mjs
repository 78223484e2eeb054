/** Draws the lanes, and finds what is at a point of them. */

import { duration } from './format.mjs'
import { fillBar, KINDS } from './patterns.mjs'

/**
 * @typedef {import('./lanes.mjs').Lane} Lane
 * @typedef {import('./lanes.mjs').Bar} Bar
 * @typedef {ReturnType<typeof import('./patterns.mjs').paints>} Paints
 * @typedef {{ from: number, to: number }} Span what of the run is seen, in ms
 * @typedef {object} Layout
 * @property {number} width of the canvas
 * @property {number} gutter where the lanes' names stand
 * @property {number} lane the height of one
 * @property {Span} span
 */

export const AXIS = 22

/** @param {Layout} layout @param {number} time */
export const xOf = ({ width, gutter, span }, time) => gutter + ((time - span.from) / (span.to - span.from)) * (width - gutter)

/** @param {Layout} layout @param {number} x */
export const timeAt = ({ width, gutter, span }, x) => span.from + ((x - gutter) / (width - gutter)) * (span.to - span.from)

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Lane[]} lanes
 * @param {Layout} layout
 * @param {Paints} paint
 * @param {{ dimmed: (bar: Bar) => boolean, selected: string | null }} look
 */
export function drawChart(context, lanes, layout, paint, look) {
  const { width, gutter, lane: height } = layout
  context.clearRect(0, 0, width, AXIS + lanes.length * height)
  drawAxis(context, lanes.length, layout, paint)
  for (const [index, lane] of lanes.entries()) {
    const y = AXIS + index * height
    context.fillStyle = paint.line
    context.fillRect(0, y + height - 1, width, 1)
    context.save()
    context.beginPath()
    context.rect(gutter, y, width - gutter, height)
    context.clip()
    drawLane(context, lane, y, layout, paint, look)
    context.restore()
    drawLabel(context, lane, y, layout, paint)
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} lanes @param {Layout} layout @param {Paints} paint */
function drawAxis(context, lanes, layout, paint) {
  const { width, gutter, lane, span } = layout
  const step = niceStep(((span.to - span.from) / (width - gutter)) * 90)
  context.font = '11px system-ui, sans-serif'
  context.textBaseline = 'middle'
  for (let time = Math.ceil(span.from / step) * step; time <= span.to; time += step) {
    const x = xOf(layout, time)
    context.fillStyle = paint.line
    context.fillRect(Math.round(x), AXIS - 5, 1, lanes * lane + 5)
    const words = time === 0 ? '0' : duration(time)
    const room = context.measureText(words).width
    context.fillStyle = paint.muted
    if (x + room / 2 < width) context.fillText(words, Math.max(gutter, x - room / 2), 8)
  }
}

/** The next of 1, 2, 5, 10 … (for long ones: of whole minutes) that is not below. @param {number} least ms */
function niceStep(least) {
  for (const step of [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000]) if (least > 30_000 && step >= least) return step
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 0.001)))
  return [1, 2, 5, 10].map(n => n * power).find(step => step >= least) ?? least
}

/** @param {CanvasRenderingContext2D} context @param {Lane} lane @param {number} y @param {Layout} layout @param {Paints} paint */
function drawLabel(context, { label, note }, y, { gutter, lane: height }, paint) {
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'middle'
  context.fillStyle = paint.text
  const short = gutter < 100 ? label.replace(/^Worker /, 'W ') : label
  const room = context.measureText(short).width
  context.fillText(short, 4, y + height / 2, gutter - 8)
  context.fillStyle = paint.muted
  context.font = '11px system-ui, sans-serif'
  if (room + context.measureText(note).width + 20 < gutter) context.fillText(note, room + 12, y + height / 2)
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Lane} lane
 * @param {number} y
 * @param {Layout} layout
 * @param {Paints} paint
 * @param {{ dimmed: (bar: Bar) => boolean, selected: string | null }} look
 */
function drawLane(context, lane, y, layout, paint, { dimmed, selected }) {
  const height = layout.lane - 7
  // What failed is drawn last: where bars are thinner than a pixel it is the one that must be seen.
  const shown = visible(lane.bars, layout.span)
  for (const late of [false, true]) {
    for (const bar of shown) {
      if ((bar.kind !== 'passed') !== late) continue
      const [x, width] = extent(bar, layout, late ? 2 : 0.6)
      context.globalAlpha = 1
      const faded = dimmed(bar)
      if (faded) context.globalAlpha = 0.18
      fillBar(context, paint.kinds[bar.kind], bar.kind, x, y + 2, width, height)
      if (width > 14 && !faded) drawName(context, bar, x, y + 2 + height / 2, width, paint)
      context.globalAlpha = 1
      if (bar.test?.key === selected && selected !== null) outline(context, x, y + 2, width, height, paint.accent)
    }
  }
  for (const wait of visible(lane.waits, layout.span)) {
    const [x, width] = extent(wait, layout, 1)
    fillBar(context, paint.kinds['wait'], 'wait', x, y + 2, width, height)
  }
  for (const strip of visible(lane.strips, layout.span)) {
    const [x, width] = extent(strip, layout, 1)
    fillBar(context, paint.kinds[strip.kind], strip.kind, x, y + layout.lane - 5, width, 3)
  }
  for (const mark of lane.marks) drawMark(context, xOf(layout, mark.at), y, layout.lane, paint)
}

/** @param {Bar} bar @param {Layout} layout @param {number} least @returns {[x: number, width: number]} */
function extent({ from, to }, layout, least) {
  const x = xOf(layout, from)
  const width = xOf(layout, to) - x
  // A pixel's gap, so that tests that follow each other can be told apart.
  return [x, Math.max(least, width > 3 ? width - 1 : width)]
}

/** @param {CanvasRenderingContext2D} context @param {Bar} bar @param {number} x @param {number} middle @param {number} width @param {Paints} paint */
function drawName(context, { kind, label }, x, middle, width, paint) {
  const { sign, hollow, tile } = KINDS[kind]
  const words = width > 60 ? `${sign} ${label}`.trim() : sign
  if (words === '') return
  context.save()
  context.beginPath()
  context.rect(x, middle - 20, width - 2, 40)
  context.clip()
  context.font = `${kind === 'failed' ? '600 ' : ''}11px system-ui, sans-serif`
  context.textBaseline = 'middle'
  // Behind the words a pattern would make them hard to read.
  if (tile) {
    context.fillStyle = hollow ? paint.paper : paint.kinds[kind].color
    context.fillRect(x + 1, middle - 7, context.measureText(words).width + 6, 14)
  }
  context.fillStyle = paint.kinds[kind].ink
  context.fillText(words, x + 4, middle)
  context.restore()
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} width @param {number} height @param {string} color */
function outline(context, x, y, width, height, color) {
  context.strokeStyle = color
  context.lineWidth = 2
  context.strokeRect(x - 1, y - 1, width + 2, height + 2)
  context.lineWidth = 1
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} height @param {Paints} paint */
function drawMark(context, x, y, height, paint) {
  context.fillStyle = paint.bad
  context.fillRect(x - 1, y, 2, height)
  context.beginPath()
  context.moveTo(x - 5, y)
  context.lineTo(x + 5, y)
  context.lineTo(x, y + 7)
  context.fill()
}

/** @param {Bar[]} bars in order of `from` @param {Span} span */
function visible(bars, { from, to }) {
  return bars.filter(bar => bar.to >= from && bar.from <= to)
}

/**
 * What is at a point, the smallest first: a mark, a wait, a server's strip, a bar.
 * @param {Lane[]} lanes
 * @param {Layout} layout
 * @param {number} x
 * @param {number} y
 * @returns {{ tip: string, test: import('./data.mjs').Test | null } | null}
 */
export function hit(lanes, layout, x, y) {
  const lane = lanes[Math.floor((y - AXIS) / layout.lane)]
  if (!lane || y < AXIS || x < layout.gutter) return null
  const mark = lane.marks.find(one => Math.abs(xOf(layout, one.at) - x) <= 5)
  if (mark) return { tip: mark.tip, test: null }
  const low = (y - AXIS) % layout.lane > layout.lane - 6
  const order = low ? [lane.strips, lane.waits, lane.bars] : [lane.waits, lane.bars]
  for (const bars of order) {
    const found = nearestBar(bars, layout, x)
    if (found) return found
  }
  return null
}

/** Bars that are thinner than a pointer's aim are found from beside them too. @param {Bar[]} bars @param {Layout} layout @param {number} x */
function nearestBar(bars, layout, x) {
  /** @type {Bar | null} */
  let best = null
  let closest = 3
  for (const bar of visible(bars, { from: timeAt(layout, x - 3), to: timeAt(layout, x + 3) })) {
    const [left, width] = extent(bar, layout, 1)
    const away = Math.max(left - x, x - left - width, 0) - (bar.kind === 'passed' ? 0 : 0.5)
    if (away < closest) {
      closest = away
      best = bar
    }
  }
  return best
}
