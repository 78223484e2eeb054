/** The colours that programs write for terminals, as elements with classes. All other escape sequences are left out. */

import { harmless } from './text.mjs'

const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]/g

/** @typedef {{ color: number | null, back: number | null, marks: Set<string> }} Style colours are 0 to 7 */

/** @type {Record<number, string>} */
const MARKS = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline', 7: 'inverse', 9: 'struck' }
/** @type {Record<number, string[]>} */
const ENDS = { 22: ['bold', 'dim'], 23: ['italic'], 24: ['underline'], 27: ['inverse'], 29: ['struck'] }

/**
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function terminalText(text) {
  const fragment = document.createDocumentFragment()
  /** @type {Style} */
  const style = { color: null, back: null, marks: new Set() }
  let end = 0
  for (const found of text.matchAll(SEQUENCE)) {
    append(fragment, text.slice(end, found.index), style)
    end = found.index + found[0].length
    if (found[2] === 'm') restyle(style, found[1])
  }
  append(fragment, text.slice(end), style)
  return fragment
}

/**
 * @param {DocumentFragment} fragment
 * @param {string} text
 * @param {Style} style
 */
function append(fragment, text, { color, back, marks }) {
  if (text === '') return
  const shown = document.createTextNode(harmless(text))
  const classes = [
    ...[...marks].map(mark => `t-${mark}`),
    ...(color === null ? [] : [`t-${color}`]),
    ...(back === null ? [] : [`b-${back}`])
  ]
  if (classes.length === 0) return fragment.append(shown)
  const span = document.createElement('span')
  span.className = classes.join(' ')
  span.append(shown)
  fragment.append(span)
}

/**
 * @param {Style} style
 * @param {string} parameters
 */
function restyle(style, parameters) {
  const codes = parameters.split(/[;:]/).map(Number)
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i]
    if (code === 0) Object.assign(style, { color: null, back: null, marks: new Set() })
    else if (MARKS[code]) style.marks.add(MARKS[code])
    else if (ENDS[code]) for (const mark of ENDS[code]) style.marks.delete(mark)
    else if (code === 38 || code === 48) {
      const [color, used] = extended(codes.slice(i + 1))
      if (code === 38) style.color = color
      else style.back = color
      i += used
    } else if (code === 39) style.color = null
    else if (code === 49) style.back = null
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) style.color = code % 10
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) style.back = code % 10
  }
}

/**
 * One of 256 or of 16 million colours, as the nearest of those that can be read on the page, light or dark.
 * @param {number[]} codes those after 38 or 48
 * @returns {[color: number | null, used: number]}
 */
function extended([kind, ...values]) {
  if (kind === 2) return [nearest(values[0], values[1], values[2]), 4]
  const n = values[0]
  if (n < 16) return [n % 8, 2]
  if (!(n < 232)) return [null, 2]
  const cube = n - 16
  return [nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51), 2]
}

/**
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 */
function nearest(red, green, blue) {
  const most = Math.max(red, green, blue)
  const least = Math.min(red, green, blue)
  // Greys are left to the page.
  if (!(most - least > 40)) return null
  const middle = (most + least) / 2
  return (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0)
}
