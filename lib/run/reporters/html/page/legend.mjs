/** What the bars of the timeline mean, drawn as the bars are. */

import { el } from './dom.mjs'
import { fillBar, KINDS, paints } from './patterns.mjs'
import { watchTheme } from './theme.mjs'

/** @param {import('./lanes.mjs').Lane[]} lanes only what is in them is explained */
export function legend(lanes) {
  const used = new Set(lanes.flatMap(({ bars, strips, waits }) => [...bars, ...strips, ...waits].map(({ kind }) => kind)))
  const swatches = Object.entries(KINDS)
    .filter(([kind]) => used.has(kind))
    .map(([kind, { word }]) => ({ kind, word, canvas: el('canvas', { 'aria-hidden': 'true' }) }))
  const draw = () => {
    for (const { kind, canvas } of swatches) swatch(canvas, kind)
  }
  watchTheme(draw)
  draw()
  return el(
    'ul',
    { class: 'legend', 'aria-label': 'What the bars mean' },
    swatches.map(({ canvas, word }) => el('li', null, canvas, word))
  )
}

/** @param {HTMLCanvasElement} canvas @param {string} kind */
function swatch(canvas, kind) {
  const ratio = devicePixelRatio
  canvas.width = Math.round(20 * ratio)
  canvas.height = Math.round(12 * ratio)
  const context = canvas.getContext('2d')
  if (!context) return
  context.scale(ratio, ratio)
  fillBar(context, paints(context).kinds[kind], kind, 0, 0, 20, 12)
}
