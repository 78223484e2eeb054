// @ts-check
'use strict'

// The page about Mocha, and its types.

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { makeInstalledProject } = require('./support-integrations/installed.js')
const { assertLinks, runPage } = require('./support-integrations/pages.js')
const { ROOT, filesOf, makeProject } = require('./support-integrations/project.js')
const { npmPackage } = require('./support-run-adapters/toolchains.js')

const page = 'docs/mocha.md'
const types = npmPackage('@types/mocha', '10')

describe(page, () => {
  for (const version of ['11', '12']) {
    it(`does what it says in Mocha ${version}`, { timeout: 60_000 }, async t => {
      const { run, left } = makeInstalledProject(t, { name: 'mocha', version }, { files: filesOf(page) })
      await runPage(page, ([program, name, ...args]) => {
        if (program === 'npm') return null
        assert.equal(name, 'mocha')
        return run({ args: [path.join('node_modules', 'mocha', 'bin', 'mocha.js'), ...args] })
      })
      assert.deepEqual(left(), [])
    })
  }

  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript, CommonJS and modules', { timeout: 60_000, skip: types.why ?? false }, async t => {
    const packages = { '@types/mocha': String(types.path), '@types/node': ROOT, typescript: ROOT }
    const { run } = makeProject(t, { fixture: 'mocha-types', packages })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
