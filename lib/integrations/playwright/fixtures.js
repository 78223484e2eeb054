// @ts-check
'use strict'

// Playwright reads from the text of a fixture's function what it depends on: its first parameter must be an object that is taken apart there.

const { kinds, oneOf } = require('../../options.js')
const { readLeases } = require('../fixture-leases.js')
const { Scope } = require('../worker.js')
const { beginTest, endGroup, endTest, realm } = require('./realm.js')
const { Waits } = require('./waits.js')

/** @typedef {(fixtures: any, use: (value: any) => Promise<void>, info: any) => Promise<void>} Fixture */
/** @typedef {[Fixture, { scope: 'test' | 'worker', auto?: boolean, box?: boolean, timeout: number }]} Entry */
/** @typedef {import('./waits.js').Acquire} Acquire */
/** @typedef {{ titlePath: readonly string[], retry: number, project: { name: string }, status?: string }} Test */

const LEASE = {
  pool: { kind: kinds.text },
  scope: { kind: oneOf('test', 'worker'), fallback: 'test' },
  match: { kind: kinds.members },
  wait: { kind: kinds.wait, fallback: 60_000 }
}

/** How much longer than its wait a fixture may take, in ms: what the broker says of a wait that was in vain says more than Playwright can. */
const GRACE = 15_000

/** Of the worker's fixtures. */
const workerWaits = new Waits()

/** The worker's, so that its hooks and other fixtures can have it, too. @type {Entry} */
const broker = [
  // biome-ignore lint/correctness/noEmptyPattern: it depends on nothing
  async ({}, use) => {
    await use(realm.broker)
    await workerWaits.end()
    // The client is not closed: what an abandoned test waits for would fail a second time. The process ends right after.
    await endGroup()
  },
  { scope: 'worker', auto: true, box: true, timeout: GRACE }
]

/** For all tests, also those that use the imported broker only. Its value is what their fixtures wait for. @type {Entry} */
const testOfBroker = [
  async ({ broker: _ }, use, /** @type {Test} */ test) => {
    const scope = beginTest(titleOf(test))
    const waits = new Waits()
    await use(waits)
    await waits.end()
    const error = await endTest(scope, test.status)
    if (error) throw error
  },
  // On a clock of its own: it is not skipped when a test has used up its time.
  { scope: 'test', auto: true, box: true, timeout: GRACE }
]

/**
 * Fixtures for `test.extend`: `broker`, and a lease for each name.
 * @param {Record<string, import('./index.js').LeaseFixture>} [leases]
 * @returns {Record<string, Entry>}
 * @throws {import('../../errors.js').BrokerError} `invalid_option`
 */
function brokerFixtures(leases = {}) {
  /** @type {Record<string, Entry>} */
  const fixtures = { broker, _testOfBroker: testOfBroker }
  for (const [name, options] of readLeases(leases, LEASE, fixtures)) fixtures[name] = leaseFixture(options)
  return fixtures
}

/**
 * It waits on its own clock: the time of the test, or of the worker's other fixtures, does not go by meanwhile.
 * @param {Record<string, any>} lease
 * @returns {Entry}
 */
function leaseFixture({ pool, scope, match, wait }) {
  /** @type {Acquire} */
  const acquire = signal => realm.broker.acquire(pool, { wait, signal, ...(match ? { match } : {}) })
  // To Playwright, 0 is no limit.
  const timeout = wait === Infinity ? 0 : wait + GRACE
  return scope === 'worker' ? [forWorker(acquire), { scope, timeout }] : [forTest(acquire), { scope, timeout }]
}

/** @param {Acquire} acquire @returns {Fixture} */
function forTest(acquire) {
  return async ({ _testOfBroker: waits }, use) => {
    const lease = await waits.take(acquire)
    await use(lease)
    await lease.release()
  }
}

/** @param {Acquire} acquire @returns {Fixture} */
function forWorker(acquire) {
  return async ({ broker: _ }, use) => {
    // The test that is the first to use it is not the one that has it.
    const scope = new Scope(null)
    await use(await realm.run(scope, () => workerWaits.take(acquire)))
    await scope.end()
  }
}

/**
 * As Playwright's reporters write it, but for the line.
 * @param {Test} test
 */
function titleOf({ titlePath, retry, project }) {
  return `${project.name && `[${project.name}] › `}${titlePath.join(' › ')}${retry > 0 ? ` (retry #${retry})` : ''}`
}

module.exports = { brokerFixtures }
