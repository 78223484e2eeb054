// @ts-check
'use strict'

/** The lower end of a terminal, drawn again and again, with lines above it that stay. */

// Synchronized output: what is between them a terminal that knows them shows at once; the others do not mind.
const BEGIN = '\x1b[?2026h'
const END = '\x1b[?2026l'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[J'
const CLEAR_LINE = '\x1b[2K'
// What is too wide after all (terminals differ over emoji) does not wrap, so no line moves.
const NO_WRAP = '\x1b[?7l'
const WRAP = '\x1b[?7h'
const UP = '\x1b[1A'

/** Milliseconds between two drawings. */
const INTERVAL = 100

/**
 * @typedef {{ text: string, width: number }} Line `width`: in columns, at most the terminal's
 * @typedef {(size: { columns: number, rows: number }) => Line[]} Render
 */

class Live {
  /** What stays, and is not written yet. @type {string[]} */
  #lines = []
  /** The widths of the lines that are drawn: a terminal that became narrower has wrapped them. @type {number[]} */
  #drawn = []
  #frame = ''
  #last = Number.NEGATIVE_INFINITY
  #ended = false

  /**
   * @param {NodeJS.WritableStream & { columns?: number, rows?: number, writableNeedDrain?: boolean }} stream
   * @param {Render} render
   */
  constructor(stream, render) {
    this.stream = stream
    this.render = render
    this.resized = () => this.#draw(true)
    this.end = this.end.bind(this)
    // However this process ends, if it can still do anything.
    process.on('exit', this.end)
    stream.on('resize', this.resized)
    this.timer = setInterval(() => this.#draw(false), INTERVAL)
    this.timer.unref()
  }

  /** @param {readonly string[]} lines they stay above what is drawn */
  print(lines) {
    // Not push(...lines): a long output has more lines than a call may have arguments.
    for (const line of lines) this.#lines.push(line)
    this.touch()
  }

  /** Something has changed. A loop that is too busy for timers draws here. */
  touch() {
    if (performance.now() - this.#last >= INTERVAL) this.#draw(false)
  }

  /** Leaves what stays, and nothing else. */
  end() {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.timer)
    process.off('exit', this.end)
    this.stream.off('resize', this.resized)
    this.stream.write(this.#erased() + this.#above() + (this.#frame === '' ? '' : SHOW_CURSOR))
  }

  /** @param {boolean} whole even where nothing has changed */
  #draw(whole) {
    if (this.#ended) return
    // A terminal that does not keep up gets no pictures that are old when they arrive.
    if (this.stream.writableNeedDrain && !whole) return
    this.#last = performance.now()
    // Where nothing is known (a terminal that a program made) a size of 0 is told.
    const size = { columns: this.stream.columns || 80, rows: this.stream.rows || 24 }
    const lines = this.render(size)
    const frame = lines.map(line => line.text).join('\r\n')
    if (frame === this.#frame && this.#lines.length === 0 && !whole) return
    const erased = (this.#frame === '' ? HIDE_CURSOR : '') + this.#erased()
    this.stream.write(`${BEGIN}${erased}${this.#above()}${frame === '' ? '' : NO_WRAP + frame + WRAP + CLEAR_BELOW}${END}`)
    this.#frame = frame
    this.#drawn = lines.map(line => line.width)
  }

  #erased() {
    const columns = this.stream.columns || 80
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    this.#drawn = []
    // Line by line: some terminals keep a screen that is cleared from its first line on as if it had been scrolled away.
    return `${CLEAR_LINE}${`${UP}${CLEAR_LINE}`.repeat(Math.max(0, rows - 1))}\r`
  }

  #above() {
    const text = this.#lines.map(line => `${line}\r\n`).join('')
    this.#lines = []
    return text
  }
}

module.exports = { Live }
