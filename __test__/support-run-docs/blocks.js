// @ts-check
'use strict'

// The examples of a page, and what is compared of an output.

const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')

/** @typedef {{ name: string, language: string, text: string, before: string | null }} Block `before`: the language of the block above it, where only a line is between */

/**
 * @param {string} page from the root; behind a `#`, the section that is meant
 * @returns {Block[]}
 */
function blocksOf(page) {
  const [file, section] = page.split('#')
  const all = fs.readFileSync(path.join(root, file), 'utf8').replaceAll('\r\n', '\n')
  const from = section === undefined ? 0 : all.indexOf(`\n## ${section}\n`)
  if (from < 0) throw new Error(`${file} has no section ${section}`)
  const end = section === undefined ? -1 : all.indexOf('\n## ', from + 1)
  const text = all.slice(0, end === -1 ? undefined : end)
  const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(({ index }) => index >= from)
  return found.map((match, at) => {
    const above = found[at - 1]
    const between = above ? text.slice(above.index + above[0].length, match.index).trim() : ''
    return {
      name: `${file}:${text.slice(0, match.index).split('\n').length}`,
      language: match[1],
      text: match[2],
      before: above && !between.includes('\n') ? above[1] : null
    }
  })
}

/**
 * The words of a command line, as a shell would part them.
 * @param {string} line
 */
function wordsOf(line) {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return words.map(word => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double))
}

/**
 * The lines of a shell, each with the exit code that its comment promises.
 * @param {string} text
 * @returns {Array<{ line: string, code: number }>}
 */
function linesOf(text) {
  const joined = text.replace(/\\\n\s*/g, '')
  const lines = joined.split('\n').map(line => ({
    line: line.replace(/(?:^|\s+)#.*$/, '').trim(),
    code: Number(/# exit code (\d+)/.exec(line)?.[1] ?? 0)
  }))
  return lines.filter(({ line }) => line !== '')
}

/**
 * What differs from one run to the next, as one sign.
 * @param {string} line
 */
function constant(line) {
  return line
    .replace(/\[ *[\d. ]+(?:s|m|min)\]/g, '[T]')
    .replace(/\b\d[\d.]*(?: m \d+)? (?:ms|s|m)\b/g, 'T')
    .replace(/\d{4}-\d\d-\d\dT[\d-]+Z-[0-9a-f]+/g, 'RUN')
    .replace(/worker-(\d)-[0-9a-f]{8}/g, 'worker-$1-ID')
    .replace(/\S*ephemeral-run-[0-9a-f]{12}/g, 'DIR')
    .replace(/\b(pid|port) \d+/g, '$1 N')
    .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replace(/worker \d/g, 'worker W')
    .trimEnd()
}

module.exports = { blocksOf, constant, linesOf, root, wordsOf }
