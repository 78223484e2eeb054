// @ts-check
'use strict'

const assert = require('node:assert/strict')
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
const cli = path.join(ROOT, 'bin', 'ephemeral-broker.js')
const { nodes } = findNodes()

/** Each AVA on a Node that it runs on: [version, Node, program]. @type {Array<[string, number, string]>} */
const versions = [
  ['6', 20, 'node_modules/ava/entrypoints/cli.mjs'],
  ['7', 24, 'node_modules/ava/entrypoints/cli.mjs'],
  // The last one whose dependencies every registry has.
  ['8.0.1', 22, 'node_modules/ava/entrypoints/cli.js']
]
const [[OLDEST, , PROGRAM]] = versions
const page = 'docs/ava.md'

/** What a page of leaks says of each test that left something behind. */
const FORGOTTEN = [
  "things 1, taken in 'leaks › forgets' by ava-worker-",
  "hooked 1, taken in 'leaks › forgets what its hook took' by ava-worker-",
  "lock attempt, taken in 'leaks › forgets in an attempt' by ava-worker-"
]

for (const [version, on, program] of versions) {
  const found = npmPackage('ava', version)
  const node = nodes.find(({ version }) => version === on)?.node ?? ''
  const skip = found.why ?? (node === '' ? `there is no Node ${on}` : false)
  /** @type {(t: import('node:test').TestContext, ...fixture: string[]) => ReturnType<typeof makeProject>} */
  const project = (t, ...fixture) => makeProject(t, { fixture: ['ava', ...fixture], packages: { ava: String(found.path) } })

  describe(`AVA ${version}`, { skip }, () => {
    it('shares all between five test files, whose tests run side by side', LONG, async t => {
      const { run, ledger, left } = project(t)
      const { code, output } = await run({ node, args: [program] })
      assert.equal(code, 0, output)
      assert.match(output, /30 tests passed/)
      assertShared(ledger())
      const [line, ...more] = told(output)
      assert.match(line, /^ephemeral-broker: at most in use: accounts 3 of 3, .*; longest wait: \d.*; no leaks$/)
      assert.deepEqual(more, [])
      assert.deepEqual(left(), [])
    })

    it('fails a test for what it leaks, and no other', LONG, async t => {
      const { run, ledger, left } = project(t, 'ava-leaks')
      const { code, output } = await run({ node, args: [program, 'leaks.test.mjs'], env: { LEAKS: 'fail' } })
      assert.equal(code, 1, output)
      const failures = [...output.matchAll(/^ +✘ \[fail\]: (.*)$/gm)].map(([, title]) => title)
      assert.deepEqual(failures.sort(), [
        'has no time Test timeout exceeded',
        'leaks for forgets Error thrown in test',
        'leaks for forgets in an attempt Error thrown in test',
        'leaks for forgets what its hook took Error thrown in test'
      ])
      assert.match(output, /BrokerError: leaked: not released: things 1, taken in 'leaks › forgets'/)
      assert.deepEqual(
        ledger().map(({ what, pool }) => pool ?? what),
        ['forgot', 'things', 'slow']
      )
      for (const leak of FORGOTTEN) assert.ok(output.includes(`ephemeral-broker: not released: ${leak}`), output)
      assert.doesNotMatch(told(output).slice(0, -1).join(), /accounts|fragile/)
      assert.match(String(told(output).at(-1)), /; 4 leaks$/)
      assert.deepEqual(left(), [])
    })

    it('runs nothing more in a file after a leak that fails its test, with --fail-fast', LONG, async t => {
      const { run, ledger, left } = project(t, 'ava-fail-fast')
      const { code, output } = await run({
        node,
        args: [program, '--fail-fast', 'forgets.test.mjs', 'waits.test.mjs'],
        env: { LEAKS: 'fail' }
      })
      assert.equal(code, 1, output)
      assert.match(output, /`--fail-fast` is on\. At least 1 test was skipped\.\n\s+1 hook failed\n/)
      assert.deepEqual(
        ledger().map(({ what }) => what),
        ['forgot', 'took'],
        'a test that waits for it gets it'
      )
      assert.match(output, /not released: things 1, taken in 'forgets › forgets'/)
      assert.deepEqual(left(), [])
    })

    if (version !== OLDEST) return

    for (const [where, env] of /** @type {Array<[string, Record<string, string>]>} */ ([
      ['in threads', {}],
      ['in processes', { PROCESSES: '1' }]
    ])) {
      it(`gives back what is left of a test worker that is gone, and keeps AVA's exit code, ${where}`, LONG, async t => {
        const { run, ledger, left } = project(t, 'ava-ends')
        const { code, output } = await run({ node, args: [program, '--serial', '[1-4]-*.test.mjs'], env })
        assert.equal(code, 1, output)
        assert.match(output, /2-takes › takes what the worker that is gone held\n/)
        assert.match(output, /1 hook failed\n\s+1 test failed\n/)
        const what = ledger().map(({ what, slot, pool }) => [what, slot ?? pool ?? ''].join(' '))
        assert.deepEqual(what, ['crash ', 'took fragile', 'slot 1', 'slot 1', 'took things'])
        assert.equal(count(output, 'not released'), 1, output)
        assert.match(output, /not released: fragile 1, taken in '1-crash › crashes'/)
        assert.match(String(told(output).at(-1)), /fragile 1 of 1, things 1 of 1; nobody waited; 1 leak$/)
        assert.deepEqual(left(), [])
      })

      it(`leaves nothing when it is interrupted, ${where}`, { ...LONG, skip: NO_SIGNALS }, async t => {
        const { run, ledger, left } = project(t, 'ava-long')
        const { code, output } = await run({
          node,
          args: [program, 'long.test.mjs'],
          env,
          onOutput: onceSaid('it waits', child => child.kill('SIGINT'))
        })
        assert.equal(code, 1, output)
        await gone(ledger()[0].pid)
        assert.deepEqual(left(), [])
      })
    }

    it('knows the tests of files in processes', LONG, async t => {
      const { run, left } = project(t, 'ava-leaks')
      const { code, output } = await run({ node, args: [program, 'leaks.test.mjs'], env: { PROCESSES: '1' } })
      assert.equal(code, 1, output)
      assert.match(output, /\n {2}1 test failed\n/)
      for (const leak of FORGOTTEN) assert.ok(output.includes(`ephemeral-broker: not released: ${leak}`), output)
      assert.match(String(told(output).at(-1)), /; 4 leaks$/)
      assert.deepEqual(left(), [])
    })

    it('uses the broker around it', LONG, async t => {
      const { run, ledger, left } = project(t)
      const { code, output } = await run({ node, args: [cli, 'start', '--', node, program] })
      assert.equal(code, 0, output)
      assertShared(ledger())
      assert.equal(told(output).length, 1, output)
      assert.deepEqual(left(), [])
    })

    it('tells of each run of a watch what that left, and no other', LONG, async t => {
      const { run } = project(t, 'ava-leaks')
      let runs = 0
      const { output } = await run({
        node,
        args: [program, '--watch', 'leaks.test.mjs', '--match', 'forgets'],
        env: { CI: 'false', TERM: 'xterm' },
        onOutput(output, child) {
          if (count(output, '1 test passed') <= runs) return
          runs++
          if (runs === 1) child.stdin?.write('r\n')
          else child.kill()
        }
      })
      assert.equal(count(output, 'not released: things 1'), 2, output)
    })

    it('says what is wrong with the config', LONG, async t => {
      const { run, left } = project(t)
      const { code, output } = await run({ node, args: [program], env: { LEAKS: 'maybe' } })
      assert.equal(code, 1, output)
      assert.match(output, /invalid_config: .*leaks/)
      assert.deepEqual(left(), [])
    })
  })
}

describe(page, () => {
  const { path: ava, why } = npmPackage('ava', OLDEST)
  const packages = { ava: String(ava), '@types/node': ROOT, typescript: ROOT }

  it('does what it says', { ...LONG, skip: why ?? false }, async t => {
    const { run, left } = makeProject(t, { files: filesOf(page), packages })
    await runPage(page, words => (words[0] === 'npm' ? null : run({ args: argumentsOf(words, PROGRAM) })))
    assert.deepEqual(left(), [])
  })

  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript', LONG, async t => {
    const { run } = makeProject(t, { fixture: 'ava-types', packages })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
