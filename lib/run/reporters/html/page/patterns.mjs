/** How each kind of bar is drawn. Kinds differ in pattern besides colour, and the patterns in more than their lightness. */

/** @typedef {(context: CanvasRenderingContext2D) => void} Drawing draws a tile of 8 by 8 */
/** @typedef {{ color: string, word: string, sign: string, ink?: string, tile?: Drawing, hollow?: boolean }} Kind
 *   `color` and `ink`, which names are written in, are variables of the styles */

/** @type {(points: Array<[number, number, number, number]>) => Drawing} */
const lines = points => context => {
  context.beginPath()
  for (const [x1, y1, x2, y2] of points) {
    context.moveTo(x1, y1)
    context.lineTo(x2, y2)
  }
  context.stroke()
}

/** @type {Drawing} */
const dots = context => {
  for (const [x, y] of [
    [2, 2],
    [6, 6]
  ]) {
    context.beginPath()
    context.arc(x, y, 1.2, 0, Math.PI * 2)
    context.fill()
  }
}

/** @type {Record<string, Kind>} */
export const KINDS = {
  passed: { color: '--passed-bar', ink: '--text', word: 'passed', sign: '✓' },
  failed: {
    color: '--failed',
    word: 'failed',
    sign: '✕',
    tile: lines([
      [1, 1, 7, 7],
      [7, 1, 1, 7]
    ])
  },
  timed_out: {
    color: '--timed_out',
    word: 'timed out',
    sign: '◔',
    tile: lines([
      [0, 2, 8, 2],
      [0, 6, 8, 6]
    ])
  },
  error: {
    color: '--error',
    word: 'error',
    sign: '!',
    tile: lines([
      [2, 0, 2, 8],
      [6, 0, 6, 8]
    ])
  },
  flaky: { color: '--flaky', word: 'passed when run again', sign: '≈', tile: dots },
  skipped: { color: '--skipped', word: 'skipped', sign: '–', hollow: true },
  cancelled: { color: '--not_run', word: 'cancelled', sign: '⊘', hollow: true, tile: lines([[4, 0, 4, 8]]) },
  wait: {
    color: '--text',
    word: 'waiting',
    sign: '',
    tile: lines([
      [-1, 9, 9, -1],
      [-1, 1, 1, -1],
      [7, 9, 9, 7]
    ])
  },
  setup: { color: '--setup', word: 'setup', sign: '' },
  starting: { color: '--serving', word: 'starting', sign: '', hollow: true },
  serving: { color: '--serving', word: 'server ready', sign: '' }
}

/**
 * The colours that the styles have now, and patterns in them.
 * @param {CanvasRenderingContext2D} context
 */
export function paints(context) {
  const probe = document.createElement('span')
  document.body.append(probe)
  /** @param {string} variable */
  const color = variable => {
    probe.style.color = `var(${variable})`
    return getComputedStyle(probe).color
  }
  /** @type {Record<string, { color: string, ink: string, pattern: CanvasPattern | null }>} */
  const kinds = {}
  for (const [name, kind] of Object.entries(KINDS)) {
    kinds[name] = {
      color: color(kind.color),
      ink: color(kind.ink ?? (kind.hollow ? '--text' : '--on-bar')),
      pattern: kind.tile ? pattern(context, kind.tile, name === 'wait' || kind.hollow ? color('--text') : color('--on-bar')) : null
    }
  }
  const all = {
    kinds,
    text: color('--text'),
    muted: color('--muted'),
    line: color('--line'),
    onBar: color('--on-bar'),
    paper: color('--paper'),
    accent: color('--accent'),
    bad: color('--failed')
  }
  probe.remove()
  return all
}

/** @param {CanvasRenderingContext2D} context @param {Drawing} draw @param {string} color */
function pattern(context, draw, color) {
  const ratio = devicePixelRatio
  const tile = document.createElement('canvas')
  tile.width = tile.height = Math.round(8 * ratio)
  const drawing = tile.getContext('2d')
  if (!drawing) return null
  drawing.scale(tile.width / 8, tile.height / 8)
  drawing.strokeStyle = drawing.fillStyle = color
  drawing.globalAlpha = 0.6
  draw(drawing)
  const made = context.createPattern(tile, 'repeat')
  made?.setTransform(new DOMMatrix().scale(8 / tile.width, 8 / tile.height))
  return made
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ color: string, pattern: CanvasPattern | null }} paint
 * @param {string} kind
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
export function fillBar(context, paint, kind, x, y, width, height) {
  if (kind === 'wait') {
    context.globalAlpha = 0.35
    context.fillStyle = paint.color
    context.fillRect(x, y, width, height)
    context.globalAlpha = 1
  } else if (KINDS[kind].hollow && width > 3) {
    context.strokeStyle = paint.color
    context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1)
  } else {
    context.fillStyle = paint.color
    context.fillRect(x, y, width, height)
  }
  if (paint.pattern && width > 3) {
    context.fillStyle = paint.pattern
    context.fillRect(x, y, width, height)
  }
}
