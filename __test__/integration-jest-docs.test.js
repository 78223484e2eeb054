// @ts-check
'use strict'

// The page about Jest: its files, its commands, and what they print.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { ROOT, filesOf } = require('./support-integrations/project.js')
const { makeJestProject } = require('./support-integrations/jest.js')
const { blocksOf, linesOf, wordsOf } = require('./support-run-docs/blocks.js')

const page = 'docs/jest.md'
/** What is not the same each time. @param {string} line */
const same = line =>
  line
    .replace(/longest wait: [^;]*|nobody waited/, 'WAIT')
    .replace(/accounts \d of 3/, 'accounts N of 3')
    .replace(/jest-worker-\d pid \d+/, 'WORKER')
    .trimEnd()

describe('docs/jest.md', () => {
  it('does what it says', { timeout: 90_000 }, async t => {
    const { project, jest } = makeJestProject(t, ROOT, { files: filesOf(page) })
    let printed = ''
    for (const { language, text } of blocksOf(page)) {
      if (language === 'sh') {
        for (const { line, code } of linesOf(text).filter(({ line }) => !line.startsWith('npm '))) {
          const [, name, ...args] = wordsOf(line)
          assert.equal(name, 'jest')
          const run = await jest([...args, '--maxWorkers=2'])
          assert.equal(run.code, code, `${line}\n${run.output}`)
          printed = run.output
        }
      } else if (language === 'text') {
        const lines = printed.split('\n').map(same)
        for (const line of text.trimEnd().split('\n')) assert.ok(lines.includes(same(line)), `not printed: ${line}\n${printed}`)
      }
    }
    assert.deepEqual(project.left(), [])
  })

  it('links to pages that exist', () => {
    const text = fs.readFileSync(path.join(ROOT, page), 'utf8')
    const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link]) => link)
    assert.ok(links.length > 5)
    for (const link of links) assert.ok(fs.existsSync(path.join(ROOT, 'docs', link)), link)
  })
})
