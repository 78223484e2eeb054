// @ts-check
'use strict'

/** Changes to JSON that leave all else of its text as it is. */

/**
 * @param {string} text
 * @param {(value: any) => void} change
 * @returns {string | null} null: it has comments, or is written in a way that would not be kept
 */
function editedJson(text, change) {
  /** @type {any} */
  let value
  try {
    value = parseJson(text)
  } catch {
    return null
  }
  if (JSON.stringify(value) !== withoutSpace(text)) return null
  change(value)
  const indent = /^[ \t]+(?=")/m.exec(text)?.[0] ?? 2
  const end = /\s*$/.exec(text)?.[0] ?? ''
  const edited = JSON.stringify(value, null, indent)
  return (text.startsWith(MARK) ? MARK : '') + (text.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited) + end
}

/** What editors on Windows put before a text. npm reads over it. */
const MARK = '\uFEFF'

/** @param {string} text @returns {any} */
const parseJson = text => JSON.parse(text.startsWith(MARK) ? text.slice(1) : text)

/** The mark is space, too. @param {string} json */
const withoutSpace = json => json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')

/**
 * What differs between two texts, in lines: what they begin and end with alike is left out.
 * @param {string} before
 * @param {string} after
 */
function lineChanges(before, after) {
  const [old, now] = [linesOf(before), linesOf(after)]
  const least = Math.min(old.length, now.length)
  let start = 0
  while (start < least && old[start] === now[start]) start++
  let end = 0
  while (end < least - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end++
  return { removed: old.slice(start, old.length - end), added: now.slice(start, now.length - end) }
}

/** @param {string} text */
const linesOf = text => text.replace(/\r?\n$/, '').split(/\r?\n/)

module.exports = { editedJson, lineChanges, linesOf, parseJson }
