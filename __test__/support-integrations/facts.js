// @ts-check
'use strict'

// What must hold of what the tests of all workers did, whatever runner they ran in.

const assert = require('node:assert/strict')

/** @typedef {{ what: string, at: number, pid: number } & Record<string, any>} Entry */

/** Fifty a second: one each so many ms. */
const SPACING = 20
/** By how many ms the clock readings of two workers may be late. */
const LATE = 60

/**
 * @param {Entry[]} entries in order of time
 * @param {string} what
 * @param {(entry: Entry) => string} [of]
 */
function assertOneAtATime(entries, what, of = () => '') {
  /** @type {Map<string, number>} */
  const held = new Map()
  let count = 0
  for (const entry of entries) {
    const key = of(entry)
    if (entry.what === `${what} taken`) {
      assert.equal(held.get(key), undefined, `${what} ${key} is taken twice at a time: ${JSON.stringify(entry)}`)
      held.set(key, entry.pid)
      count++
    } else if (entry.what === `${what} given`) held.delete(key)
  }
  assert.ok(count > 0, `nobody took a ${what}`)
}

/**
 * Accounts are one worker's at a time, the log-in happened once, the lock is held by one, the rate was kept, and five workers were there at once.
 * @param {Entry[]} ledger
 */
function assertShared(ledger) {
  const entries = [...ledger].sort((a, b) => a.at - b.at)
  const all = (/** @type {string} */ what) => entries.filter(entry => entry.what === what)
  assertOneAtATime(entries, 'account', ({ user }) => user)
  assertOneAtATime(entries, 'lock')
  assert.equal(all('login').length, 1, 'the log-in is done once')
  const calls = all('call').map(({ at }) => at)
  assert.ok(calls.length >= 15, `${calls.length} calls`)
  const took = calls[calls.length - 1] - calls[0]
  assert.ok(took >= (calls.length - 1) * SPACING - LATE, `${calls.length} calls took ${took} ms`)
  assert.equal(all('together').length, 5, 'five workers were there at once')
  const slots = all('slot').map(({ slot }) => slot)
  assert.deepEqual([...new Set(slots)].sort(), [1, 2, 3, 4, 5], 'each of five workers has a number of its own')
}

module.exports = { assertOneAtATime, assertShared }
