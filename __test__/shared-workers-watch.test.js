// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { utimesSync } = require('node:fs')
const path = require('node:path')
const { it } = require('node:test')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { ROOT, count, makeProject } = require('./support-shared-workers/project.js')

const LONG = { timeout: 90_000 }
const RUNS = 3

const ava = npmPackage('ava', '6')
const vitest = npmPackage('vitest', '4')
// Makes Jest take keys from a pipe.
const keys = path.join(__dirname, 'fixtures', 'jest-watch', 'keys.js')

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {string[]} folders
 * @property {Record<string, string>} packages
 * @property {string | null} [skip]
 * @property {string[]} args
 * @property {string[]} over what it says, in any order, when a run is over and it watches
 * @property {(child: import('node:child_process').ChildProcess, root: string) => void} again
 */

/** @type {Way[]} */
const ways = [
  {
    name: 'AVA',
    folders: ['ava', 'ava-watch'],
    packages: { ava: String(ava.path) },
    skip: ava.why,
    args: ['node_modules/ava/entrypoints/cli.mjs', '--watch'],
    over: ['1 test passed'],
    again: child => child.stdin?.write('r\n')
  },
  {
    name: 'Vitest',
    folders: ['vitest', 'vitest-watch'],
    packages: { vitest: String(vitest.path) },
    skip: vitest.why,
    args: ['node_modules/vitest/vitest.mjs', '--watch', 'one'],
    over: ['Waiting for file changes'],
    again: (_, root) => utimesSync(path.join(root, 'one.case.mjs'), new Date(), new Date())
  },
  {
    name: 'Jest, when its teardown knows that it watches',
    folders: ['jest', 'jest-watch'],
    packages: { jest: ROOT },
    args: ['--require', keys, 'node_modules/jest/bin/jest.js', '--ci=false', '--watchman=false', '--watchAll'],
    over: ['Ran all test suites', 'Watch Usage'],
    again: child => child.stdin?.write('\r')
  }
]

for (const { name, folders, packages, skip, args, over, again } of ways) {
  it(`the broker and its programs stay from run to run: ${name}`, { ...LONG, skip: skip ?? false }, async t => {
    const project = makeProject(t, folders, packages)
    let runs = 0
    await project.run({
      args,
      env: { CI: 'false', TERM: 'xterm' },
      onOutput(output, child) {
        if (over.some(words => count(output, words) <= runs)) return
        runs += 1
        if (runs < RUNS) again(child, project.root)
        else child.kill()
      }
    })
    const lines = project.read('runs.txt')
    const [instance] = lines[0].split(' ')
    // Some watch a little late, and run once more by themselves.
    assert.ok(lines.length >= RUNS, String(lines))
    assert.deepEqual(
      lines,
      lines.map((_, index) => `${instance} ${index + 1}`)
    )
  })
}
