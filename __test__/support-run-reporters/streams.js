'use strict'

/** Where reporters write in tests: a pipe that keeps what it gets, and a terminal that shows it. */

const { Writable } = require('node:stream')

/** What a program downstream reads. */
class Pipe extends Writable {
  text = ''

  /**
   * @param {Buffer} chunk
   * @param {string} _encoding
   * @param {() => void} done
   */
  _write(chunk, _encoding, done) {
    this.text += chunk.toString()
    done()
  }
}

/** A terminal, as tty.WriteStream is one to who writes; behind it is an emulator. */
class Tty extends Pipe {
  isTTY = true

  /** @param {{ columns: number, rows: number }} size */
  constructor({ columns, rows }) {
    super()
    const { Terminal } = require('@xterm/headless')
    this.columns = columns
    this.rows = rows
    this.terminal = new Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
    /** How often something was drawn. */
    this.frames = 0
  }

  /**
   * @param {Buffer} chunk
   * @param {string} encoding
   * @param {() => void} done
   */
  _write(chunk, encoding, done) {
    this.frames++
    super._write(chunk, encoding, () => undefined)
    this.terminal.write(chunk, done)
  }

  /**
   * @param {number} columns
   * @param {number} rows
   */
  resize(columns, rows) {
    this.columns = columns
    this.rows = rows
    this.terminal.resize(columns, rows)
    this.emit('resize')
  }

  /** Everything that is shown, and what was scrolled out of sight, when all that was written has been drawn. */
  async screen() {
    await new Promise(done => this.write('', () => this.terminal.write('', () => done(undefined))))
    const { active } = this.terminal.buffer
    const lines = Array.from({ length: active.length }, (_, at) => active.getLine(at)?.translateToString(true) ?? '')
    while (lines.at(-1) === '') lines.pop()
    return lines
  }
}

/**
 * What reporters are told, with what a test wants to be different.
 * @param {import('node:stream').Writable & { isTTY?: boolean, columns?: number }} stream
 * @param {Partial<import('../../lib/run/reporters/index.js').Context>} [rest]
 * @returns {import('../../lib/run/reporters/index.js').Context}
 */
function contextFor(stream, rest = {}) {
  const terminal = { isTTY: stream.isTTY === true, columns: stream.columns ?? 80, color: false }
  const base = {
    stream,
    terminal,
    verbosity: /** @type {const} */ ('normal'),
    streamOutput: false,
    explain: false,
    cwd: '/project',
    env: {},
    options: {}
  }
  return { ...base, ...rest }
}

module.exports = { Pipe, Tty, contextFor }
