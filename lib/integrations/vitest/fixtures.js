// @ts-check
'use strict'

// Vitest reads from the text of a fixture's function what it depends on: its first parameter must be an object that is taken apart there.

const { kinds, oneOf } = require('../../options.js')
const { readLeases } = require('../fixture-leases.js')
const { Scope } = require('../worker.js')
const { broker, end, tests, titleOf } = require('./tests.js')

/** @typedef {(fixtures: any, use: (value: any) => Promise<void>) => Promise<void>} Fixture */
/** @typedef {Fixture | [Fixture, { scope: 'file' | 'worker' }]} Entry */

const LEASE = {
  pool: { kind: kinds.text },
  scope: { kind: oneOf('test', 'file', 'worker'), fallback: 'test' },
  match: { kind: kinds.members },
  wait: { kind: kinds.wait }
}

/**
 * Fixtures for `test.extend`: `broker`, and a lease for each name.
 * @param {Record<string, import('./index.mjs').LeaseFixture>} [leases]
 * @returns {Record<string, Entry>}
 * @throws {import('../../errors.js').BrokerError} `invalid_option`
 */
function brokerFixtures(leases = {}) {
  /** @type {Record<string, Entry>} */
  const fixtures = { broker: brokerOfTest }
  for (const [name, options] of readLeases(leases, LEASE, fixtures)) fixtures[name] = leaseFixture(options)
  return fixtures
}

/** The broker for one test: what is asked of it is asked by that test, whatever runs beside it. @type {Fixture} */
async function brokerOfTest({ task }, use) {
  const scope = new Scope(titleOf(task))
  const ask = (/** @type {string | symbol} */ key) => tests.run(scope, () => Reflect.get(broker, key))
  const own = new Proxy(broker, {
    get(_broker, key) {
      const value = ask(key)
      return typeof value === 'function' && key !== 'constructor'
        ? (/** @type {any[]} */ ...given) => tests.run(scope, () => ask(key)(...given))
        : value
    }
  })
  await use(own)
  await end(scope)
}

/**
 * @param {Record<string, any>} lease
 * @returns {Entry}
 */
function leaseFixture({ pool, scope, match, wait }) {
  const options = { ...(match ? { match } : {}), ...(wait === undefined ? {} : { wait }) }
  if (scope === 'worker') {
    // biome-ignore lint/correctness/noEmptyPattern: it depends on nothing
    return [async ({}, use) => use(await broker.forWorker(pool, options)), { scope }]
  }
  const acquire = (/** @type {object} */ more) => broker.acquire(pool, { ...options, ...more })
  // A test that has used up its time waits no more.
  if (scope === 'test') return ({ task, signal }, use) => hold(new Scope(titleOf(task)), () => acquire({ signal }), use)
  // The test that is the first to use it is not the one that has it.
  // biome-ignore lint/correctness/noEmptyPattern: it depends on nothing
  return [({}, use) => hold(new Scope(null), () => acquire({}), use), { scope }]
}

/**
 * @param {InstanceType<typeof Scope>} scope whose the lease is, so that it is no leak of a test before it is released
 * @param {() => Promise<import('../../../index.js').Lease>} acquire
 * @param {(lease: import('../../../index.js').Lease) => Promise<void>} use
 */
async function hold(scope, acquire, use) {
  const lease = await tests.run(scope, acquire)
  await use(lease)
  await lease.release()
  await scope.end()
}

module.exports = { brokerFixtures }
