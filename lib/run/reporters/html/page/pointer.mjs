/** What the pointer does with the timeline: tells of what is under it, opens it, drags, and zooms. All in pixels of the canvas. */

import { update } from './state.mjs'

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} tip
 * @param {{
 *   at: (x: number, y: number) => { tip: string, test: import('./data.mjs').Test | null } | null, zoom: (factor: number, x: number) => void,
 *   drag: (pixels: number) => void
 * }} chart
 */
export function listenToPointer(canvas, tip, chart) {
  /** @type {{ x: number, moved: boolean } | null} */
  let held = null
  canvas.addEventListener('pointerdown', event => {
    if (event.button === 0) held = { x: event.offsetX, moved: false }
  })
  canvas.addEventListener('pointermove', event => {
    if (held && Math.abs(event.offsetX - held.x) > (held.moved ? 0 : 4)) {
      // From then on the pointer is the chart's, wherever it goes; a click is never.
      canvas.setPointerCapture(event.pointerId)
      chart.drag(event.offsetX - held.x)
      held = { x: event.offsetX, moved: true }
    }
    const found = chart.at(event.offsetX, event.offsetY)
    canvas.classList.toggle('on-test', found?.test != null)
    showTip(tip, canvas, found && !held?.moved ? found.tip : null, event)
  })
  canvas.addEventListener('pointerup', event => {
    if (held && !held.moved) {
      const test = chart.at(event.offsetX, event.offsetY)?.test
      if (test) update({ test: test.key })
    }
    held = null
  })
  canvas.addEventListener('pointercancel', () => {
    held = null
  })
  canvas.addEventListener('pointerleave', () => {
    tip.hidden = true
    if (!held?.moved) held = null
  })
  canvas.addEventListener(
    'wheel',
    event => {
      // The wheel alone scrolls the page, as everywhere else.
      if (event.ctrlKey || event.metaKey)
        chart.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 60) * 0.006), event.offsetX)
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) chart.drag(-(event.deltaX || event.deltaY))
      else return
      event.preventDefault()
    },
    { passive: false }
  )
}

/** @param {HTMLElement} tip @param {HTMLElement} canvas @param {string | null} words @param {PointerEvent} event */
function showTip(tip, canvas, words, event) {
  tip.hidden = words === null
  if (words === null) return
  tip.textContent = words
  const room = canvas.clientWidth - tip.offsetWidth - 4
  tip.style.left = `${Math.max(0, Math.min(room, event.offsetX + 12))}px`
  tip.style.top = `${event.offsetY - (canvas.parentElement?.scrollTop ?? 0) + 18}px`
}
