// @ts-check
'use strict'

/** What is seen of those who hold and wait: inspection, slow waits, and the report at the end. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { Broker } = require('..')
const { TIMEOUT, connect, failsWith, setUp, soon, startBroker, startHost, startWorkers, until, waiting } = require('./support-coordination')

describe('inspect', { timeout: TIMEOUT }, () => {
  test('tells who is connected, what each does, holds and waits for', async t => {
    const pools = { accounts: ['a', 'b'], db: 1 }
    const { broker, clients } = await setUp(t, { pools }, 'ann', 'bob', 'eve')
    const [ann, bob, eve] = clients
    ann.describe('logs in')
    const account = await ann.acquire('accounts')
    const lock = await ann.lock('x')
    await ann.semaphore('s', 3).acquire({ amount: 2 })
    await ann.reserve('token')
    await ann.lease('db', 'ann')
    await ann.queue('q').push(1, 2, 3)
    const job = await ann.queue('q').take()
    await waiting(bob, bob.lock('x'))
    await waiting(eve, eve.lock('x', { shared: true }))
    await waiting(bob, bob.waitFor('server'))
    const inspection = await eve.inspect()
    const one = (/** @type {string} */ name) => inspection.sessions.filter(session => session.name === name)
    assert.deepEqual([inspection.sessions.length, one('ann').length], [3, 1])
    const [{ session, pid, test, connectedFor, holds, waits }] = one('ann')
    assert.deepEqual([pid, test, waits], [process.pid, 'logs in', []])
    assert.ok(session > 0 && connectedFor > 0)
    assert.deepEqual(
      holds.filter(({ kind }) => kind !== 'reservation').map(({ kind, name }) => `${kind} ${name}`),
      ['pool accounts', 'lock x', 'semaphore s', 'pool db', 'queue q'],
      'in the order in which they were taken'
    )
    assert.equal(holds.filter(({ kind }) => kind === 'reservation').length, 1)
    const hold = (/** @type {string} */ name) => holds.find(held => held.name === name)
    assert.deepEqual([hold('accounts')?.number, hold('accounts')?.token], [account.number, account.token])
    assert.deepEqual([hold('x')?.token, hold('x')?.number, hold('q')?.token], [lock.token, null, job?.token])
    assert.equal(hold('s')?.amount, 2)
    assert.ok(holds.every(({ heldFor }) => heldFor >= 0 && heldFor < 60_000))
    assert.deepEqual(
      one('bob')[0].waits.map(({ kind, name, ahead }) => [kind, name, ahead]),
      [
        ['lock', 'x', 0],
        ['value', 'server', 0]
      ]
    )
    assert.deepEqual(
      one('eve')[0].waits.map(({ kind, name, ahead }) => [kind, name, ahead]),
      [['lock', 'x', 1]]
    )
    assert.ok(one('eve')[0].waits[0].waited >= 0)
    assert.deepEqual(inspection.pools.map(({ name, size, held, waiting, peak }) => [name, size, held, waiting, peak]).sort(), [
      ['accounts', 2, 1, 0, 1],
      ['db', 1, 1, 0, 1]
    ])
    assert.deepEqual(inspection.queues, [{ name: 'q', ready: 2, taken: 1, acked: 0, failed: 0, waiting: 0 }])
    const { sessions, ...rest } = await broker.inspect()
    assert.deepEqual(
      sessions
        .map(({ name }) => name)
        .filter(name => name !== 'host')
        .sort(),
      ['ann', 'bob', 'eve']
    )
    assert.deepEqual(rest.pools, inspection.pools)
  })

  test('forgets what was released, and who is gone', async t => {
    const { clients } = await setUp(t, { pools: { db: 2 } }, 'ann', 'bob')
    const [ann, bob] = clients
    const held = [await ann.acquire('db'), await ann.lock('x'), await ann.semaphore('s', 1).acquire(), await bob.acquire('db')]
    for (const one of held) await one.release()
    await bob.close()
    const { sessions, pools } = await ann.inspect()
    assert.deepEqual(
      sessions.map(({ name, holds, waits }) => [name, holds, waits]),
      [['ann', [], []]]
    )
    assert.deepEqual([pools[0].held, pools[0].peak], [0, 2])
  })

  test('shows what describe says, until it says otherwise', async t => {
    const { clients } = await setUp(t, {}, 'ann', 'bob')
    const seen = async () => (await clients[1].inspect()).sessions.find(({ name }) => name === 'ann')?.test
    assert.equal(await seen(), null)
    clients[0].describe('one')
    clients[0].describe('two')
    await until(async () => (await seen()) === 'two')
    clients[0].describe('three')
    await clients[0].ping()
    assert.equal(await seen(), 'three')
    clients[0].describe(null)
    await clients[0].ping()
    assert.equal(await seen(), null)
    const long = '漢'.repeat(2000)
    clients[0].describe(long)
    await clients[0].ping()
    const shown = String(await seen())
    assert.ok(shown.length > 100 && long.startsWith(shown.replace(/…$|\.\.\.$/, '')), shown)
    assert.throws(() => clients[0].describe(/** @type {any} */ (7)), failsWith('invalid_option'))
  })

  test('shows it again after the connection was lost', async t => {
    const broker = await startBroker(t, { pipeId: `describe-${process.pid}`, logLevel: 'silent' })
    const client = connect(t, broker.pipe, { name: 'ann' })
    client.describe('logs in')
    await client.ping()
    await broker.stop()
    await broker.start()
    await until(() => client.ping().catch(() => null))
    assert.equal((await client.inspect()).sessions[0].test, 'logs in')
  })
})

describe('a slow wait', { timeout: TIMEOUT }, () => {
  test('is told of, once, with who is in the way', async t => {
    const { broker, clients } = await setUp(t, { slowWait: 40, pools: { db: 1 } }, 'ann', 'bob')
    const [ann, bob] = clients
    ann.describe('holds on')
    bob.describe('would like to')
    /** @type {any[]} */
    const told = []
    broker.on('slowWait', blocked => told.push(blocked))
    const [lock, db] = [await ann.lock('x'), await ann.acquire('db')]
    const wait = bob.lock('x')
    const [{ kind, name, worker, pid, test, waited, holders }] = await soon(once(broker, 'slowWait'))
    assert.deepEqual([kind, name, worker, pid, test], ['lock', 'x', 'bob', process.pid, 'would like to'])
    assert.ok(waited >= 39 && waited < 5000, `${waited} ms`)
    assert.deepEqual(
      holders.map((/** @type {any} */ holder) => [holder.worker, holder.pid, holder.test]),
      [['ann', process.pid, 'holds on']]
    )
    assert.ok(holders[0].heldFor >= 39)
    // Another wait, begun later, is told of after the first would have been told of again.
    const other = bob.acquire('db')
    const [again] = await soon(once(broker, 'slowWait'))
    assert.deepEqual([again.kind, again.name], ['pool', 'db'])
    assert.equal(told.length, 2)
    await Promise.all([lock.release(), db.release()])
    await Promise.all([wait, other])
  })

  test('is logged where the environment says after how long', async t => {
    const host = await startHost(t, {}, { BROKER_SLOW_WAIT: '30' })
    const [ann, bob] = [connect(t, host.pipe, { name: 'ann' }), connect(t, host.pipe, { name: 'bob' })]
    ann.describe('holds on')
    const lock = await ann.lock('schema')
    const wait = bob.lock('schema')
    let said = ''
    host.child.stderr.on('data', text => (said += text))
    await until(() => /schema/.test(said))
    for (const part of ['bob', 'ann', 'holds on', String(process.pid)]) assert.ok(said.includes(part), `${part} is not in: ${said}`)
    await lock.release()
    await wait
  })
})

describe('the report of stop', { timeout: TIMEOUT }, () => {
  test('names what was leaked, by whom, and what was waited for', async t => {
    const broker = new Broker({ logLevel: 'silent', pools: { accounts: ['a', 'b'], spare: 3 } })
    await broker.start()
    t.after(() => broker.stop())
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    const [clean, holder, waiter] = ['clean', 'holder', 'waiter'].map(name => connect(t, broker.pipe, { name }))
    await dying.describe('crashes')
    await dying.do(async ({ client }) => {
      await client.lock('x')
      return (await client.acquire('accounts')).number
    })
    waiter.describe('waits')
    const wait = await waiting(waiter, waiter.lock('x'))
    dying.kill()
    const lock = await soon(wait.result)
    await lock.release()
    await clean.acquire(['spare', 'spare'])
    await clean.close()
    await holder.semaphore('s', 2).acquire()
    const { leaked, leakedCount, longestWaits, pools } = await broker.stop()
    assert.equal(leakedCount, 3)
    assert.deepEqual(leaked.map(({ kind, name, number, worker, pid, test }) => [kind, name, number, worker, pid, test].join(' ')).sort(), [
      `lock x  dying ${dying.pid} crashes`,
      `pool accounts 1 dying ${dying.pid} crashes`,
      `semaphore s  holder ${process.pid} `
    ])
    assert.ok(leaked.every(({ heldFor }) => heldFor > 0))
    const [longest] = longestWaits
    assert.deepEqual([longest.kind, longest.name, longest.worker, longest.test, longest.waited > 0], ['lock', 'x', 'waiter', 'waits', true])
    assert.deepEqual(pools.map(({ name, size, peak }) => [name, size, peak]).sort(), [
      ['accounts', 2, 1],
      ['spare', 3, 2]
    ])
  })

  test('is short where there is much, and empty where there was nothing', async t => {
    const empty = { leaked: [], leakedCount: 0, longestWaits: [], pools: [], sharedWorkerErrors: [] }
    const broker = new Broker({ logLevel: 'silent' })
    assert.deepEqual(await broker.stop(), empty)
    await broker.start()
    const client = connect(t, broker.pipe)
    for (let at = 0; at < 150; at++) client.lock(`x${at}`)
    await client.ping()
    const { leaked, leakedCount } = await broker.stop()
    assert.deepEqual([leaked.length, leakedCount], [100, 150])
    assert.deepEqual(await broker.stop(), empty)
    await broker.start()
    const other = connect(t, broker.pipe)
    await other.withLock('x', () => {})
    await other.close()
    assert.deepEqual(await broker.stop(), empty, 'nothing of the run before')
  })
})
