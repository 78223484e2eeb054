// @ts-check
'use strict'

/** A terminal's screen to draw on, that leaves behind what was there before. */

const { cut } = require('./text.js')

// The alternate screen; no cursor; what is too wide after all (terminals differ over emoji) does not wrap, so no line moves.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
// What is between them a terminal that knows them shows at once; the others do not mind.
const BEGIN = '\x1b[?2026h\x1b[H'
const END = '\x1b[?2026l'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Where nothing is known (a terminal that a program made) a size of 0 is told. */
const USUAL = { columns: 80, rows: 24 }

class Screen {
  /** @type {string[]} */
  #lines = []
  #entered = false

  /** @param {import('node:tty').WriteStream} stream */
  constructor(stream) {
    this.stream = stream
    stream.on('resize', () => this.#paint())
    // However this process ends, if it can still do anything.
    process.on('exit', () => this.leave())
  }

  enter() {
    if (this.#entered) return
    this.#entered = true
    this.stream.write(ENTER)
    this.#paint()
  }

  leave() {
    if (!this.#entered) return
    this.#entered = false
    this.stream.write(LEAVE)
  }

  /** @param {string[]} lines harmless ones */
  draw(lines) {
    this.#lines = lines
    this.#paint()
  }

  #paint() {
    if (!this.#entered || this.#lines.length === 0) return
    const { columns, rows } = this.stream
    const shown = fitted(this.#lines, columns || USUAL.columns, rows || USUAL.rows)
    // Over what is there: a screen that is cleared first flickers. And each line is cleared before it is written: after a full one the cursor stands
    // on its last character.
    const below = shown.length < (rows || USUAL.rows) ? `\r\n${CLEAR_BELOW}` : ''
    this.stream.write(`${BEGIN}${shown.map(line => CLEAR_LINE + line).join('\r\n')}${below}${END}`)
  }
}

/**
 * What of the lines a screen can show.
 * @param {string[]} lines
 * @param {number} columns
 * @param {number} rows
 */
function fitted(lines, columns, rows) {
  const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`]
  return shown.map(line => cut(line, columns))
}

module.exports = { Screen, fitted }
