// @ts-check
'use strict'

/** What becomes of those who hold and wait when the broker, their client or their connection ends. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { TIMEOUT, connect, dial, failsWith, run, setUp, soon, startBroker, stillWaiting, until, waiting } = require('./support-coordination')

describe('who waits', { timeout: TIMEOUT }, () => {
  /** Something that waits, of each kind. @type {Record<string, (client: import('..').Client) => Promise<unknown>>} */
  const kinds = {
    lock: client => client.lock('x'),
    shared: client => client.lock('x', { shared: true }),
    semaphore: client => client.semaphore('s', 1).acquire(),
    acquire: client => client.acquire('db'),
    lease: client => client.lease('db', 'w', { wait: 30_000 }),
    once: client => client.once('k', () => assert.fail('it ran')),
    waitFor: client => client.waitFor('nothing'),
    take: client => client.queue('q').take(),
    done: client => client.queue('q').done(),
    throttle: client => client.throttle('slow', 1, { wait: Infinity }),
    barrier: client => client.barrier('b', 2),
    watch: async client => {
      for await (const _ of client.watch('nothing'));
    }
  }

  /** All kinds of waits, by a client for each. @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] */
  async function begin(t, options) {
    const { broker, clients } = await setUp(t, { pools: { db: 1 }, ...options }, 'holder')
    const [holder] = clients
    await holder.lock('x')
    await holder.acquire(['db'])
    await holder.semaphore('s', 1).acquire()
    await holder.limit('slow', { max: 1, per: 600_000 })
    await holder.throttle('slow')
    holder.once('k', () => new Promise(() => {})).catch(() => {})
    await holder.ping()
    const waits = []
    for (const [kind, start] of Object.entries(kinds)) {
      const client = connect(t, broker.pipe, { name: kind })
      waits.push({ kind, client, wait: await waiting(client, start(client)) })
    }
    await until(async () => (await holder.inspect()).sessions.filter(({ waits }) => waits.length > 0).length === waits.length)
    return { broker, holder, waits }
  }

  test('is told at once that the broker drains', async t => {
    const { broker, waits } = await begin(t)
    const drained = broker.drain(5000)
    for (const { kind, wait } of waits) await assert.rejects(soon(wait.result), failsWith('draining'), kind)
    assert.equal(await soon(drained), true)
    await assert.rejects(waits[0].client.lock('other'), failsWith('draining'))
  })

  test('is told at once that the broker has stopped', async t => {
    const { broker, waits } = await begin(t)
    const stopped = broker.stop()
    for (const { kind, wait } of waits) {
      await assert.rejects(soon(wait.result), error => ['connection_closed', 'draining'].includes(/** @type {any} */ (error).code), kind)
    }
    await soon(stopped)
  })

  test('and closes its client is told so, and is struck from the line', async t => {
    const { holder, waits } = await begin(t)
    for (const { kind, client, wait } of waits) {
      const closed = client.close()
      const ended = kind === 'watch' ? wait.result.catch(failsWith('closed')) : assert.rejects(wait.result, failsWith('closed'), kind)
      await soon(Promise.all([closed, ended]))
    }
    const { sessions, pools, queues, limits, barriers } = await holder.inspect()
    assert.deepEqual(
      sessions.map(({ name, waits }) => [name, waits]),
      [['holder', []]]
    )
    assert.deepEqual([pools[0].waiting, queues.every(queue => queue.waiting === 0), limits[0].waiting], [0, true, 0])
    assert.ok(barriers.every(({ waiting }) => waiting === 0))
  })

  test('keeps its process, until it is answered', async t => {
    const { broker, clients } = await setUp(t, {}, 'holder')
    const lock = await clients[0].lock('x')
    const waiter = run(
      t,
      `const client = new Client(); client.ping().then(() => say('ready')); client.lock('x', { wait: Infinity }).then(lock => say('granted ' + lock.name))`,
      { env: { EPHEMERAL_PIPE: broker.pipe } }
    )
    assert.equal(await waiter.line(), 'ready')
    await until(async () => (await clients[0].inspect()).sessions.some(({ waits }) => waits.length > 0))
    await lock.release()
    assert.equal(await waiter.line(), 'granted x')
    assert.equal((await soon(waiter.ended)).code, 0, 'and what is held does not keep it')
    assert.ok(await soon(clients[0].lock('x')))
  })
})

describe('a connection that is lost', { timeout: TIMEOUT }, () => {
  test('takes what was held with it, and the next one is as good', async t => {
    const broker = await startBroker(t, { pipeId: `lost-${process.pid}`, logLevel: 'silent', pools: { db: 1 } })
    const client = connect(t, broker.pipe)
    const held = [await client.lock('x'), await client.acquire('db'), await client.semaphore('s', 1).acquire()]
    const lost = held.map(({ signal }) => once(signal, 'abort'))
    await broker.stop()
    await soon(Promise.all(lost))
    for (const { signal } of held) assert.ok(failsWith('lost')(signal.reason))
    await broker.start()
    const lock = await until(() => client.lock('x').catch(() => null))
    assert.ok(await client.acquire('db', { wait: 0 }))
    // The old ones have the tokens of another life.
    for (const one of held) assert.equal(await one.release(), false)
    assert.equal(lock.signal.aborted, false)
    const other = connect(t, broker.pipe)
    assert.equal(await other.tryLock('x'), null)
  })

  test('ends withLock only when its function has', async t => {
    const broker = await startBroker(t, { logLevel: 'silent' })
    const client = connect(t, broker.pipe)
    const result = await client.withLock('x', async lock => {
      const lost = once(lock.signal, 'abort')
      await broker.stop()
      await soon(lost)
      return 'what it came to'
    })
    assert.equal(result, 'what it came to')
  })

  test('of a broker with a secret is as good, and nobody else has any say', async t => {
    const broker = await startBroker(t, { logLevel: 'silent', secret: 'geheim', pools: { db: 1 } })
    const [ann, bob] = ['ann', 'bob'].map(name => connect(t, broker.pipe, { name, secret: 'geheim' }))
    const lease = await ann.acquire('db')
    const wait = await waiting(bob, bob.acquire('db'))
    await ann.close()
    assert.equal((await soon(wait.result)).number, lease.number)
    const raw = await dial(t, broker.pipe)
    for (const action of ['lock', 'definePool', 'incr', 'inspect']) {
      assert.equal((await raw.ask({ action, name: 'x', key: 'x', pool: 'x', size: 1 })).error, 'auth_failed', action)
    }
    assert.equal((await bob.inspect()).pools.length, 1)
  })

  test('between two clients of a process touches one alone', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    const [a, b] = [await clients[0].lock('a'), await clients[1].lock('b')]
    const wait = await waiting(clients[2], clients[2].lock('b'))
    await clients[0].close()
    assert.ok(failsWith('lost')(a.signal.reason ?? a.signal), 'its own')
    await stillWaiting([clients[2], wait])
    assert.equal(b.signal.aborted, false)
    assert.ok(await clients[1].tryLock('a'))
  })
})
