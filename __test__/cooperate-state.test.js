// @ts-check
'use strict'

/** The state of a semaphore of `ephemeral-broker/cooperate`: against a plain count, by chance, in one place and in several processes. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const states = require('../lib/cooperate/state.js')
const { TIMEOUT, cooperateHere, setUp, soon } = require('./support-cooperate')
const { makeRandom, seedOf } = require('./support-stress/support.js')

/** @typedef {import('../lib/cooperate/state.js').State} State */

/** A semaphore as one would write it in a page: who has how much, and who waits. */
class Count {
  /** @type {Map<string, number>} */
  held = new Map()
  /** @type {Array<[string, number]>} */
  line = []

  /** @param {number} value */
  constructor(value) {
    this.value = value
  }

  /** @param {string} who @param {number} amount */
  ask(who, amount) {
    this.line.push([who, amount])
    this.serve()
  }

  /** @param {string} who @param {number} amount */
  askNow(who, amount) {
    if (amount > this.value) return false
    this.grant(who, amount)
    return true
  }

  /** @param {string} who @param {number} remaining */
  giveBack(who, remaining) {
    this.line = this.line.filter(([name]) => name !== who)
    const before = this.held.get(who) ?? 0
    if (before > remaining) this.value += before - remaining
    if (remaining > 0 && before > remaining) this.held.set(who, remaining)
    else if (remaining === 0) this.held.delete(who)
    this.serve()
  }

  serve() {
    while (this.line.length > 0 && this.line[0][1] <= this.value) {
      const [[who, amount]] = this.line.splice(0, 1)
      this.grant(who, amount)
    }
  }

  /** @param {string} who @param {number} amount */
  grant(who, amount) {
    this.value -= amount
    this.held.set(who, amount)
  }
}

describe('the state of a semaphore', { timeout: TIMEOUT }, () => {
  test('is that of a plain count, whatever is asked', t => {
    const chance = makeRandom(seedOf(t))
    const random = (/** @type {number} */ below) => Math.floor(chance() * below)
    for (let round = 0; round < 300; round++) {
      const initialValue = random(6)
      const count = new Count(initialValue)
      let state = states.fresh({ initialValue, managed: true })
      for (let step = 0; step < 40; step++) {
        const who = `w${step}`
        const one = `w${random(step + 1)}`
        const amount = random(5)
        const what = random(4)
        if (what === 0) {
          state = states.join(state, amount, who)
          count.ask(who, amount)
        } else if (what === 1) {
          const next = states.take(state, amount, who)
          assert.equal(next !== null, count.askNow(who, amount))
          state = next ?? state
        } else {
          const remaining = what === 2 ? 0 : 1 + random(3)
          // Parts are given back by who holds something.
          if (remaining > 0 && !state.held[one]) continue
          state = states.giveBack(state, one, remaining) ?? state
          count.giveBack(one, remaining)
        }
        assert.deepEqual(
          [state.value, Object.entries(state.held).sort(), state.queue.map(({ holder, amount }) => [holder, amount])],
          [count.value, [...count.held].sort(), count.line]
        )
        assert.equal(state.value + sum(Object.values(state.held)), initialValue, 'nothing is lost, nothing is made')
      }
    }
  })

  test('keeps to the count over processes and threads, and has all back when a part of them was killed', async t => {
    const seed = seedOf(t)
    const { client, workers } = await setUp(t, 'process', 'process', 'thread', 'process', 'thread')
    const mortal = workers.slice(3)
    for (const worker of mortal) void worker.do(work, seed, Infinity)
    const random = makeRandom(seed)
    const done = workers.slice(0, 3).map(async (worker, at) => {
      const most = await worker.do(work, seed + at, 20 + 20 * random())
      // In the midst of whatever the others do.
      await mortal[at]?.kill()
      return most
    })
    const most = Math.max(...(await soon(Promise.all(done), 40_000)))
    assert.ok(most > 1 && most <= CAPACITY, `${most} of ${CAPACITY} were in use`)
    const { SharedContext } = cooperateHere(t, client.pipe)
    await soon(new SharedContext('c').createSemaphore('s', CAPACITY).acquire(CAPACITY))
  })
})

const CAPACITY = 5

/**
 * Takes and gives back by chance, and looks how much is in use by those who say so.
 * @param {import('./support-cooperate').World} world
 * @param {number} seed
 * @param {number} rounds
 */
async function work({ SharedContext, worker }, seed, rounds) {
  const semaphore = new SharedContext('c').createSemaphore('s', 5)
  const random = (/** @type {number} */ below) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * below)
  }
  let most = 0
  /** @param {number} by */
  const count = async by => {
    // Those who are killed would stay counted.
    if (rounds < Infinity) most = Math.max(most, await worker().incr('in use', by))
  }
  const line = async () => {
    for (let round = 0; round < rounds; round++) {
      const amount = random(4)
      const release = await (random(3) > 0 ? semaphore.acquire(amount) : semaphore.acquireNow(amount).catch(() => null))
      if (!release) continue
      await count(amount)
      const part = random(amount + 1)
      await count(-part)
      release(part)
      await count(part - amount)
      release()
    }
  }
  await Promise.all([line(), line()])
  return most
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((all, one) => all + one, 0)
}
