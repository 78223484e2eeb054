// @ts-check
'use strict'

// Pages about runners: their commands do what is said of them, and print it.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { blocksOf, linesOf, wordsOf } = require('../support-run-docs/blocks.js')
const { ROOT } = require('./project.js')

/** Without what is not the same each time. @param {string} text */
const same = text =>
  text
    .replace(/longest wait: [^;\n]*|nobody waited/g, 'WAIT')
    .replace(/(in use: accounts) \d/g, '$1 N')
    .replace(/[a-z]+-worker-\d+|pid-?\s?\d+/g, 'N')
    .replace(/\(\d+m?s\)/g, 'TIME')

/**
 * Runs the commands of a page, one after the other, and looks for what it says that they print.
 * @param {string} page below the root
 * @param {(words: string[]) => Promise<{ code: number | null, output: string }> | null} run null: that command is not run
 */
async function runPage(page, run) {
  let printed = ''
  let ran = 0
  for (const { language, text } of blocksOf(page)) {
    for (const { line, code } of language === 'sh' ? linesOf(text) : []) {
      const result = await run(wordsOf(line))
      if (result === null) continue
      assert.equal(result.code, code, `${line}\n${result.output}`)
      printed = same(result.output)
      ran++
    }
    for (const line of language === 'text' ? text.trimEnd().split('\n') : []) {
      assert.ok(printed.includes(same(line.trim())), `not printed: ${line}\n${printed}`)
    }
  }
  assert.ok(ran > 0)
}

/** @param {string} page below the root */
function assertLinks(page) {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8')
  const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link]) => link)
  assert.ok(links.length > 5)
  for (const link of links) assert.ok(fs.existsSync(path.join(ROOT, path.dirname(page), link)), link)
}

module.exports = { assertLinks, runPage }
