// @ts-check
'use strict'

// The integration with Jest, in tests that Jest runs.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { COMPLAINTS, leaksOf, makeJestProject, versions } = require('./support-integrations/jest.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const { nodes } = findNodes()
/** @param {number} version */
const nodeOf = version => nodes.find(node => node.version === version)?.node ?? process.execPath

/** @type {Record<number, Array<{ name: string, args: string[], node: string }>>} */
const ways = {
  29: [{ name: 'in child processes', args: [], node: nodeOf(24) }],
  30: [
    { name: 'in child processes', args: [], node: process.execPath },
    { name: 'in worker threads', args: ['--workerThreads'], node: nodeOf(22) },
    { name: 'in worker threads, under jsdom', args: ['--workerThreads', '--env=jsdom'], node: nodeOf(24) }
  ]
}

/** Each worker has one lease of its own, in all files that it ran, and no two workers have the same. @param {Array<Record<string, any>>} ledger */
function assertOwn(ledger) {
  const used = ledger.filter(({ what }) => what === 'own')
  const numbers = new Map(used.map(({ worker, number }) => [worker, number]))
  assert.equal(used.length, 8)
  assert.equal(numbers.size, 5, 'eight files are run by five workers')
  assert.equal(new Set(numbers.values()).size, 5)
  for (const { worker, number } of used) assert.equal(number, numbers.get(worker))
}

for (const { version, folder, skip } of versions) {
  describe(`Jest ${version}`, { skip }, () => {
    for (const { name, args, node } of ways[version]) {
      it(`shares a broker between tests ${name}`, LONG, async t => {
        const { project, jest } = makeJestProject(t, folder)
        const { code, output } = await jest(['parallel', 'scopes', 'late', ...args], { node })
        assert.equal(code, 0, output)
        assert.doesNotMatch(output, COMPLAINTS)
        assertShared(project.ledger())
        assertOwn(project.ledger())
        const desks = project.ledger().filter(({ what }) => what === 'desk')
        assert.deepEqual(
          desks.map(({ held }) => held),
          [true, true, true],
          'what beforeAll took is held until afterAll, and given back then'
        )
        assert.deepEqual(leaksOf(output), [
          "fragile 1, taken in 'late.case.js › takes it again'",
          "fragile 1, taken in 'late.case.js › takes it'",
          "things 1, taken in 'scopes/first.case.js › a group forgets'",
          "things 1, taken in 'scopes/second.case.js › a group forgets'",
          "things 1, taken in 'scopes/third.case.js › a group forgets'"
        ])
        assert.match(output, /^ephemeral-broker: at most in use: accounts \d of 3, desks 1 of 1, .*; longest wait: .*; 5 leaks$/m)
        assert.deepEqual(project.left(), [])
      })
    }

    it('fails tests that leak; what fails, is retried, takes too long or runs beside others gives back', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const args = ['outcomes', '--maxWorkers=2', '--json', '--outputFile=report.json']
      const { code, output } = await jest(args, { env: { LEAKS: 'fail' } })
      assert.equal(code, 1, output)
      assert.doesNotMatch(output, COMPLAINTS)
      /** @type {{ testResults: Array<{ assertionResults: Array<{ title: string, status: string, failureMessages: string[] }> }> }} */
      const report = JSON.parse(project.read('report.json').join(''))
      const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
      assert.deepEqual(Object.fromEntries(tests.map(({ title, status }) => [title, status])), {
        leaks: 'failed',
        'takes what was given back': 'passed',
        'releases in afterEach': 'passed',
        fails: 'failed',
        'goes on after that': 'passed',
        'succeeds at the third attempt': 'passed',
        'waits for too long': 'failed',
        'gets what the one before waited for': 'passed',
        'takes one': 'passed',
        'takes another': 'passed',
        'takes one of its own': 'passed'
      })
      assert.match(
        String(tests.find(({ title }) => title === 'leaks')?.failureMessages),
        /^BrokerError: leaked: not released: things 1, taken in 'outcomes\/leaks\.case\.js › leaks' by jest-worker-\d pid \d+\. Release it .*[^\n]$/
      )
      assert.deepEqual(
        project.ledger().map(({ number }) => number),
        [1, 2, 3],
        'attempts'
      )
      assert.deepEqual(leaksOf(output), [
        "desks 1, taken in 'outcomes/retries.case.js › succeeds at the third attempt'",
        "desks 1, taken in 'outcomes/retries.case.js › succeeds at the third attempt'",
        "fragile 1, taken in 'outcomes/leaks.case.js › fails'",
        "lamps 1, taken in 'outcomes/timeouts.case.js › waits for too long'",
        "things 1, taken in 'outcomes/leaks.case.js › leaks'"
      ])
      assert.deepEqual(project.left(), [])
    })

    it('gives what a killed worker held to a test elsewhere', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['crash', '--maxWorkers=2'])
      assert.equal(code, 1, output)
      assert.match(output, /1 failed, 1 passed, 2 total/)
      assert.deepEqual(
        project.ledger().map(({ what }) => what),
        ['crash', 'took']
      )
      assert.deepEqual(leaksOf(output), ["fragile 1, taken in 'crash/crash.case.js › is killed'"])
      assert.deepEqual(project.left(), [])
    })
  })
}
