// @ts-check
'use strict'

/** Leases of pools: several at once, for a time, under a worker's name, and given up. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { TIMEOUT, begun, failsWith, orNull, setUp, soon, startWorkers, stillWaiting, waiting } = require('./support-coordination')

describe('several pools at once', { timeout: TIMEOUT }, () => {
  test('are had all or none, in the order asked for', async t => {
    const { clients } = await setUp(t, { pools: { a: 1, b: 1, c: ['x', 'y'] } }, 'all', 'b', 'a')
    const b = await clients[1].acquire('b')
    const all = await waiting(clients[0], clients[0].acquire(['c', 'b', { pool: 'a' }, 'c']))
    assert.deepEqual(
      (await clients[2].inspect()).pools.map(({ name, held }) => [name, held]).sort(),
      [
        ['a', 0],
        ['b', 1],
        ['c', 0]
      ],
      'who waits holds nothing'
    )
    await b.release()
    const leases = await soon(all.result)
    assert.deepEqual(
      leases.map(({ pool, value }) => `${pool} ${value}`),
      ['c x', 'b 1', 'a 1', 'c y']
    )
    assert.equal(new Set(leases.map(({ token }) => token)).size, 4)
    await leases[1].release()
    assert.equal((await clients[1].acquire('b', { wait: 0 })).number, 1)
    await assert.rejects(clients[2].acquire(['b', 'a'], { wait: 0 }), failsWith('pool_exhausted'))
    await leases[2].release()
    assert.equal((await clients[2].acquire('a', { wait: 0 })).number, 1, 'what was asked for in vain is free')
  })

  test('are had in any order by all, without a deadlock', async t => {
    const { broker, clients } = await setUp(t, { pools: { a: 1, b: 1, c: 1 } }, 'watcher')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const orders = [
      ['a', 'b'],
      ['b', 'a', 'c'],
      ['c', 'a']
    ]
    const rounds = 60
    const clashes = workers.map((worker, at) =>
      worker.do(
        async ({ client }, pools, rounds) => {
          let clashes = 0
          for (let round = 0; round < rounds; round++) {
            const leases = await client.acquire(pools)
            for (const pool of pools) if ((await client.incr(`in ${pool}`)) !== 1) clashes++
            for (const pool of pools) await client.incr(`in ${pool}`, -1)
            await Promise.all(leases.map(lease => lease.release()))
          }
          return clashes
        },
        orders[at],
        rounds
      )
    )
    assert.deepEqual(await soon(Promise.all(clashes), 30_000), [0, 0, 0])
    assert.ok((await clients[0].inspect()).pools.every(({ held, waiting }) => held === 0 && waiting === 0))
  })

  test('asked for by one who holds what is waited for are granted or refused, never stuck', async t => {
    const { clients } = await setUp(t, { pools: { a: 1, b: 1 } }, 'holds b', 'wants both')
    const b = await clients[0].acquire('b')
    const both = await waiting(clients[1], clients[1].acquire(['a', 'b']))
    const a = await soon(orNull('deadlock', clients[0].acquire('a')))
    await a?.release()
    await b.release()
    assert.equal((await soon(both.result)).length, 2)
  })

  test('all matches are kept', async t => {
    const pools = { accounts: [{ role: 'admin' }, { role: 'user' }], db: 1 }
    const { clients } = await setUp(t, { pools }, 'a', 'b')
    const [account, db] = await clients[0].acquire([{ pool: 'accounts', match: { role: 'user' } }, 'db'])
    assert.deepEqual([account.value, db.value], [{ role: 'user' }, 1])
    await assert.rejects(clients[1].acquire(['accounts', 'db'], { wait: 0 }), failsWith('pool_exhausted', /db/))
    await assert.rejects(clients[1].acquire([{ pool: 'accounts', match: { role: 'x' } }, 'db']), failsWith('no_match'))
  })
})

describe('a lease', { timeout: TIMEOUT }, () => {
  test('without a TTL lasts as long as its client, one with it until its time is over', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'a', 'b')
    const lease = await clients[0].acquire('db', { ttl: 40 })
    const lost = once(lease.signal, 'abort')
    const next = await waiting(clients[1], clients[1].acquire('db'))
    const granted = await soon(next.result)
    await soon(lost)
    assert.ok(failsWith('lost')(lease.signal.reason))
    assert.ok(granted.waited >= 20, `after ${granted.waited} ms`)
    assert.ok(granted.token > lease.token)
    assert.equal(await lease.release(), false)
    assert.equal(await lease.discard('mine no more'), false)
    await assert.rejects(lease.renew(1000), error => ['not_held', 'lost'].includes(/** @type {any} */ (error).code))
    assert.equal((await clients[1].listPool('db'))[0].state, 'held')
    assert.equal(granted.signal.aborted, false)
  })

  test('is renewed, with its own time or another', async t => {
    const { clients } = await setUp(t, { pools: { db: 2 } }, 'a', 'b')
    const [long, short] = [await clients[0].acquire('db', { ttl: 300 }), await clients[0].acquire('db', { ttl: 60_000 })]
    await long.renew(60_000)
    await short.renew(30)
    const granted = await soon(clients[1].acquire('db'))
    assert.equal(granted.number, short.number)
    await assert.rejects(clients[1].acquire('db', { wait: 500 }), failsWith('pool_exhausted'))
    assert.deepEqual([long.signal.aborted, short.signal.aborted], [false, true])
    assert.equal(await long.release(), true)
    await assert.rejects(long.renew(), failsWith('not_held'))
  })

  test('has a higher token than each before it, whatever was granted', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'a', 'b')
    const tokens = []
    for (let round = 0; round < 3; round++) {
      for (const client of clients) {
        const held = [await client.acquire('db'), await client.lock('x'), await client.semaphore('s', 1).acquire()]
        tokens.push(...held.map(({ token }) => token))
        await Promise.all(held.map(one => one.release()))
      }
    }
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((a, b) => a - b)
    )
  })

  test('is given up before it waits, and while it waits', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'holder', 'waiter', 'next')
    const held = await clients[0].acquire('db')
    const reason = new Error('enough')
    await assert.rejects(clients[1].acquire('db', { signal: AbortSignal.abort(reason) }), error => {
      return failsWith('aborted')(error) && /** @type {any} */ (error).cause === reason
    })
    const abort = new AbortController()
    const given = await waiting(clients[1], clients[1].acquire('db', { signal: abort.signal }))
    const next = await waiting(clients[2], clients[2].acquire('db'))
    abort.abort(reason)
    await assert.rejects(given.result, error => failsWith('aborted')(error) && /** @type {any} */ (error).cause === reason)
    await clients[1].ping()
    assert.equal((await clients[0].inspect()).pools[0].waiting, 1)
    await held.release()
    assert.equal((await soon(next.result)).number, 1)
    assert.equal(await (await next.result).release(), true)
  })

  test('that is granted and given up at once is not lost to the others', async t => {
    const { clients } = await setUp(t, { pools: { db: 2 } }, 'holder', 'waiter', 'checker')
    const outcomes = { granted: 0, aborted: 0 }
    for (let round = 0; round < 200; round++) {
      const held = await clients[0].acquire(['db', 'db'])
      const abort = new AbortController()
      const wait = await waiting(clients[1], clients[1].acquire('db', { signal: abort.signal }))
      const released = held[0].release()
      // Now, after the next replies, or some turns of the loop later.
      if (round % 3 === 1) await released
      for (let turn = round % 4; turn > 0; turn--) await new Promise(setImmediate)
      abort.abort()
      const lease = await orNull('aborted', wait.result)
      outcomes[lease ? 'granted' : 'aborted'] += 1
      await Promise.all([lease?.release(), held[0].release(), held[1].release()])
      const both = await clients[2].acquire(['db', 'db'], { wait: 2000 })
      await Promise.all(both.map(one => one.release()))
    }
    t.diagnostic(JSON.stringify(outcomes))
    assert.ok((await clients[2].listPool('db')).every(({ state }) => state === 'free'))
  })

  test('whose time to wait ends as it is granted is not lost to the others', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'holder', 'waiter', 'checker')
    const outcomes = { granted: 0, late: 0 }
    for (let round = 0; round < 100; round++) {
      const held = await clients[0].acquire('db')
      const wait = await begun(clients[1], clients[1].acquire('db', { wait: 1 + (round % 3) }))
      for (let turn = round % 30; turn > 0; turn--) await new Promise(setImmediate)
      const [lease] = await Promise.all([orNull('pool_exhausted', wait.result), held.release()])
      outcomes[lease ? 'granted' : 'late'] += 1
      await lease?.release()
      await (await clients[2].acquire('db', { wait: 2000 })).release()
    }
    t.diagnostic(JSON.stringify(outcomes))
  })
})

describe('lease(key, workerId) on a pool', { timeout: TIMEOUT }, () => {
  test('gives other numbers than acquire, and waits for one', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 3 } }, 'a', 'b', 'c', 'd')
    const acquired = await clients[0].acquire('accounts')
    const leased = [await clients[0].lease('accounts', 'w1'), await clients[1].lease('accounts', 'w2')]
    assert.deepEqual([acquired.number, ...leased].sort(), [1, 2, 3])
    assert.equal(await clients[0].lease('accounts', 'w1'), leased[0], 'it is renewed, not waited for')
    const third = await waiting(clients[2], clients[2].lease('accounts', 'w3'))
    const fourth = await waiting(clients[3], clients[3].acquire('accounts'))
    await acquired.release()
    assert.equal(await soon(third.result), acquired.number)
    await stillWaiting([clients[3], fourth])
    assert.equal(await clients[1].release('w2'), true)
    assert.equal((await soon(fourth.result)).number, leased[1])
  })

  test('says who holds them when there is none in time', async t => {
    const { broker, clients } = await setUp(t, { pools: { accounts: 2 } }, 'b')
    const [holder] = await startWorkers(t, broker.pipe, 'worker-7')
    await holder.describe('pays by card')
    await holder.do(({ client }) => client.lease('accounts', 'mine'))
    const other = await clients[0].acquire('accounts')
    const told = failsWith('pool_exhausted', new RegExp(`accounts.*mine.*${holder.pid}.*pays by card`, 's'))
    await assert.rejects(clients[0].lease('accounts', 'w', { wait: 20 }), told)
    await assert.rejects(clients[0].acquire('accounts', { wait: 20 }), told)
    assert.throws(() => clients[0].leaseSync('accounts', 'w', { wait: 20 }), told)
    holder.kill()
    assert.equal(await clients[0].lease('accounts', 'w', { wait: 5000 }), 1)
    await other.release()
    assert.equal(await clients[0].lease('accounts', 'w2'), 2)
  })

  test('asked for twice under one name while it waits is one lease', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 1 } }, 'a', 'b')
    const held = await clients[0].acquire('accounts')
    const waits = await waiting(clients[1], Promise.all([clients[1].lease('accounts', 'w'), clients[1].lease('accounts', 'w')]))
    await held.release()
    assert.deepEqual(await soon(waits.result), [1, 1])
    assert.equal(await clients[1].release('w'), true)
    assert.equal((await clients[0].acquire('accounts', { wait: 0 })).number, 1)
  })

  test('frees its number for those that wait when its time is over, and by another client of its process', async t => {
    const { broker, clients } = await setUp(t, { pools: { accounts: 1 } }, 'a', 'b', 'c')
    const expired = once(broker, 'leaseExpired')
    await clients[0].lease('accounts', 'w', 40)
    const lease = await soon(clients[1].acquire('accounts'))
    assert.ok(lease.number === 1 && lease.waited > 10)
    const [{ key, workerId, number }] = await soon(expired)
    assert.deepEqual([key, workerId, number], ['accounts', 'w', 1])
    await lease.release()
    await clients[0].lease('accounts', 'x', { ttl: 60_000, detached: true })
    await clients[0].close()
    const wait = await waiting(clients[2], clients[2].acquire('accounts'))
    assert.equal(await clients[1].release('x'), true)
    assert.equal((await soon(wait.result)).number, 1)
  })

  test('of numbers beyond a pool that is defined later frees nothing of the pool', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    for (const worker of ['w1', 'w2', 'w3']) await clients[0].lease('accounts', worker)
    assert.equal(await clients[1].definePool('accounts', ['x', 'y']), 2)
    assert.ok((await clients[1].listPool('accounts')).every(({ state }) => state === 'held'))
    const wait = await waiting(clients[1], clients[1].acquire('accounts'))
    await clients[0].release('w3')
    await stillWaiting([clients[1], wait])
    await clients[0].release('w2')
    assert.equal((await soon(wait.result)).value, 'y')
  })

  test('is not bounded where there is no pool', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 1 } }, 'a')
    assert.deepEqual([await clients[0].lease('other', 'w1'), await clients[0].lease('other', 'w2')], [1, 2])
  })
})
