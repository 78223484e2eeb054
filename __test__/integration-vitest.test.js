// @ts-check
'use strict'

/** Vitest: what test files in all its pools share, and when what they take is given back. */

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { install, makeVitestProject, versions } = require('./support-integrations/vitest.js')

const LONG = { timeout: 90_000 }

/** The test files that do the same. */
const SHARED = ['five.case.mjs', 'four.case.mjs', 'one.case.mjs', 'three.case.mjs', 'two.case.mjs']
/** What is told of `ends.case.mjs`, in any version. */
const LEAKS = [
  'attempts 1 attempts > forgets in the first',
  'sides 1 side by side > a forgets',
  'sides 2 side by side > b forgets',
  'sides 3 side by side > c forgets',
  'things 1 leaks > forgets a thing'
]
/** And from Vitest 4.1 on, which has hooks around tests. */
const LEAKS_AROUND = [
  'attempts 1 around > has it, and forgets another',
  'sides 1 around > side by side, without a fixture > d forgets',
  'sides 2 around > side by side, without a fixture > e forgets'
]

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string[]} [args]
 * @property {true} [installed] as a package manager does it, instead of a link
 * @property {true} [newest] on the newest Node
 * @property {string[]} [more] test files that the others have not
 * @property {string[]} versions of Vitest
 */

/** @type {Way[]} */
const ways = [
  { name: 'forks', installed: true, versions: ['4', '5'] },
  { name: 'threads', env: { POOL: 'threads', UNSET: '1' }, newest: true, more: ['without.plain.mjs'], versions: ['4', '5'] },
  { name: 'vmThreads', env: { POOL: 'vmThreads' }, newest: true, versions: ['3', '4', '5'] },
  { name: 'threads without isolation', env: { POOL: 'threads', NO_ISOLATION: '1', INLINE: '1' }, installed: true, versions: ['3', '4'] },
  { name: 'projects with forks and with threads', args: ['--config', 'projects.config.mjs'], versions: ['3', '4'] }
]

for (const version of versions) {
  describe(`Vitest ${version.version}`, { skip: version.skip, concurrency: 2 }, () => {
    for (const { name, env, args = [], installed, newest, more = [] } of ways.filter(({ versions }) =>
      versions.includes(version.version)
    )) {
      it(`shares a broker among ${name}`, LONG, async t => {
        const { project, vitest } = makeVitestProject(t, newest ? { ...version, node: version.newest } : version)
        if (installed) install(project.root)
        const { code, output } = await vitest(['run', ...args], env)
        assert.equal(code, 0, output)
        assert.doesNotMatch(output, /close timed out|hanging|deprecated/i)
        assertShared(project.ledger())
        assertTestFiles(project.ledger(), [...SHARED, ...more])
        assert.deepEqual(leaksIn(output), version.version === '3' ? LEAKS : [...LEAKS, ...LEAKS_AROUND].sort())
        assert.match(output, /^ephemeral-broker: at most in use: accounts 3 of 3, .*forWorker 5 of 5, .*; [58] leaks$/m)
        assert.deepEqual(project.left(), [])
      })
    }
  })
}

/**
 * Test files, each with a shared worker, begin and end by themselves: not first with their process or thread.
 * @param {ReturnType<ReturnType<typeof makeVitestProject>['project']['ledger']>} ledger
 * @param {string[]} files in order
 */
function assertTestFiles(ledger, files) {
  const names = (/** @type {string} */ wanted) => ledger.filter(({ what }) => what === wanted).map(({ name }) => name)
  assert.deepEqual(names('test file').sort(), files)
  assert.deepEqual(names('no test file').sort(), files)
  assert.equal(names('teardown').length, files.length)
}

/** @param {string} output @returns {string[]} what was not released, and in which test of `ends.case.mjs`, in order */
function leaksIn(output) {
  const lines = output.matchAll(/^ephemeral-broker: not released: (.+), taken in 'ends\.case\.mjs > (.+)' by vitest-worker-\d pid \d+$/gm)
  return [...lines].map(([, what, title]) => `${what} ${title}`).sort()
}
