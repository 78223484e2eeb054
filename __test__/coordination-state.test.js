// @ts-check
'use strict'

/** State that many change at once, with nothing lost. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, failsWith, setUp, soon, startBroker, startWorkers, until } = require('./support-coordination')

describe('incr', { timeout: TIMEOUT }, () => {
  test('gives no two workers the same number', async t => {
    const { broker } = await setUp(t, { requireTTL: true })
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const numbers = workers.map(worker =>
      worker.do(async ({ client }) => {
        const numbers = [client.incrSync('orders')]
        for (let round = 0; round < 20; round++) {
          numbers.push(...(await Promise.all(Array.from({ length: 10 }, () => client.incr('orders')))))
        }
        return numbers
      })
    )
    const all = (await soon(Promise.all(numbers), 30_000)).flat().sort((a, b) => a - b)
    assert.deepEqual(
      all,
      Array.from({ length: 603 }, (_, at) => at + 1)
    )
  })

  test('adds what it is told to, to a number that was set too', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [client] = clients
    assert.equal(await client.incr('n', 5), 5)
    assert.equal(await client.incr('n', -7), -2)
    assert.equal(await client.incr('n', 0), -2)
    assert.equal(await client.incr('n', 0.5), -1.5)
    assert.equal(client.incrSync('n', 2), 0.5)
    assert.equal(await client.get('n'), 0.5)
    await client.set('set', 41)
    assert.equal(await client.incr('set'), 42)
    await client.del('set')
    assert.equal(await client.incr('set'), 1)
    for (const value of ['7', null, [1], {}, true]) {
      await client.set('text', value)
      await assert.rejects(client.incr('text'), failsWith('invalid_value', /text/))
      assert.deepEqual(await client.get('text'), value)
    }
    for (const by of [NaN, Infinity, '1', null, {}]) {
      await assert.rejects(client.incr('n', /** @type {any} */ (by)), { name: 'BrokerError' }, String(by))
    }
    await assert.rejects(client.incr(''), failsWith('key_required'))
    assert.equal(await client.get('n'), 0.5)
  })

  test('keeps whole numbers whole, however large', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const large = Number.MAX_SAFE_INTEGER - 1
    assert.equal(await clients[0].incr('n', large), large)
    assert.equal(await clients[0].incr('n'), Number.MAX_SAFE_INTEGER)
    assert.equal(await clients[0].get('n'), Number.MAX_SAFE_INTEGER)
    assert.equal(await clients[0].incr('m', -large), -large)
    // Beyond that two workers would have the same result.
    await clients[0].set('huge', 2 ** 53)
    await assert.rejects(clients[0].incr('huge'), failsWith('invalid_value', /huge/))
    await clients[0].set('huge', 1e308)
    await assert.rejects(clients[0].incr('huge', 1e308), failsWith('invalid_value'))
    assert.equal(await clients[0].get('huge'), 1e308)
  })

  test('with a TTL begins anew when it is over, and does not lengthen it', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [client] = clients
    await client.incr('n', 1, { ttl: 60_000 })
    const { expires } = (await client.list()).n
    await client.incr('n', 1, { ttl: 600_000 })
    assert.ok(Math.abs(Number((await client.list()).n.expires) - Number(expires)) < 1000)
    await client.incr('short', 5, { ttl: 20 })
    await until(async () => !(await client.has('short')))
    assert.equal(await client.incr('short'), 1)
    assert.equal((await client.list()).short.expires, null)
  })
})

describe('a value with a version', { timeout: TIMEOUT }, () => {
  test('is set by one of many if there is none', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const set = await Promise.all(
      workers.map(worker => worker.do(({ client }, name) => client.set('leader', name, { ifAbsent: true }), worker.name))
    )
    assert.deepEqual(/** @type {boolean[]} */ (set).filter(Boolean).length, 1)
    assert.equal(await clients[0].get('leader'), workers[/** @type {boolean[]} */ (set).indexOf(true)].name)
    await clients[0].set('short', 1, { ttl: 20, ifAbsent: true })
    await until(async () => !(await clients[0].has('short')))
    assert.equal(await clients[0].set('short', 2, { ifAbsent: true }), true)
    assert.equal(clients[0].setSync('short', 3, { ifAbsent: true }), false)
    assert.equal(await clients[0].get('short'), 2)
  })

  test('is set only while it has that version', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    assert.deepEqual(await a.getWithVersion('k'), { value: undefined, version: 0 })
    assert.equal(await a.set('k', 'one', { ifVersion: 0 }), true)
    assert.equal(await b.set('k', 'two', { ifVersion: 0 }), false)
    const { value, version } = await b.getWithVersion('k')
    assert.deepEqual([value, version > 0], ['one', true])
    assert.equal(await b.set('k', 'two', { ifVersion: version }), true)
    assert.equal(await a.set('k', 'three', { ifVersion: version }), false)
    assert.equal(await a.get('k'), 'two')
    await a.del('k')
    await a.set('k', 'two')
    const later = await a.getWithVersion('k')
    assert.ok(later.version > version, 'a version never comes again')
    assert.equal(await b.set('k', 'x', { ifVersion: version }), false)
    for (const options of [{ ifVersion: -1 }, { ifVersion: 1.5 }, { ifVersion: '1' }, { ifAbsent: 1 }]) {
      await assert.rejects(a.set('k', 'x', /** @type {any} */ (options)), { name: 'BrokerError' }, JSON.stringify(options))
    }
    assert.equal(await a.get('k'), 'two')
  })

  test('is updated by many, and no change is lost', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const runs = workers.map(worker =>
      worker.do(async ({ client }, name) => {
        let runs = 0
        for (let round = 0; round < 30; round++) {
          await client.update('seen', (list = []) => {
            runs += 1
            return [...list, `${name} ${round}`]
          })
        }
        return runs
      }, worker.name)
    )
    t.diagnostic(`${await soon(Promise.all(runs), 30_000)} runs for 30 changes each`)
    const seen = await clients[0].get('seen')
    assert.equal(seen.length, 90)
    assert.equal(new Set(seen).size, 90)
  })

  test('is updated within its time, and left alone by a function that throws', async t => {
    const { clients } = await setUp(t, { requireTTL: true }, 'a')
    const [client] = clients
    await client.set('k', 1, 60_000)
    const { expires } = (await client.list()).k
    assert.equal(await client.update('k', async value => value + 1), 2)
    assert.ok(Math.abs(Number((await client.list()).k.expires) - Number(expires)) < 1000)
    assert.equal(await client.update('k', value => value + 1, { ttl: 600_000 }), 3)
    assert.ok(Number((await client.list()).k.expires) > Number(expires) + 100_000)
    const failure = new Error('from within')
    await assert.rejects(
      client.update('k', () => {
        throw failure
      }),
      error => error === failure
    )
    await assert.rejects(
      client.update('k', () => 1n),
      failsWith('invalid_value')
    )
    assert.equal(await client.get('k'), 3)
    await assert.rejects(client.update('k', /** @type {any} */ (7)), { name: 'BrokerError' })
  })
})

describe('a list', { timeout: TIMEOUT }, () => {
  test('brings results of all workers back to the host, each in its order', async t => {
    const { broker, clients } = await setUp(t, { requireTTL: true }, 'a')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const work = workers.map(worker =>
      worker.do(async ({ client }, name) => {
        client.appendSync('timings', { name, at: 0 })
        for (let at = 1; at < 50; at += 2) await client.append('timings', { name, at }, { name, at: at + 1 })
        await client.close()
      }, worker.name)
    )
    await soon(Promise.all(work))
    for (const worker of workers) worker.kill()
    const all = await broker.collect('timings')
    assert.equal(all.length, 153)
    for (const { name } of workers) {
      const own = all.filter(entry => entry.name === name).map(({ at }) => at)
      assert.deepEqual(
        own,
        Array.from({ length: 51 }, (_, at) => at)
      )
    }
    assert.deepEqual(await clients[0].collect('timings'), all)
    assert.equal(await clients[0].append('timings', null), 154)
    assert.equal(await clients[0].append('timings'), 154)
  })

  test('that nobody appended to is empty', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    assert.deepEqual(await clients[0].collect('nothing'), [])
    assert.deepEqual(await broker.collect('nothing'), [])
    await clients[0].set('nothing', 'a value of that name is no list')
    assert.deepEqual(await clients[0].collect('nothing'), [])
  })

  test('may be far longer than a request', async t => {
    const { broker, clients } = await setUp(t, { maxRequestSize: 65_536, maxValueSize: 32_768 }, 'a')
    const line = 'x漢'.repeat(100)
    for (let at = 0; at < 20_000; at += 100) {
      const items = Array.from({ length: 100 }, (_, more) => ({ at: at + more, line }))
      assert.equal(await clients[0].append('long', ...items), at + 100)
    }
    for (const all of [await clients[0].collect('long'), await broker.collect('long')]) {
      assert.equal(all.length, 20_000)
      assert.ok(all.every((entry, at) => entry.at === at && entry.line === line))
    }
  })

  test('is collected from a broker that runs', async t => {
    const broker = await startBroker(t)
    await broker.stop()
    await assert.rejects(broker.collect('x'), failsWith('not_started'))
    await assert.rejects(broker.inspect(), failsWith('not_started'))
    await broker.start()
    assert.deepEqual(await broker.collect('x'), [])
  })
})
