// @ts-check
'use strict'

/** Colours, and what of others' text may reach a terminal. */

const path = require('node:path')
const { cut, harmless, span, widthOf } = require('../../cli/text.js')

/**
 * @typedef {'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'plain'} Style
 * @typedef {(style: Style, text: string) => string} Paint
 * @typedef {readonly [text: string, style?: Style]} Piece
 * @typedef {{ isTTY: boolean, columns: number, color: boolean }} Terminal
 */

/** @type {Record<Style, readonly [number, number]>} */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39], plain: [0, 0] }

/**
 * @param {boolean} color
 * @returns {Paint}
 */
function painter(color) {
  if (!color) return (_style, text) => text
  return (style, text) => (style === 'plain' ? text : `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m`)
}

/**
 * What a stream can show. `NO_COLOR` and `FORCE_COLOR` are heeded as Node.js does: the latter wins. A dumb terminal cannot redraw lines.
 * @param {{ isTTY?: boolean, columns?: number }} stream
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Terminal}
 */
function terminalOf(stream, env = process.env) {
  const isTTY = stream.isTTY === true && env.TERM !== 'dumb'
  const forced = env.FORCE_COLOR
  const color = forced === undefined ? isTTY && !env.NO_COLOR : !['0', 'false'].includes(forced)
  return { isTTY, columns: stream.columns || 80, color }
}

// Sequences that are more than colours: strings for the terminal (titles, links, clipboards), all CSI sequences but those that end in m.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are made of them
const SEQUENCES = /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b[ -/]*[0-Z\\^-~]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const COLOURS = /(\x1b\[[0-9;:]*m)/
const RESET = '\x1b[0m'

/**
 * A line of somebody's output: its colours stay where colours are wanted, all else that would move the cursor goes.
 * @param {string} line
 * @param {boolean} color
 */
function harmlessLine(line, color) {
  // A progress line that was written over and over: its last state.
  const last = line.replace(/\r+$/, '').split('\r').at(-1) ?? ''
  const pieces = last.replaceAll('\t', '    ').replace(SEQUENCES, '').split(COLOURS)
  const text = pieces.map((piece, at) => (at % 2 === 0 ? harmless(piece) : color ? piece : '')).join('')
  return color && pieces.length > 1 ? text + RESET : text
}

/**
 * The end of an output as lines.
 * @param {string} output
 * @param {{ most: number, color: boolean }} options
 * @returns {{ lines: string[], total: number }} `total`: how many lines there were
 */
function tail(output, { most, color }) {
  const all = output.replace(/\s+$/, '').split('\n')
  return { lines: all.slice(-most).map(line => harmlessLine(line, color)), total: all.length }
}

/**
 * Pieces of a line, cut so that it is at most so wide.
 * @param {readonly Piece[]} pieces
 * @param {number} width
 * @param {Paint} paint
 * @returns {{ text: string, width: number }}
 */
function fitted(pieces, width, paint) {
  let left = width
  let text = ''
  for (const [piece, style = 'plain'] of pieces) {
    if (left <= 0) break
    const shown = cut(piece, left)
    left -= widthOf(shown)
    text += paint(style, shown)
    if (shown !== piece) break
  }
  return { text, width: width - Math.max(left, 0) }
}

/**
 * A path as people read it: from where they are, if it lies there.
 * @param {string} file
 * @param {string} cwd
 */
function shown(file, cwd) {
  const relative = path.relative(cwd, file)
  return harmless(relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative)
}

const numbers = new Intl.NumberFormat('en-US')

/** 4812 as `4,812`. */
const grouped = (/** @type {number} */ number) => numbers.format(number)

/**
 * `[   0.123s]`
 * @param {number} ms
 */
const bracketed = ms => `[${(ms / 1000).toFixed(3).padStart(8)}s]`

/**
 * A span that is shown while it grows: no tenths, which would flicker.
 * @param {number} ms
 */
const growing = ms => (ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1000))} s` : span(ms))

module.exports = { bracketed, fitted, grouped, growing, harmlessLine, painter, shown, tail, terminalOf }
