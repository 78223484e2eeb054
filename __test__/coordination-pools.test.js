// @ts-check
'use strict'

/** Pools: what they hold, whom it goes to, and what comes of it when its holder dies. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Broker } = require('..')
const {
  TIMEOUT,
  begun,
  connect,
  failsWith,
  msBetween,
  setUp,
  soon,
  startBroker,
  startWorkers,
  stillWaiting,
  waiting
} = require('./support-coordination')

const PEOPLE = [
  { user: 'ann', role: 'admin', team: { site: 'north', floor: 2 } },
  { user: 'bob', role: 'user', team: { site: 'north', floor: 1 } },
  { user: 'eve', role: 'user', team: { site: 'south', floor: 1 } }
]

describe('a pool', { timeout: TIMEOUT }, () => {
  test("has the values of the broker's option, or numbers", async t => {
    const pools = { accounts: PEOPLE, databases: 2, devices: { values: ['x'], policy: /** @type {const} */ ('lru') }, slots: { size: 1 } }
    const { clients } = await setUp(t, { pools }, 'a')
    const account = await clients[0].acquire('accounts')
    assert.deepEqual([account.pool, account.value, account.number, account.signal.aborted], ['accounts', PEOPLE[0], 1, false])
    assert.ok(Number.isSafeInteger(account.token) && account.waited >= 0)
    const databases = [await clients[0].acquire('databases'), await clients[0].acquire('databases')]
    assert.deepEqual(
      databases.flatMap(({ number, value }) => [number, value]),
      [1, 1, 2, 2]
    )
    assert.deepEqual([(await clients[0].acquire('devices')).value, (await clients[0].acquire('slots')).value], ['x', 1])
    const { pools: told } = await clients[0].inspect()
    assert.deepEqual(Object.fromEntries(told.map(({ name, size, policy }) => [name, [size, policy]])), {
      accounts: [3, 'lowest'],
      databases: [2, 'lowest'],
      devices: [1, 'lru'],
      slots: [1, 'lowest']
    })
  })

  test('counts from leaseStart', async t => {
    const { clients } = await setUp(t, { leaseStart: 0, pools: { databases: 2, names: ['a'] } }, 'a')
    assert.equal((await clients[0].acquire('databases')).number, 0)
    assert.equal((await clients[0].acquire('databases')).value, 1)
    assert.equal((await clients[0].acquire('names')).number, 0)
  })

  test('that makes no sense is refused before the broker is there', () => {
    for (const pools of [
      [],
      'x',
      { a: -1 },
      { a: 1.5 },
      { a: 'x' },
      { a: {} },
      { a: { size: 1, values: [1] } },
      { a: { size: 1, policy: 'best' } }
    ]) {
      assert.throws(() => new Broker({ pools: /** @type {any} */ (pools) }), failsWith('invalid_option'), JSON.stringify(pools))
    }
  })

  test('is defined once by many workers', async t => {
    const { broker } = await setUp(t, {})
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const sizes = await Promise.all(workers.map(worker => worker.do(({ client }, people) => client.definePool('accounts', people), PEOPLE)))
    assert.deepEqual(sizes, [3, 3, 3])
    const taken = await Promise.all(workers.map(worker => worker.do(async ({ client }) => (await client.acquire('accounts')).value.user)))
    assert.deepEqual(taken.sort(), ['ann', 'bob', 'eve'])
    const client = connect(t, broker.pipe)
    assert.equal(await client.definePool('accounts', PEOPLE), 3)
    assert.equal((await client.listPool('accounts')).filter(({ state }) => state === 'held').length, 3)
  })

  test('defined otherwise is a mismatch, and stays as it was', async t => {
    const { clients } = await setUp(t, { pools: { accounts: ['a', 'b'], databases: 2 } }, 'a')
    const [client] = clients
    await assert.rejects(client.definePool('accounts', ['a']), failsWith('mismatch', /accounts/))
    await assert.rejects(client.definePool('accounts', ['b', 'a']), failsWith('mismatch', /accounts/))
    await assert.rejects(client.definePool('accounts', 2), failsWith('mismatch', /accounts/))
    await assert.rejects(client.definePool('databases', 3), failsWith('mismatch', /databases/))
    await assert.rejects(client.definePool('databases', 2, { policy: 'lru' }), failsWith('mismatch', /databases/))
    assert.equal(await client.definePool('databases', 2, { policy: 'lowest' }), 2)
    assert.deepEqual(
      (await client.listPool('accounts')).map(({ value }) => value),
      ['a', 'b']
    )
  })

  test('that is not there is not_found, for each who asks', async t => {
    const { clients } = await setUp(t, { pools: { a: 1 } }, 'a')
    await assert.rejects(clients[0].acquire('nowhere'), failsWith('not_found', /nowhere/))
    await assert.rejects(clients[0].acquire(['a', 'nowhere']), failsWith('not_found', /nowhere/))
    await assert.rejects(clients[0].listPool('nowhere'), failsWith('not_found'))
    await assert.rejects(clients[0].addToPool('nowhere', 1), failsWith('not_found'))
    assert.throws(() => clients[0].acquireSync('nowhere'), failsWith('not_found'))
    assert.equal((await clients[0].listPool('a'))[0].state, 'free')
  })

  test('tells what it holds and who has it', async t => {
    const { clients } = await setUp(t, { pools: { accounts: PEOPLE } }, 'ann', 'bob')
    clients[1].describe('logs in as eve')
    const [first, second] = [await clients[0].acquire('accounts'), await clients[1].acquire('accounts')]
    const [one, two, three] = await clients[0].listPool('accounts')
    assert.deepEqual([one.number, one.value, one.state, one.worker, one.pid], [1, PEOPLE[0], 'held', 'ann', process.pid])
    assert.deepEqual([two.worker, two.test, three.state, 'worker' in three], ['bob', 'logs in as eve', 'free', false])
    assert.ok(Number(two.heldFor) >= 0)
    await Promise.all([first.release(), second.release()])
    assert.ok((await clients[0].listPool('accounts')).every(({ state }) => state === 'free'))
  })
})

describe('who waits for a pool', { timeout: TIMEOUT }, () => {
  test('is served first come, first served, over processes', async t => {
    const { broker, clients } = await setUp(t, { pools: { db: 1 } }, 'holder')
    const held = await clients[0].acquire('db')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    /** @type {string[]} */
    const order = []
    const served = []
    for (const worker of workers) {
      const got = worker.do(async ({ client, kept }) => {
        kept.lease = await client.acquire('db')
        return kept.lease.waited
      })
      await worker.ping()
      served.push(
        got.then(async waited => {
          order.push(worker.name)
          assert.ok(waited > 0)
          await worker.do(({ kept }) => kept.lease.release())
        })
      )
    }
    assert.deepEqual(order, [])
    assert.equal(await held.release(), true)
    await Promise.all(served)
    assert.deepEqual(order, ['w1', 'w2', 'w3'])
  })

  test('is served when the holder is killed, at once, the first of them', async t => {
    const { broker } = await setUp(t, { pools: { db: 1 } })
    const [holder, next, last] = await startWorkers(t, broker.pipe, 'holder', 'next', 'last')
    await holder.do(async ({ client }) => (await client.acquire('db')).number)
    const acquire = async (/** @type {any} */ { client, kept }) => {
      kept.lease = await client.acquire('db')
    }
    const granted = next.timed(acquire)
    await next.ping()
    const later = last.do(acquire).then(() => 'last')
    await last.ping()
    const killed = holder.kill()
    const { at } = await soon(granted)
    t.diagnostic(`from SIGKILL to the grant: ${msBetween(killed, at).toFixed(2)} ms`)
    assert.ok(msBetween(killed, at) < 1000)
    await last.ping()
    assert.equal(await Promise.race([later, Promise.resolve('nobody')]), 'nobody')
    await next.do(({ kept }) => kept.lease.release())
    assert.equal(await soon(later), 'last')
  })

  test('and dies is passed over', async t => {
    const { broker, clients } = await setUp(t, { pools: { db: 1 } }, 'holder', 'last')
    const held = await clients[0].acquire('db')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    dying.do(async ({ client }) => (await client.acquire('db')).number)
    await dying.ping()
    const last = await waiting(clients[1], clients[1].acquire('db'))
    dying.kill()
    await dying.ended
    await stillWaiting([clients[1], last])
    await held.release()
    await soon(last.result)
    await broker.inspect()
  })

  test('is told who holds it when the time is over', async t => {
    const { broker, clients } = await setUp(t, { pools: { db: 2 } }, 'waiter', 'second')
    const [holder] = await startWorkers(t, broker.pipe, 'worker-7')
    await holder.describe('logs in as admin')
    await holder.do(async ({ client }) => (await client.acquire('db')).number)
    await clients[1].acquire('db')
    const told = failsWith('pool_exhausted', new RegExp(`db.*worker-7.*${holder.pid}.*logs in as admin`, 's'))
    await assert.rejects(clients[0].acquire('db', { wait: 30 }), told)
    await assert.rejects(clients[0].acquire('db', { wait: 0 }), failsWith('pool_exhausted', /second/))
    assert.throws(() => clients[0].acquireSync('db', { wait: 30 }), told)
    const start = performance.now()
    const impatient = connect(t, broker.pipe, { wait: 100, name: 'impatient' })
    await assert.rejects(impatient.acquire('db'), told)
    assert.ok(performance.now() - start >= 95, 'the time to wait of the client')
    assert.ok((await clients[0].inspect()).sessions.every(({ waits }) => waits.length === 0))
  })

  test('is served when values are added', async t => {
    const { clients } = await setUp(t, { pools: { names: ['a'], numbers: 1 } }, 'a', 'b', 'c')
    await clients[0].acquire(['names', 'numbers'])
    const [b, c] = [await waiting(clients[1], clients[1].acquire('names')), await waiting(clients[2], clients[2].acquire('names'))]
    assert.equal(await clients[0].addToPool('names', ['b', 'c']), 3)
    const got = [await soon(b.result), await soon(c.result)]
    assert.deepEqual(
      got.map(({ value, number }) => [value, number]),
      [
        ['b', 2],
        ['c', 3]
      ]
    )
    const number = await waiting(clients[1], clients[1].acquire('numbers'))
    assert.equal(await clients[0].addToPool('numbers', 2), 3)
    assert.equal((await soon(number.result)).number, 2)
    // Who comes late and knows the first definition only.
    assert.ok((await clients[2].definePool('names', ['a'])) >= 1)
  })

  test('blocks its thread, with the blocking twin, until it is served', async t => {
    const { broker, clients } = await setUp(t, { pools: { db: 1 } }, 'blocked')
    const [holder] = await startWorkers(t, broker.pipe, 'holder')
    const released = holder.do(async ({ client }) => {
      const lease = await client.acquire('db')
      await client.set('held', true)
      for (;;) {
        const { pools } = await client.inspect()
        if (pools[0].waiting > 0) return lease.release()
      }
    })
    clients[0].waitForSync('held')
    const lease = clients[0].acquireSync('db')
    assert.deepEqual([lease.number, lease.waited > 0], [1, true])
    assert.equal(await released, true)
    assert.deepEqual([lease.releaseSync(), lease.releaseSync()], [true, false])
    const again = clients[0].acquireSync(['db'])
    assert.equal(again[0].number, 1)
  })
})

describe('values of a pool', { timeout: TIMEOUT }, () => {
  test('are picked by their members', async t => {
    const { clients } = await setUp(t, { pools: { accounts: PEOPLE } }, 'a')
    const pick = async (/** @type {Record<string, unknown>} */ match) => {
      const lease = await clients[0].acquire('accounts', { match, wait: 0 })
      await lease.release()
      return lease.value.user
    }
    assert.equal(await pick({ role: 'user' }), 'bob')
    assert.equal(await pick({ role: 'user', team: { site: 'south' } }), 'eve')
    assert.equal(await pick({ team: { floor: 2 } }), 'ann')
    assert.equal(await pick({}), 'ann')
    await assert.rejects(pick({ role: 'guest' }), failsWith('no_match', /accounts/))
    await assert.rejects(pick({ team: 'north' }), failsWith('no_match'))
    await assert.rejects(pick({ team: { floor: '2' } }), failsWith('no_match'))
    await assert.rejects(clients[0].acquire('accounts', { match: { age: 7 } }), failsWith('no_match'))
  })

  test('go to the first that they fit: who waits for another kind blocks nobody', async t => {
    const { clients } = await setUp(t, { pools: { accounts: PEOPLE } }, 'holder', 'admin', 'user', 'any')
    const held = [await clients[0].acquire('accounts'), await clients[0].acquire('accounts'), await clients[0].acquire('accounts')]
    const admin = await waiting(clients[1], clients[1].acquire('accounts', { match: { role: 'admin' } }))
    const user = await waiting(clients[2], clients[2].acquire('accounts', { match: { role: 'user' } }))
    const any = await waiting(clients[3], clients[3].acquire('accounts'))
    await held[1].release()
    assert.equal((await soon(user.result)).value.user, 'bob')
    await stillWaiting([clients[1], admin], [clients[3], any])
    await held[2].release()
    assert.equal((await soon(any.result)).value.user, 'eve')
    await stillWaiting([clients[1], admin])
    // The one that fits any now stands before the one that is particular.
    await held[0].release()
    const ann = await soon(admin.result)
    const first = await waiting(clients[0], clients[0].acquire('accounts'))
    const second = await waiting(clients[1], clients[1].acquire('accounts', { match: { role: 'user' } }))
    await (await user.result).release()
    assert.equal((await soon(first.result)).value.user, 'bob')
    await ann.release()
    await stillWaiting([clients[1], second])
  })

  test('are the lowest, the longest free, or any', async t => {
    const size = 3
    const pools = {
      low: size,
      old: { size, policy: /** @type {const} */ ('lru') },
      any: { size: 30, policy: /** @type {const} */ ('random') }
    }
    const { clients } = await setUp(t, { pools }, 'a')
    const [client] = clients
    for (const [pool, expected] of /** @type {const} */ ([
      ['low', [1, 2, 3, 1]],
      ['old', [3, 1, 2, 3]]
    ])) {
      const held = await client.acquire([pool, pool, pool])
      assert.deepEqual(held.map(({ number }) => number).sort(), [1, 2, 3])
      for (const number of [3, 1, 2]) await held.find(lease => lease.number === number)?.release()
      const order = [await client.acquire(pool), await client.acquire(pool), await client.acquire(pool)]
      await order.find(({ number }) => number === expected[3])?.release()
      assert.deepEqual(
        [...order, await client.acquire(pool)].map(({ number }) => number),
        expected,
        pool
      )
    }
    const numbers = new Set()
    for (let turn = 0; turn < 40; turn++) {
      const lease = await client.acquire('any')
      numbers.add(lease.number)
      await lease.release()
    }
    assert.ok(numbers.size > 5, `forty times one of thirty was one of ${[...numbers]}`)
  })

  test('that are discarded are never handed out again', async t => {
    const { clients } = await setUp(t, { pools: { accounts: ['a', 'b'] } }, 'a', 'b')
    const broken = await clients[0].acquire('accounts')
    const other = await clients[0].acquire('accounts')
    const wait = await waiting(clients[1], clients[1].acquire('accounts'))
    assert.equal(await broken.discard('locked out'), true)
    assert.deepEqual([await broken.discard(), await broken.release()], [false, false])
    await stillWaiting([clients[1], wait])
    await other.release()
    assert.equal((await soon(wait.result)).value, 'b')
    const [first] = await clients[0].listPool('accounts')
    assert.deepEqual([first.state, first.reason, first.value], ['discarded', 'locked out', 'a'])
    await assert.rejects(clients[0].acquire('accounts', { wait: 0 }), failsWith('pool_exhausted'))
    assert.equal((await clients[0].inspect()).pools[0].discarded, 1)
    const broker = await startBroker(t, { pools: { one: [{ role: 'admin' }, { role: 'user' }] } })
    const client = connect(t, broker.pipe)
    await (await client.acquire('one', { match: { role: 'admin' } })).discard()
    await assert.rejects(client.acquire('one', { match: { role: 'admin' } }), failsWith('no_match'))
    assert.equal((await begun(client, client.acquire('one'))).settled, true)
  })
})
