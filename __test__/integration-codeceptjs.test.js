// @ts-check
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { makeInstalledProject } = require('./support-integrations/installed.js')
const { assertLinks, runPage } = require('./support-integrations/pages.js')
const { ROOT, filesOf } = require('./support-integrations/project.js')
const { argumentsOf, gone, onceSaid, told } = require('./support-integrations/output.js')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { count } = require('./support-shared-workers/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const NO_SIGNALS = process.platform === 'win32' && 'there are no signals'
const start = [path.join(ROOT, 'bin', 'ephemeral-broker.js'), 'start', '--']
const program = 'node_modules/codeceptjs/bin/codecept.js'
const { nodes } = findNodes()

/** Each CodeceptJS on a Node that it runs on. @type {Array<[version: string, node: number]>} */
const versions = [
  ['3', 20],
  ['4', 24]
]
const [[OLDEST]] = versions
const page = 'docs/codeceptjs.md'

for (const [version, on] of versions) {
  const { why } = npmPackage('codeceptjs', version)
  const node = nodes.find(({ version }) => version === on)?.node ?? ''
  const skip = why ?? (node === '' ? `there is no Node ${on}` : false)
  /** @type {(t: import('node:test').TestContext, ...fixture: string[]) => ReturnType<typeof makeInstalledProject>} */
  const project = (t, ...fixture) => makeInstalledProject(t, { name: 'codeceptjs', version }, { fixture: ['codeceptjs', ...fixture] })

  describe(`CodeceptJS ${version}`, { skip }, () => {
    it('shares all between five workers', LONG, async t => {
      const { run, ledger, left } = project(t)
      const { code, output } = await run({ node, args: [...start, node, program, 'run-workers', '5'] })
      assert.equal(code, 0, output)
      assert.match(output, /OK {2}\| 5 passed/)
      assertShared(ledger())
      const [line, ...more] = told(output)
      assert.match(line, /at most in use: accounts 3 of 3, .*; longest wait: \d.*; no leaks$/)
      assert.deepEqual(more, [])
      assert.deepEqual(left(), [])
    })

    it('fails a scenario for what it leaks, and no other', LONG, async t => {
      const { run, ledger, left } = project(t, 'codeceptjs-leaks')
      const env = { LEAKS: 'fail', NO_GLOBALS: String(version !== OLDEST) }
      const { code, output } = await run({ node, args: [...start, node, program, 'run', 'leaks_test.js'], env })
      assert.equal(code, 1, output)
      assert.match(output, /1\) leaks\s+it leaks:\s+leaked: not released: things 1, taken in 'leaks: it leaks'/)
      assert.match(output, /FAIL {2}\| 3 passed, 1 failed/)
      assert.equal(count(output, 'ephemeral-broker: not released: '), 1, output)
      assert.deepEqual(
        ledger().map(({ what }) => what),
        ['forgot', 'took']
      )
      assert.deepEqual(left(), [])
    })

    if (version !== OLDEST) return

    it('gives back what is left of a worker that is gone, and of each attempt', LONG, async t => {
      const { run, ledger, left } = project(t, 'codeceptjs-ends')
      const { code, output } = await run({ node, args: [...start, node, program, 'run-workers', '2', '--by', 'suite', '--grep', '@ends'] })
      // It takes no notice of a worker that exits.
      assert.equal(code, 0, output)
      assert.deepEqual(
        ledger().map(({ what }) => what),
        ['crash', 'took']
      )
      assert.match(output, /not released: fragile 1, taken in 'ends: it crashes @ends' by codeceptjs-worker-[12]/)
      assert.equal(count(output, "not released: things 1, taken in 'goes on: it is retried @ends'"), 2, output)
      assert.deepEqual(left(), [])
    })

    it('leaves nothing when it is interrupted', { ...LONG, skip: NO_SIGNALS }, async t => {
      const { run, ledger, left } = project(t, 'codeceptjs-ends')
      const { code, output } = await run({
        node,
        args: [...start, node, program, 'run', '--grep', '@long'],
        onOutput: onceSaid('it has it, and waits', child => child.kill('SIGINT'))
      })
      assert.equal(code, 130, output)
      await gone(ledger()[0].pid)
      assert.deepEqual(left(), [])
    })
  })
}

describe(page, () => {
  const runner = { name: 'codeceptjs', version: OLDEST }
  const { why } = npmPackage('codeceptjs', OLDEST)

  it('does what it says', { ...LONG, skip: why ?? false }, async t => {
    const { run, left } = makeInstalledProject(t, runner, { files: filesOf(page) })
    await runPage(page, words => (words[0] === 'npm' ? null : run({ args: argumentsOf(words, program) })))
    assert.deepEqual(left(), [])
  })

  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript, CommonJS and modules', LONG, async t => {
    const { run } = makeInstalledProject(t, runner, { fixture: 'codeceptjs-types', packages: { '@types/node': ROOT, typescript: ROOT } })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
