// @ts-check
'use strict'

/** Waits that cannot end are refused, and no others. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, connect, failsWith, setUp, soon, startWorkers, stillWaiting, waiting } = require('./support-coordination')

describe('what one holds already', { timeout: TIMEOUT }, () => {
  test('is not waited for: nothing is re-entrant', async t => {
    const { clients } = await setUp(t, { pools: { db: 2 } }, 'ann')
    const [client] = clients
    client.describe('locks twice')
    const lock = await client.lock('schema')
    await assert.rejects(soon(client.lock('schema')), failsWith('deadlock', /schema/))
    assert.throws(() => client.lockSync('schema'), failsWith('deadlock', /schema/))
    await assert.rejects(soon(client.withLock('schema', () => assert.fail('it was re-entrant'))), failsWith('deadlock'))
    await lock.release()
    await client.lock('schema', { shared: true })
    await assert.rejects(soon(client.lock('schema')), failsWith('deadlock'), 'a shared lock does not become exclusive')
    const semaphore = client.semaphore('browsers', 2)
    const permits = [await semaphore.acquire(), await semaphore.acquire()]
    await assert.rejects(soon(semaphore.acquire()), failsWith('deadlock', /browsers/))
    await permits[0].release()
    await semaphore.acquire({ wait: 0 })
    await client.acquire(['db', 'db'])
    await assert.rejects(soon(client.acquire('db')), failsWith('deadlock', /db/))
  })

  test('by another client of the process is waited for', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'a', 'b')
    const held = [await clients[0].lock('x'), await clients[0].acquire('db')]
    const waits = [await waiting(clients[1], clients[1].lock('x')), await waiting(clients[1], clients[1].acquire('db'))]
    for (const one of held) await one.release()
    await soon(Promise.all(waits.map(({ result }) => result)))
  })
})

describe('a circle of waits', { timeout: TIMEOUT }, () => {
  test('of two is refused, with who is in it, and the other goes on', async t => {
    const { clients } = await setUp(t, {}, 'ann', 'bob')
    const [ann, bob] = clients
    ann.describe('moves the money')
    bob.describe('counts the money')
    await ann.lock('accounts')
    const ledger = await bob.lock('ledger')
    const wait = await waiting(ann, ann.lock('ledger'))
    const said = /** @type {Error} */ (await soon(bob.lock('accounts')).catch(error => error))
    assert.ok(failsWith('deadlock')(said))
    for (const part of ['ann', 'bob', 'accounts', 'ledger', 'moves the money', 'counts the money']) {
      assert.ok(said.message.includes(part), `${part} is not in: ${said.message}`)
    }
    await stillWaiting([ann, wait])
    assert.throws(() => bob.lockSync('accounts'), failsWith('deadlock'))
    await ledger.release()
    assert.equal((await soon(wait.result)).name, 'ledger')
  })

  test('of three processes is refused', async t => {
    const { broker } = await setUp(t, {})
    const workers = await startWorkers(t, broker.pipe, 'ann', 'bob', 'eve')
    const names = ['x-lock', 'y-lock', 'z-lock']
    for (const [at, worker] of workers.entries()) {
      await worker.describe(`test of ${worker.name}`)
      await worker.do(async ({ client, kept }, name) => {
        kept.lock = await client.lock(name)
      }, names[at])
    }
    const lock = (/** @type {any} */ { client }, /** @type {string} */ name) => client.lock(name).then(() => 'granted')
    const first = workers[0].do(lock, names[1])
    await workers[0].ping()
    const second = workers[1].do(lock, names[2])
    await workers[1].ping()
    const said = await soon(workers[2].do(lock, names[0])).catch(error => error)
    assert.ok(failsWith('deadlock')(said))
    for (const part of [...names, ...workers.flatMap(({ name, pid }) => [name, `test of ${name}`, String(pid)])]) {
      assert.ok(said.message.includes(part), `${part} is not in: ${said.message}`)
    }
    await workers[2].do(({ kept }) => kept.lock.release())
    assert.equal(await soon(second), 'granted')
    workers[1].kill()
    assert.equal(await soon(first), 'granted')
  })

  test('over a pool, a semaphore and a lock is refused', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'ann', 'bob', 'eve')
    const [ann, bob, eve] = clients
    const db = await ann.acquire('db')
    await bob.semaphore('browsers', 1).acquire()
    await eve.lock('schema')
    const browsers = await waiting(ann, ann.semaphore('browsers', 1).acquire())
    const schema = await waiting(bob, bob.lock('schema'))
    await assert.rejects(soon(eve.acquire('db')), failsWith('deadlock', /db/))
    await assert.rejects(soon(eve.acquire(['db'])), failsWith('deadlock'))
    await db.release()
    assert.equal((await eve.acquire('db', { wait: 0 })).number, 1)
    await stillWaiting([ann, browsers], [bob, schema])
  })

  test('closed by one that stands in line behind another is refused', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'writer', 'reader')
    const [holder, writer, reader] = clients
    await holder.lock('x', { shared: true })
    await reader.lock('y')
    // The writer waits for the holder, the reader for the writer.
    await waiting(writer, writer.lock('x'))
    await waiting(reader, reader.lock('x', { shared: true }))
    await assert.rejects(soon(holder.lock('y')), failsWith('deadlock'))
  })
})

describe('no circle', { timeout: TIMEOUT }, () => {
  test('is seen over a lease under a worker’s name, which is the worker’s: who waits is told who has it', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 1 } }, 'ann')
    const [worker] = await startWorkers(t, clients[0].pipe, 'bob')
    await worker.do(({ client }) => client.lease('accounts', 'bob'))
    await clients[0].lock('x')
    worker.do(({ client }) => client.lock('x').then(() => 'granted'))
    await worker.ping()
    await assert.rejects(clients[0].acquire('accounts', { wait: 50 }), failsWith('pool_exhausted', /accounts.*bob/))
  })

  test('is seen where somebody outside of it can end it', async t => {
    const { clients } = await setUp(t, { pools: { db: 2 } }, 'ann', 'bob', 'eve')
    const [ann, bob, eve] = clients
    await ann.acquire('db')
    const free = await eve.acquire('db')
    await bob.lock('x')
    await waiting(ann, ann.lock('x'))
    const db = await waiting(bob, bob.acquire('db'))
    // Now eve would close it.
    await assert.rejects(soon(eve.lock('x')), failsWith('deadlock'))
    await free.release()
    await soon(db.result)
  })

  test('is seen where many want the same', async t => {
    const { broker } = await setUp(t, {})
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2')
    const all = workers.map(worker =>
      worker.do(async ({ Client }) => {
        const clients = Array.from({ length: 5 }, () => new Client())
        const work = clients.map(async client => {
          for (let round = 0; round < 15; round++) {
            // Always in the same order: never a circle.
            await client.withLock('a', () => client.withLock('b', () => client.semaphore('c', 2).with(() => client.ping())))
            await client.withLock('b', { shared: true }, () => client.semaphore('c', 2).with(() => client.ping(), { amount: 2 }))
          }
        })
        await Promise.all(work)
        await Promise.all(clients.map(client => client.close()))
      })
    )
    await soon(Promise.all(all), 30_000)
  })

  test('is seen where one client does several things at once', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    let inside = 0
    const alone = () =>
      clients[0].withLock('x', async () => {
        assert.equal(++inside, 1)
        await clients[1].ping()
        inside -= 1
      })
    await soon(Promise.all([alone(), alone(), alone()]))
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const work = workers.map((worker, at) =>
      worker.do(
        async ({ client }, names) => {
          for (let round = 0; round < 20; round++) {
            // Each takes one thing only: whoever waits, waits for somebody who goes on.
            await Promise.all(names.map(name => client.withLock(name, () => client.ping())))
            await Promise.all(names.map(name => client.semaphore(`s ${name}`, 2).with(() => client.ping())))
          }
        },
        at % 2 ? ['a', 'b', 'a'] : ['b', 'a', 'c']
      )
    )
    await soon(Promise.all(work), 30_000)
  })

  test('is left when the wait in it was given up, or its time was over', async t => {
    const { broker, clients } = await setUp(t, {}, 'ann', 'bob')
    const [ann, bob] = clients
    const x = await ann.lock('x')
    await bob.lock('y')
    const abort = new AbortController()
    const given = await waiting(ann, ann.lock('y', { signal: abort.signal }))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    const wait = await waiting(bob, bob.lock('x'))
    await assert.rejects(soon(ann.lock('y')), failsWith('deadlock'))
    await x.release()
    await soon(wait.result)
    // A wait that was refused leaves nothing behind.
    const other = connect(t, broker.pipe)
    assert.ok((await other.inspect()).sessions.every(({ waits }) => waits.length === 0))
  })
})
