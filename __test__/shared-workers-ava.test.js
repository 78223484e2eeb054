// @ts-check
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { FIVE, ROOT, TEN, count, makeProject } = require('./support-shared-workers/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const cli = path.join(ROOT, 'bin', 'ephemeral-broker.js')

const modern = findNodes().nodes.find(({ version }) => version >= 22)
const versions = [
  { version: '6', found: npmPackage('ava', '6'), node: process.execPath, program: 'node_modules/ava/entrypoints/cli.mjs' },
  // The last one whose dependencies every registry has.
  { version: '8', found: npmPackage('ava', '8.0.1'), node: modern?.node, program: 'node_modules/ava/entrypoints/cli.js' }
]

for (const { version, found, node = '', program } of versions) {
  const skip = found.why ?? (node !== '' ? false : 'there is no Node that it runs on')

  describe(`AVA ${version}`, { skip }, () => {
    /** @type {(t: import('node:test').TestContext, ...folders: string[]) => ReturnType<typeof makeProject>} */
    const project = (t, ...folders) => makeProject(t, ['ava', ...folders], { ava: String(found.path) })

    describe('runs the programs', () => {
      /** @type {Array<[name: string, folders: string[], worker: string, start?: string[]]>} */
      const ways = [
        ['in worker threads, with no configuration', [], 'thread'],
        ['in child processes, with the broker in the configuration', ['ava-processes'], 'process'],
        ['in worker threads, with the broker in the configuration', ['ava-threads'], 'thread'],
        ['in worker threads, with a broker around it', [], 'thread', [cli, 'start', '--no-require-ttl', '--', node]]
      ]
      for (const [name, folders, worker, start = []] of ways) {
        it(name, LONG, async t => {
          const { run, seen, workers, left } = project(t, ...folders)
          const { code, output } = await run({ node, args: [...start, program] })
          assert.equal(code, 0, output)
          assert.match(output, /16 tests passed/)
          assert.deepEqual(seen(), { four: FIVE, one: TEN, three: FIVE, two: TEN })
          assert.ok(
            workers().every(([kind]) => kind === worker),
            String(workers())
          )
          assert.deepEqual(left(), [])
        })
      }
    })

    it('runs the programs with its own shared workers too', LONG, async t => {
      const { run, seen } = project(t)
      const { code, output } = await run({ node, args: [program], env: { PLUGIN: 'ava/plugin' } })
      assert.equal(code, 0, output)
      assert.match(output, /16 tests passed/)
      // It does not wait for a program's last teardowns.
      const [connected, counted] = TEN
      for (const [name, what] of Object.entries(seen())) {
        assert.equal(what[0], connected)
        if (name === 'one' || name === 'two') assert.equal(what[1], counted)
      }
    })

    describe('fails for a program', () => {
      for (const [name, folders] of /** @type {Array<[string, string[]]>} */ ([
        ['in worker threads', []],
        ['in child processes', ['ava-processes']]
      ])) {
        it(`that crashes, though all tests pass, ${name}`, LONG, async t => {
          const { run, left } = project(t, ...folders)
          const { code, output } = await run({ node, args: [program], env: { FAILURE: 'crash' } })
          assert.equal(code, 1, output)
          assert.match(output, /4 tests passed/)
          assert.equal(count(output, 'programs/crash.mjs:5'), 1, output)
          assert.deepEqual(left(), [])
        })

        it(`that is none, ${name}, and nothing hangs`, LONG, async t => {
          const { run, left } = project(t, ...folders)
          const { code, output } = await run({ node, args: [program], env: { FAILURE: 'no-factory' } })
          assert.equal(code, 1, output)
          assert.equal(count(output, /has no factory[^\n]*\n\s+at /), 1, output)
          assert.deepEqual(left(), [])
        })
      }
    })

    it('has a pool, a lock and a shared worker for all test files, which are CommonJS', LONG, async t => {
      const { run, left } = project(t, 'ava-package')
      const { code, output } = await run({ node, args: [program] })
      assert.equal(code, 0, output)
      assert.match(output, /12 tests passed/)
      assert.deepEqual(left(), [])
    })

    it('says what to do where there are only child processes', LONG, async t => {
      const { run } = project(t, 'ava-no-host')
      const { code, output } = await run({ node, args: [program] })
      assert.equal(code, 1, output)
      assert.match(output, /no_pipe: .*Import 'ephemeral-broker\/ava' in ava\.config\.js/)
    })
  })
}

it('has all names of the package, and hosts a broker for as long as the process has something to do', async t => {
  const { run, left } = makeProject(t, 'ava', {})
  const script = `
    import * as forAva from 'ephemeral-broker/ava'
    import all from 'ephemeral-broker'
    const client = new forAva.Client()
    await client.set('key', 1)
    console.log(JSON.stringify({ missing: Object.keys(all).filter(name => forAva[name] !== all[name]), value: await client.get('key') }))`
  const { code, output } = await run({ args: ['--input-type=module', '--eval', script] })
  assert.equal(code, 0, output)
  assert.deepEqual(JSON.parse(output), { missing: [], value: 1 })
  assert.deepEqual(left(), [])
})
