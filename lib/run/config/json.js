// @ts-check
'use strict'

/** Where a JSON text is wrong: `JSON.parse` says so for some mistakes only, and not in all versions of Node alike. */

const SPACE = /[ \t\n\r]*/y
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/** Reads JSON, and stops where that cannot be read on. */
class Scanner {
  at = 0

  /** @param {string} text */
  constructor(text) {
    this.text = text
  }

  /** @param {RegExp} pattern sticky */
  takes(pattern) {
    pattern.lastIndex = this.at
    if (!pattern.test(this.text)) return false
    this.at = pattern.lastIndex
    return true
  }

  /** @param {string} character */
  takesCharacter(character) {
    this.takes(SPACE)
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  /** @returns {boolean} whether there was a whole value */
  value() {
    this.takes(SPACE)
    if (this.text[this.at] === '{') return this.members('}', () => this.member())
    if (this.text[this.at] === '[') return this.members(']', () => this.value())
    return this.takes(STRING) || this.takes(SCALAR)
  }

  member() {
    this.takes(SPACE)
    return this.takes(STRING) && this.takesCharacter(':') && this.value()
  }

  /**
   * @param {string} end
   * @param {() => boolean} read
   */
  members(end, read) {
    this.at++
    if (this.takesCharacter(end)) return true
    do {
      if (!read()) return false
    } while (this.takesCharacter(','))
    return this.takesCharacter(end)
  }
}

/**
 * @param {string} text that `JSON.parse` refuses
 * @returns {{ line: number, column: number, found: string }} both from 1 on; what is there, in words
 */
function locateJsonError(text) {
  const scanner = new Scanner(text)
  scanner.value()
  scanner.takes(SPACE)
  const before = text.slice(0, scanner.at).split('\n')
  const [word] = /^(?:[\w.+-]+|.)/su.exec(text.slice(scanner.at)) ?? ['']
  return {
    line: before.length,
    column: (before.at(-1) ?? '').length + 1,
    found: word === '' ? 'the end of the file' : JSON.stringify(word)
  }
}

module.exports = { locateJsonError }
