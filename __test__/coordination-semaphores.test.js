// @ts-check
'use strict'

/** Semaphores: permits are counted, and waited for in turn however few are asked for. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, connect, failsWith, orNull, setUp, soon, startWorkers, stillWaiting, waiting } = require('./support-coordination')

describe('a semaphore', { timeout: TIMEOUT }, () => {
  test('with three that wait and two permits returned at once lets in the first two, in order', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'first', 'second', 'third')
    const both = await clients[0].semaphore('browsers', 2).acquire({ amount: 2 })
    /** @type {string[]} */
    const order = []
    const waits = []
    for (const [at, name] of ['', 'first', 'second', 'third'].entries()) {
      if (at === 0) continue
      const wait = await waiting(clients[at], clients[at].semaphore('browsers', 2).acquire())
      wait.result.then(() => order.push(name))
      waits.push(wait)
    }
    assert.equal(await both.release(), true)
    const [first, second] = [await soon(waits[0].result), await soon(waits[1].result)]
    assert.ok(first.token < second.token, 'the first was granted first')
    await stillWaiting([clients[3], waits[2]])
    assert.deepEqual(order, ['first', 'second'])
    await first.release()
    await soon(waits[2].result)
    assert.deepEqual(order, ['first', 'second', 'third'])
    assert.equal(await clients[0].semaphore('browsers', 2).tryAcquire(), null)
  })

  test('never gives more permits than it has, over processes', async t => {
    const { broker, clients } = await setUp(t, {}, 'watcher')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const most = workers.map((worker, at) =>
      worker.do(
        async ({ client, Client }, amount) => {
          // Two sessions for each process, so that it is contended for.
          const clients = [client, new Client()]
          let most = 0
          const work = clients.map(async client => {
            const semaphore = client.semaphore('browsers', 3)
            for (let round = 0; round < 40; round++) {
              const permits = await semaphore.acquire({ amount })
              most = Math.max(most, await client.incr('in use', amount))
              await client.incr('in use', -amount)
              await permits.release()
            }
          })
          await Promise.all(work)
          await clients[1].close()
          return most
        },
        at === 0 ? 2 : 1
      )
    )
    assert.equal(Math.max(...(await soon(Promise.all(most), 30_000))), 3)
    assert.equal((await clients[0].semaphore('browsers', 3).acquire({ amount: 3, wait: 0 })).amount, 3)
  })

  test('lets nobody overtake, however little he asks for', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'big', 'small', 'other')
    const of = (/** @type {number} */ at) => clients[at].semaphore('s', 3)
    const held = [await of(0).acquire(), await of(0).acquire()]
    const big = await waiting(clients[1], of(1).acquire({ amount: 3 }))
    const small = await waiting(clients[2], of(2).acquire({ amount: 1 }))
    assert.equal(await of(3).tryAcquire(), null, 'one permit is free, but others wait')
    await held[0].release()
    await stillWaiting([clients[1], big], [clients[2], small])
    await held[1].release()
    const permits = await soon(big.result)
    await stillWaiting([clients[2], small])
    await permits.release()
    assert.equal((await soon(small.result)).amount, 1)
  })

  test('serves those behind one that gives up, whose time is over, or who dies', async t => {
    const { broker, clients } = await setUp(t, {}, 'holder', 'big', 'small')
    const of = (/** @type {number} */ at) => clients[at].semaphore('s', 2)
    await of(0).acquire()
    const abort = new AbortController()
    const aborted = await waiting(clients[1], of(1).acquire({ amount: 2, signal: abort.signal }))
    let small = await waiting(clients[2], of(2).acquire())
    abort.abort()
    await assert.rejects(aborted.result, failsWith('aborted'))
    await (await soon(small.result)).release()

    const late = await waiting(clients[1], of(1).acquire({ amount: 2, wait: 150 }))
    small = await waiting(clients[2], of(2).acquire())
    await assert.rejects(late.result, failsWith('timeout', /s.*holder/s))
    await (await soon(small.result)).release()

    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    dying.do(async ({ client }) => (await client.semaphore('s', 2).acquire({ amount: 2 })).token)
    await dying.ping()
    small = await waiting(clients[2], of(2).acquire())
    dying.kill()
    await soon(small.result)
  })

  test('takes back a part of the permits', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'one', 'two')
    const permits = await clients[0].semaphore('s', 4).acquire({ amount: 4 })
    assert.deepEqual([permits.name, permits.amount], ['s', 4])
    const one = await waiting(clients[1], clients[1].semaphore('s', 4).acquire())
    const two = await waiting(clients[2], clients[2].semaphore('s', 4).acquire({ amount: 2 }))
    assert.equal(await permits.release(1), true)
    assert.equal(permits.amount, 3)
    await soon(one.result)
    assert.equal(permits.releaseSync(1), true)
    await stillWaiting([clients[2], two])
    for (const amount of [0, -1, 1.5, 3, /** @type {any} */ ('x')]) {
      await assert.rejects(permits.release(amount), failsWith('invalid_option'), String(amount))
    }
    await permits.release(1)
    await soon(two.result)
    assert.equal(permits.amount, 1)
    assert.deepEqual([await permits.release(), await permits.release(), await permits.release(1)], [true, false, false])
    assert.equal(await clients[0].semaphore('s', 4).tryAcquire({ amount: 2 }), null)
    assert.equal((await clients[0].semaphore('s', 4).tryAcquire())?.amount, 1)
  })

  test('has one number of permits for all', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const held = await clients[0].semaphore('s', 2).acquire()
    await assert.rejects(clients[1].semaphore('s', 3).acquire(), failsWith('mismatch', /s/))
    await assert.rejects(clients[1].semaphore('s', 1).tryAcquire(), failsWith('mismatch'))
    assert.throws(() => clients[1].semaphore('s', 1).acquireSync(), failsWith('mismatch'))
    assert.equal((await clients[1].semaphore('s', 2).acquire({ wait: 0 })).amount, 1)
    await held.release()
    for (const permits of [0, -1, 1.5, NaN, /** @type {any} */ ('2'), /** @type {any} */ (undefined)]) {
      assert.throws(() => clients[0].semaphore('s', permits), failsWith('invalid_option'), String(permits))
    }
    for (const amount of [0, -1, 1.5, 3, /** @type {any} */ ('1')]) {
      await assert.rejects(clients[0].semaphore('s', 2).acquire({ amount }), failsWith('invalid_option'), String(amount))
    }
  })

  test('gives the permits of a killed worker to those that wait', async t => {
    const { broker, clients } = await setUp(t, {}, 'one', 'two')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    await dying.do(async ({ client }) => {
      const semaphore = client.semaphore('s', 3)
      await semaphore.acquire()
      const part = await semaphore.acquire({ amount: 2 })
      await part.release(1)
      await semaphore.acquire()
    })
    const one = await waiting(clients[0], clients[0].semaphore('s', 3).acquire({ amount: 2 }))
    const two = await waiting(clients[1], clients[1].semaphore('s', 3).acquire())
    dying.kill()
    await soon(Promise.all([one.result, two.result]))
    assert.equal(await clients[0].semaphore('s', 3).tryAcquire(), null, 'three permits, not more')
  })

  test('is held around a function, and blocking', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [mine, theirs] = [clients[0].semaphore('s', 1), clients[1].semaphore('s', 1)]
    assert.deepEqual([mine.name, mine.permits], ['s', 1])
    assert.equal(
      await mine.with(async permits => {
        assert.equal(permits.amount, 1)
        assert.equal(await theirs.tryAcquire(), null)
        return 'done'
      }),
      'done'
    )
    const failure = new Error('from within')
    await assert.rejects(
      mine.with(() => Promise.reject(failure), { wait: 10 }),
      error => error === failure
    )
    const permits = theirs.acquireSync()
    assert.throws(() => mine.acquireSync({ wait: 10 }), failsWith('timeout', /s.*b/s))
    assert.equal(permits.releaseSync(), true)
    assert.equal(mine.acquireSync({ wait: 0 }).amount, 1)
  })

  test('given up as it is granted loses no permit', async t => {
    const { broker, clients } = await setUp(t, {}, 'holder', 'checker')
    const crowd = Array.from({ length: 4 }, (_, at) => connect(t, broker.pipe, { name: `w${at}` }))
    const checked = clients[1].semaphore('s', 3)
    for (let round = 0; round < 100; round++) {
      const held = await clients[0].semaphore('s', 3).acquire({ amount: 3 })
      const aborts = crowd.map(() => new AbortController())
      const waits = crowd.map((client, at) => client.semaphore('s', 3).acquire({ amount: 1 + (at % 3), signal: aborts[at].signal }))
      const outcomes = waits.map(wait => orNull('aborted', wait))
      await Promise.all(crowd.map(client => client.ping()))
      const released = held.release()
      for (const [at, abort] of aborts.entries()) {
        if ((round + at) % 3 === 0) await new Promise(setImmediate)
        abort.abort()
      }
      const permits = await Promise.all(outcomes)
      await Promise.all([released, ...permits.map(one => one?.release())])
      const all = await checked.acquire({ amount: 3, wait: 2000 })
      await all.release()
    }
    assert.ok((await clients[1].inspect()).sessions.every(({ holds, waits }) => holds.length + waits.length === 0))
  })
})
