// @ts-check
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { assertLinks, runPage } = require('./support-integrations/pages.js')
const { argumentsOf, gone, onceSaid, told } = require('./support-integrations/output.js')
const { ROOT, filesOf, makeProject } = require('./support-integrations/project.js')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { count } = require('./support-shared-workers/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const NO_SIGNALS = process.platform === 'win32' && 'there are no signals'
const NAME = '@cucumber/cucumber'
const start = [path.join(ROOT, 'bin', 'ephemeral-broker.js'), 'start', '--']
const program = `node_modules/${NAME}/bin/cucumber.js`
const { nodes } = findNodes()

/** Each Cucumber on a Node that it runs on. @type {Array<[version: string, node: number]>} */
const versions = [
  ['11', 20],
  ['12', 24],
  ['13', 22]
]
const [[OLDEST]] = versions
const page = 'docs/cucumber.md'

for (const [version, on] of versions) {
  const found = npmPackage(NAME, version)
  const node = nodes.find(({ version }) => version === on)?.node ?? ''
  const skip = found.why ?? (node === '' ? `there is no Node ${on}` : false)
  /** @type {(t: import('node:test').TestContext, ...fixture: string[]) => ReturnType<typeof makeProject>} */
  const project = (t, ...fixture) => makeProject(t, { fixture: ['cucumber', ...fixture], packages: { [NAME]: String(found.path) } })

  describe(`Cucumber ${version}`, { skip }, () => {
    it('shares all between five workers', LONG, async t => {
      const { run, ledger, left } = project(t)
      const { code, output } = await run({ node, args: [...start, node, program, '--parallel', '5'] })
      assert.equal(code, 0, output)
      assert.match(output, /5 scenarios \(5 passed\)/)
      assertShared(ledger())
      const [line, ...more] = told(output)
      assert.match(line, /at most in use: accounts 3 of 3, .*kept 5 of 5.*; longest wait: \d.*; no leaks$/)
      assert.deepEqual(more, [])
      assert.deepEqual(left(), [])
    })

    it('fails a scenario for what it leaks, and no other', LONG, async t => {
      const { run, ledger, left } = project(t, 'cucumber-leaks')
      const args = [...start, node, program, 'features/leaks.feature']
      const { code, output } = await run({ node, args, env: { LEAKS: 'fail' } })
      assert.equal(code, 1, output)
      assert.match(output, /3 scenarios \((?:1 failed, 2 passed|2 passed, 1 failed)\)/)
      assert.match(output, /1\) (?:Scenario: )?it leaks #.+ After \(ephemeral-broker\).+BrokerError: leaked: not released: things 1/s)
      assert.equal(count(output, 'ephemeral-broker: not released: '), 1, output)
      assert.match(output, /not released: things 1, taken in 'leaks: it leaks' by pid-\d+\n/)
      assert.deepEqual(
        ledger().map(({ what }) => what),
        ['forgot', 'took']
      )
      assert.deepEqual(left(), [])
    })

    if (version !== OLDEST) return

    it('gives back what is left of a worker that is gone', LONG, async t => {
      const { run, ledger, left } = project(t, 'cucumber-ends')
      const { code, output } = await run({ node, args: [...start, node, program, '--parallel', '2', '--tags', '@crash'] })
      assert.equal(code, 1, output)
      const [crash, took] = ledger()
      assert.deepEqual([crash.what, took.what, took.pool], ['crash', 'took', 'fragile'])
      assert.match(output, /not released: fragile 1, taken in 'ends: it crashes' by cucumber-worker-[01] pid \d+\n/)
      assert.deepEqual(left(), [])
    })

    it('knows attempts, and what ran out of time, and warns', LONG, async t => {
      const { run, left } = project(t, 'cucumber-ends')
      const { code, output } = await run({ node, args: [...start, node, program, '--retry', '1', '--tags', '@ends'] })
      assert.equal(code, 1, output)
      assert.match(output, /3 scenarios \(1 failed, 2 passed\)/)
      assert.equal(count(output, "not released: things 1, taken in 'ends: it is retried'"), 2, output)
      assert.equal(count(output, "not released: fragile 1, taken in 'ends: it has no time'"), 2, output)
      assert.match(String(told(output).at(-1)), /; 4 leaks$/)
      assert.deepEqual(left(), [])
    })

    it('leaves nothing when it is interrupted', { ...LONG, skip: NO_SIGNALS }, async t => {
      const { run, ledger, left } = project(t, 'cucumber-ends')
      const { code, output } = await run({
        node,
        args: [...start, node, program, '--parallel', '2', '--tags', '@long'],
        onOutput: onceSaid('it waits', child => child.kill('SIGINT'))
      })
      assert.equal(code, 130, output)
      await gone(ledger()[0].pid)
      assert.deepEqual(left(), [])
    })

    it('says how to run it where there is no broker, from a folder above that has no Cucumber', LONG, async t => {
      const { run, root } = project(t)
      fs.mkdirSync(path.join(root, 'app'))
      for (const name of ['features', 'node_modules', 'ledger.js', 'scenario.js'])
        fs.renameSync(path.join(root, name), path.join(root, 'app', name))
      const { code, output } = await run({ node, args: [`app/${program}`, '--require', 'app/features/support/*.js', 'app/features'] })
      assert.equal(code, 1, output)
      assert.match(
        output,
        /no_pipe: this Cucumber worker finds no broker, because EPHEMERAL_PIPE is not set: .*npx ephemeral-broker start -- /
      )
    })
  })
}

describe(page, () => {
  const { path: cucumber, why } = npmPackage(NAME, OLDEST)
  const packages = { [NAME]: String(cucumber), '@types/node': ROOT, typescript: ROOT }

  it('does what it says', { ...LONG, skip: why ?? false }, async t => {
    const { run, left } = makeProject(t, { files: filesOf(page), packages })
    await runPage(page, words => (words[0] === 'npm' ? null : run({ args: argumentsOf(words, program) })))
    assert.deepEqual(left(), [])
  })

  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript, CommonJS and modules', LONG, async t => {
    const { run } = makeProject(t, { fixture: 'cucumber-types', packages })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
