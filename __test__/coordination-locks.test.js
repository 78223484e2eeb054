// @ts-check
'use strict'

/** Locks: alone or shared, in turn, and given back whatever becomes of the holder. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const {
  TIMEOUT,
  begun,
  connect,
  failsWith,
  msBetween,
  orNull,
  setUp,
  soon,
  startWorkers,
  stillWaiting,
  waiting
} = require('./support-coordination')

describe('a lock', { timeout: TIMEOUT }, () => {
  test('is held by one at a time, over processes', async t => {
    const { broker, clients } = await setUp(t, {}, 'watcher')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const work = workers.map(worker =>
      worker.do(async ({ client }) => {
        for (let round = 0; round < 60; round++) {
          const lock = await client.lock('table')
          const { value = 0 } = await client.getWithVersion('rows')
          await client.set('rows', value + 1)
          if (!(await lock.release())) throw new Error('it was not held')
        }
      })
    )
    await soon(Promise.all(work), 30_000)
    assert.equal(await clients[0].get('rows'), 180)
  })

  test('goes to who asked first', async t => {
    const { broker, clients } = await setUp(t, {}, 'holder')
    const held = await clients[0].lock('x')
    assert.deepEqual([held.name, held.shared, held.signal.aborted], ['x', false, false])
    /** @type {number[]} */
    const order = []
    const others = Array.from({ length: 8 }, (_, at) => connect(t, broker.pipe, { name: `w${at}` }))
    const turns = []
    for (const [at, client] of others.entries()) {
      const wait = await waiting(client, client.lock('x'))
      turns.push(
        wait.result.then(lock => {
          order.push(at)
          return lock.release()
        })
      )
    }
    await held.release()
    await soon(Promise.all(turns))
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('of one name is none of another', async t => {
    const { clients } = await setUp(t, { pools: { x: 1 } }, 'a', 'b')
    await clients[0].lock('x')
    for (const client of clients) await client.acquire('x', { wait: 0 }).then(lease => lease.release())
    await clients[1].semaphore('x', 1).acquire({ wait: 0 })
    await clients[1].lock('X', { wait: 0 })
    await clients[1].lock('x ', { wait: 0 })
    await clients[1].lock('漢', { wait: 0 })
    assert.equal(await clients[1].tryLock('x'), null)
  })

  test('is tried, and used around a function', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const result = await clients[0].withLock('x', async lock => {
      assert.equal(lock.name, 'x')
      assert.equal(await clients[1].tryLock('x'), null)
      return 7
    })
    assert.equal(result, 7)
    const failure = new Error('from within')
    const failing = clients[0].withLock('x', { wait: 100 }, () => {
      throw failure
    })
    await assert.rejects(failing, error => error === failure)
    const lock = await clients[1].tryLock('x')
    assert.equal(lock?.name, 'x')
    await assert.rejects(
      clients[0].withLock('x', { wait: 10 }, () => assert.fail('without the lock')),
      failsWith('timeout')
    )
    assert.deepEqual([await lock?.release(), await lock?.release()], [true, false])
    assert.equal(await clients[0].withLock('x', () => 'plain'), 'plain')
  })

  test('and all else that is held is released at the end of its block', async t => {
    const { clients } = await setUp(t, { pools: { db: 1 } }, 'a', 'b')
    await clients[0].queue('q').push('item', 'acked')
    const all = async () => [
      await clients[1].tryLock('x'),
      await orNull('pool_exhausted', clients[1].acquire('db', { wait: 0 })),
      await clients[1].semaphore('s', 1).tryAcquire(),
      await clients[1].queue('q').take({ wait: 0 })
    ]
    const held = [
      await clients[0].lock('x'),
      await clients[0].acquire('db'),
      await clients[0].semaphore('s', 1).acquire(),
      await clients[0].queue('q').take()
    ]
    const acked = await clients[0].queue('q').take()
    await acked?.ack()
    await acked?.[Symbol.asyncDispose]()
    assert.deepEqual(await all(), [null, null, null, null])
    for (const one of held) await one?.[Symbol.asyncDispose]()
    const got = await all()
    assert.ok(got.every(Boolean))
    assert.deepEqual([/** @type {any} */ (got[3]).value, /** @type {any} */ (got[3]).attempt], ['item', 1], 'as if it had not been taken')
    await held[0]?.[Symbol.asyncDispose]()
    assert.equal(await clients[0].tryLock('x'), null, 'a second time it does nothing')
  })

  test('goes on when its holder is killed, to the first that waits', async t => {
    const { broker, clients } = await setUp(t, {}, 'last')
    const [holder, next] = await startWorkers(t, broker.pipe, 'holder', 'next')
    await holder.do(async ({ client }) => (await client.lock('x')).token)
    const granted = next.timed(async ({ client }) => (await client.lock('x')).token)
    await next.ping()
    const last = await waiting(clients[0], clients[0].lock('x'))
    const killed = holder.kill()
    const { at } = await soon(granted)
    t.diagnostic(`from SIGKILL to the grant: ${msBetween(killed, at).toFixed(2)} ms`)
    assert.ok(msBetween(killed, at) < 1000)
    await stillWaiting([clients[0], last])
    next.kill()
    assert.equal((await soon(last.result)).shared, false)
  })

  test('is handed on by one that dies holding one and waiting for another', async t => {
    const { broker, clients } = await setUp(t, {}, 'x', 'y')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    const x = await clients[0].lock('x')
    await dying.do(async ({ client }) => (await client.lock('y')).token)
    dying.do(async ({ client }) => (await client.lock('x')).token)
    await dying.ping()
    const y = await waiting(clients[1], clients[1].lock('y'))
    dying.kill()
    await soon(y.result)
    await x.release()
    assert.ok(await clients[1].tryLock('x'), 'it did not go to the dead')
  })

  test('names its holder when the time is over', async t => {
    const { broker, clients } = await setUp(t, {}, 'waiter')
    const [holder] = await startWorkers(t, broker.pipe, 'worker-7')
    await holder.describe('drops the table')
    await holder.do(async ({ client }) => (await client.lock('schema')).token)
    const told = failsWith('timeout', new RegExp(`schema.*worker-7.*${holder.pid}.*drops the table`, 's'))
    const start = performance.now()
    await assert.rejects(clients[0].lock('schema', { wait: 60 }), told)
    assert.ok(performance.now() - start >= 59)
    assert.throws(() => clients[0].lockSync('schema', { wait: 20 }), told)
    await assert.rejects(clients[0].lock('schema', { wait: 0 }), told)
    await assert.rejects(clients[0].lock('schema', { shared: true, wait: 20 }), told)
    holder.kill()
    assert.equal((await clients[0].lock('schema')).name, 'schema')
  })

  test('is waited for in its blocking twin', async t => {
    const { broker, clients } = await setUp(t, {}, 'blocked')
    const [holder] = await startWorkers(t, broker.pipe, 'holder')
    await holder.do(async ({ client }) => {
      const lock = await client.lock('x')
      const free = async () => {
        while (!(await client.inspect()).sessions.some(({ waits }) => waits.length > 0));
        await lock.release()
      }
      free()
    })
    const lock = clients[0].lockSync('x')
    assert.ok(lock.waited > 0)
    assert.equal(lock.releaseSync(), true)
    const shared = clients[0].lockSync('x', { shared: true })
    assert.equal(shared.shared, true)
    assert.equal(lock.releaseSync(), false)
  })

  test('is given up by a signal, and nobody behind is kept waiting', async t => {
    const { clients } = await setUp(t, {}, 'reader', 'writer', 'next reader')
    await clients[0].lock('x', { shared: true })
    await assert.rejects(clients[1].lock('x', { signal: AbortSignal.abort() }), failsWith('aborted'))
    const abort = new AbortController()
    const writer = await waiting(clients[1], clients[1].lock('x', { signal: abort.signal }))
    const reader = await waiting(clients[2], clients[2].lock('x', { shared: true }))
    abort.abort()
    await assert.rejects(writer.result, failsWith('aborted'))
    await soon(reader.result)
  })

  test('behind a wait whose time is over goes to the next', async t => {
    const { broker, clients } = await setUp(t, {}, 'reader', 'next', 'other')
    const held = await clients[0].lock('x', { shared: true })
    const writer = connect(t, broker.pipe)
    const late = await waiting(writer, writer.lock('x', { wait: 200 }))
    const reader = await waiting(clients[1], clients[1].lock('x', { shared: true }))
    await assert.rejects(late.result, failsWith('timeout'))
    assert.equal((await soon(reader.result)).shared, true)
    const closing = await waiting(writer, writer.lock('x'))
    const behind = await waiting(clients[2], clients[2].lock('x', { shared: true }))
    await writer.close()
    await assert.rejects(closing.result, failsWith('closed'))
    await soon(behind.result)
    assert.equal(await held.release(), true)
  })

  test('given up as it is granted is not lost to the others', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'waiter', 'checker')
    const outcomes = { granted: 0, aborted: 0 }
    for (let round = 0; round < 300; round++) {
      const held = await clients[0].lock('x')
      const abort = new AbortController()
      const wait = await waiting(clients[1], clients[1].lock('x', { signal: abort.signal }))
      const released = held.release()
      for (let turn = round % 5; turn > 0; turn--) await new Promise(setImmediate)
      abort.abort()
      const lock = await orNull('aborted', wait.result)
      outcomes[lock ? 'granted' : 'aborted'] += 1
      await Promise.all([released, lock?.release()])
      await clients[2].withLock('x', { wait: 2000 }, () => {})
    }
    t.diagnostic(JSON.stringify(outcomes))
    assert.ok((await clients[2].inspect()).sessions.every(({ holds, waits }) => holds.length + waits.length === 0))
  })
})

describe('a shared lock', { timeout: TIMEOUT }, () => {
  test('is held by all that share it, and by nobody beside them', async t => {
    const { clients } = await setUp(t, {}, 'r1', 'r2', 'w', 'w2')
    const readers = [await clients[0].lock('x', { shared: true }), await clients[1].lock('x', { shared: true, wait: 0 })]
    assert.equal(await clients[2].tryLock('x'), null)
    const writer = await waiting(clients[2], clients[2].lock('x'))
    await readers[0].release()
    await stillWaiting([clients[2], writer])
    await readers[1].release()
    const written = await soon(writer.result)
    assert.equal(await clients[0].tryLock('x', { shared: true }), null)
    assert.equal(await clients[1].tryLock('x'), null)
    const late = [
      await waiting(clients[0], clients[0].lock('x', { shared: true })),
      await waiting(clients[1], clients[1].lock('x', { shared: true }))
    ]
    const last = await waiting(clients[3], clients[3].lock('x'))
    await written.release()
    await soon(Promise.all(late.map(({ result }) => result)))
    await stillWaiting([clients[3], last])
  })

  test('does not starve a writer: who comes to read after it waits', async t => {
    const { clients } = await setUp(t, {}, 'r1', 'w', 'r2', 'r3')
    const first = await clients[0].lock('x', { shared: true })
    const writer = await waiting(clients[1], clients[1].lock('x'))
    const second = await waiting(clients[2], clients[2].lock('x', { shared: true }))
    assert.equal(await clients[3].tryLock('x', { shared: true }), null, 'not even to try')
    await first.release()
    const lock = await soon(writer.result)
    await stillWaiting([clients[2], second])
    await lock.release()
    await soon(second.result)
  })

  test('killed readers let the writer in', async t => {
    const { broker, clients } = await setUp(t, {}, 'writer')
    const readers = await startWorkers(t, broker.pipe, 'r1', 'r2')
    for (const reader of readers) await reader.do(async ({ client }) => (await client.lock('x', { shared: true })).token)
    const writer = await waiting(clients[0], clients[0].lock('x'))
    readers[0].kill()
    await readers[0].ended
    await stillWaiting([clients[0], writer])
    readers[1].kill()
    assert.equal((await soon(writer.result)).name, 'x')
  })
})

describe('arguments of locks', { timeout: TIMEOUT }, () => {
  test('that make no sense are refused, and nothing is held', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [client] = /** @type {any[]} */ (clients)
    for (const name of [undefined, null, '', 7, {}, 'x'.repeat(2000)]) {
      await assert.rejects(client.lock(name), { name: 'BrokerError' }, String(name))
      await assert.rejects(client.tryLock(name), { name: 'BrokerError' })
    }
    for (const options of [{ wait: -1 }, { wait: 'x' }, { wait: NaN }, { shared: 1 }, { signal: 1 }, 7]) {
      await assert.rejects(client.lock('x', options), failsWith('invalid_option'), JSON.stringify(options))
    }
    await assert.rejects(client.withLock('x'), failsWith('invalid_option'))
    await assert.rejects(client.withLock('x', {}, 7), failsWith('invalid_option'))
    assert.equal((await begun(client, client.lock('x', { wait: Infinity }))).settled, true)
    const [{ holds }] = (await client.inspect()).sessions
    assert.deepEqual(
      holds.map((/** @type {any} */ { kind, name }) => [kind, name]),
      [['lock', 'x']]
    )
  })
})
