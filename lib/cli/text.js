// @ts-check
'use strict'

/** Text as a terminal shows it: harmless, so many columns wide, cut, in columns. */

/** What is no character to be seen: controls, direction marks, what breaks lines, halves of characters. A joiner (U+200D) only makes emoji. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200d)\p{Cf}/gu

/** East Asian characters that take two columns, in pairs of first and last. */
const WIDE_RANGES = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd]
]

/** With U+FE0F what else is a sign is an emoji. */
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u

const NO_WIDTH = /^[\p{M}\u200d]+$/u

const PLAIN = /^[\x20-\x7e]*$/

/** Made when needed: it takes longer than all else here. @type {Intl.Segmenter | null} */
let segmenter = null

/** @param {string} text */
function graphemesOf(text) {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter.segment(text)
}

/**
 * What others named, so that it cannot move the cursor, set a title or end its line: control characters become their pictures (␛).
 * @param {string} text
 */
function harmless(text) {
  if (PLAIN.test(text)) return text
  return text.replace(UNSEEN, unseen => {
    const code = /** @type {number} */ (unseen.codePointAt(0))
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : '\ufffd'
  })
}

/** @param {string} grapheme what is seen as one character */
function graphemeWidth(grapheme) {
  const code = /** @type {number} */ (grapheme.codePointAt(0))
  if (WIDE_RANGES.some(([first, last]) => code >= first && code <= last) || EMOJI.test(grapheme)) return 2
  return NO_WIDTH.test(grapheme) ? 0 : 1
}

/**
 * How many columns it takes.
 * @param {string} text
 */
function widthOf(text) {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemesOf(text)) width += graphemeWidth(segment)
  return width
}

/**
 * At most so many columns of it; what is left out becomes "…".
 * @param {string} text
 * @param {number} width 1 or more
 */
function cut(text, width) {
  if (widthOf(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const { segment } of graphemesOf(text)) {
    left -= graphemeWidth(segment)
    if (left < 0) break
    kept += segment
  }
  return `${kept}…`
}

/**
 * Rows with their cells under each other. A cell that is wider than `most` moves what comes after it, but no other row.
 * @param {string[][]} rows
 * @param {{ right?: number[], most?: number }} [options] `right`: the columns that end, not begin, under each other
 */
function columns(rows, { right = [], most = 40 } = {}) {
  /** @type {number[]} */
  const widths = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, Math.min(widthOf(cell), most))
    })
  }
  return rows.map(row =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, widths[column] - widthOf(cell)))
        return right.includes(column) ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  )
}

/**
 * A span as people say it: `340 ms`, `1.2 s`, `3 m 05 s`, `2 h 07 m`.
 * @param {number} ms
 */
function span(ms) {
  const whole = Math.round(ms)
  if (whole < 1000) return `${whole} ms`
  // Not toFixed alone: 59.96 s are a minute, and 9.96 s are ten.
  const tenths = Math.round(ms / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`
  const minutes = Math.round(ms / 60_000)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`
}

const two = (/** @type {number} */ value) => String(value).padStart(2, '0')

/**
 * `1 session`, `3 sessions`
 * @param {number} count
 * @param {string} what
 */
const some = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`

module.exports = { columns, cut, harmless, some, span, widthOf }
