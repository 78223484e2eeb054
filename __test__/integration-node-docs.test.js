// @ts-check
'use strict'

// The page about node:test, and its types.

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertLinks, runPage } = require('./support-integrations/pages.js')
const { ROOT, filesOf, makeProject } = require('./support-integrations/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const page = 'docs/node-test.md'
const cli = path.join('node_modules', 'ephemeral-broker', 'bin', 'ephemeral-broker.js')

describe(page, () => {
  for (const { version, node } of findNodes().nodes) {
    it(`does what it says in Node ${version}`, { timeout: 60_000 }, async t => {
      const { run, left } = makeProject(t, { files: filesOf(page) })
      await runPage(page, words => {
        if (words[0] === 'npm' || (words[0] === 'node' && version < 24)) return null
        const args = words.map(word => (word === 'node' ? node : word))
        return run({ node, args: words[0] === 'npx' ? [cli, ...args.slice(2)] : args.slice(1) })
      })
      assert.deepEqual(left(), [])
    })
  }

  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript, CommonJS and modules', { timeout: 60_000 }, async t => {
    const { run } = makeProject(t, { fixture: 'node-types', packages: { '@types/node': ROOT, typescript: ROOT } })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
