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

const vitest = npmPackage('vitest', '4')
const newVitest = npmPackage('vitest', '5')
const playwright = npmPackage('@playwright/test', '1')
const mocha = npmPackage('mocha', '12')
const { nodes } = findNodes()
const node22 = nodes.find(({ version }) => version >= 22)
const node24 = nodes.find(({ version }) => version >= 24)

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {string} runner the folder of its project
 * @property {Record<string, string>} packages
 * @property {string[]} args
 * @property {string[]} [alone] more arguments, with which all test files run one after the other in one process
 * @property {'thread'} [worker] what a test file runs in, when not in a process of its own
 * @property {string} [node]
 * @property {string | null} [skip] why it cannot run here
 */

/** @type {(found: { path: string | null, why: string | null }, ...names: string[]) => Pick<Way, 'packages' | 'skip'>} */
const from = ({ path: folder, why }, ...names) => ({ packages: Object.fromEntries(names.map(name => [name, String(folder)])), skip: why })

const jest = { runner: 'jest', packages: { jest: ROOT } }
/** @type {Array<Pick<Way, 'runner' | 'packages' | 'skip' | 'node'> & { version: string }>} */
const vitests = [
  { version: '4', runner: 'vitest', ...from(vitest, 'vitest') },
  { version: '5', runner: 'vitest', ...from(newVitest, 'vitest'), node: node22?.node, ...(node22 ? {} : { skip: 'there is no Node 22' }) }
]

/** @type {Way[]} */
const ways = [
  { name: 'Jest, child processes', ...jest, args: ['node_modules/jest/bin/jest.js', '--ci'], alone: ['--runInBand'] },
  { name: 'Jest, worker threads', ...jest, args: ['node_modules/jest/bin/jest.js', '--ci', '--workerThreads'], worker: 'thread' },
  ...vitests.flatMap(
    ({ version, ...vitest }) =>
      /** @type {Way[]} */ ([
        {
          name: `Vitest ${version}, threads`,
          ...vitest,
          args: ['node_modules/vitest/vitest.mjs', 'run', '--pool=threads'],
          worker: 'thread'
        },
        {
          name: `Vitest ${version}, forks`,
          ...vitest,
          args: ['node_modules/vitest/vitest.mjs', 'run', '--pool=forks'],
          alone: ['--no-isolate', '--maxWorkers=1']
        }
      ])
  ),
  {
    name: 'Playwright',
    runner: 'playwright',
    ...from(playwright, '@playwright/test'),
    args: ['node_modules/@playwright/test/cli.js', 'test'],
    alone: ['--workers=1']
  },
  { name: 'Mocha', runner: 'mocha', ...from(mocha, 'mocha'), args: ['node_modules/mocha/bin/mocha.js'], alone: ['--no-parallel'] },
  {
    name: 'node:test inside ephemeral-broker start',
    runner: 'node',
    packages: {},
    args: [cli, 'start', '--no-require-ttl', '--', process.execPath, '--test', '--test-concurrency=4']
  },
  {
    name: 'node:test with a global setup',
    runner: 'node',
    packages: {},
    node: node24?.node,
    args: ['--test', '--test-concurrency=4', '--test-global-setup=setup.mjs'],
    alone: ['--test-isolation=none'],
    skip: node24 ? null : 'there is no Node 24'
  }
]

for (const { name, runner, packages, args, alone, worker = 'process', node, skip } of ways) {
  describe(name, { skip: skip ?? false }, () => {
    it('runs the programs', LONG, async t => {
      const project = makeProject(t, runner, packages)
      const { code, output } = await project.run({ args, node })
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, /shared worker|did not exit|force exited|hanging/i)
      assert.deepEqual(project.seen(), { four: FIVE, one: TEN, three: FIVE, two: TEN })
      assert.ok(
        project.workers().every(([kind]) => kind === worker),
        String(project.workers())
      )
      assert.deepEqual(project.left(), [])
    })

    if (alone) {
      it('runs the programs for test files that follow each other in one process', LONG, async t => {
        const project = makeProject(t, runner, packages)
        const { code, output } = await project.run({ args: [...args, ...alone], node, env: { ALONE: '1' } })
        assert.equal(code, 0, output)
        assert.deepEqual(project.seen(), { four: FIVE, one: TEN, three: FIVE, two: TEN })
        assert.equal(new Set(project.workers().map(([, pid]) => pid)).size, 1)
        assert.deepEqual(project.left(), [])
      })
    }

    it('fails for a program that crashes, though all tests pass', LONG, async t => {
      const project = makeProject(t, runner, packages)
      const { code, output } = await project.run({ args, node, env: { FAILURE: 'crash' } })
      assert.ok(code !== 0 && code !== null, output)
      assert.equal(count(output, 'Error: crashed in mid-run'), 1, output)
      assert.equal(count(output, 'programs/crash.mjs:5'), 1, `its stack, once:\n${output}`)
      assert.doesNotMatch(output, /[1-4] failed|fail [1-4]/, 'the tests passed')
      assert.deepEqual(project.left(), [])
    })

    it('fails for a program that is none, and nothing hangs', LONG, async t => {
      const project = makeProject(t, runner, packages)
      const { code, output } = await project.run({ args, node, env: { FAILURE: 'no-factory' } })
      assert.ok(code !== 0 && code !== null, output)
      assert.equal(count(output, /^ephemeral-broker: the shared worker .*no-factory\.mjs failed$/gm), 1, output)
      assert.deepEqual(project.left(), [])
    })
  })
}
