// @ts-check
'use strict'

// The page about Vitest: its files, its command, and what that prints. And its types, as TypeScript sees them in a project.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertLinks, runPage } = require('./support-integrations/pages.js')
const { ROOT, filesOf } = require('./support-integrations/project.js')
const { install, makeVitestProject, versions } = require('./support-integrations/vitest.js')

const LONG = { timeout: 90_000 }
const page = 'docs/vitest.md'
const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
const tsconfig = {
  compilerOptions: {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [path.join(ROOT, 'node_modules', '@types')]
  },
  include: ['**/*.ts']
}

for (const version of versions) {
  describe(`Vitest ${version.version}`, { skip: version.skip }, () => {
    it('does what the page says, and has its types', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version, {
        fixture: 'vitest-types',
        files: { ...filesOf(page), 'tsconfig.json': JSON.stringify(tsconfig) }
      })
      install(project.root)
      // As CommonJS and as ES modules.
      const type = version.version === '4' ? 'commonjs' : 'module'
      fs.writeFileSync(path.join(project.root, 'package.json'), JSON.stringify({ private: true, type }))
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project.root], { encoding: 'utf8' })
      assert.equal(status, 0, `${type}:\n${stdout}`)

      await runPage(page, ([program, ...args]) =>
        program === 'npx' ? vitest([...args.slice(1), '--exclude', 'test/types.test.ts']) : null
      )
      assert.deepEqual(project.left(), [])
    })
  })
}

describe(page, () => {
  it('links to pages that exist', () => assertLinks(page))
})
