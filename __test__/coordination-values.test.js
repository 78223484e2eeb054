// @ts-check
'use strict'

/** Values that are waited for and watched. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, connect, failsWith, setUp, soon, startWorkers, stillWaiting, until, waiting } = require('./support-coordination')

describe('waitFor', { timeout: TIMEOUT }, () => {
  test('gives a value as soon as somebody has set it, to all that wait', async t => {
    const { broker, clients } = await setUp(t, { requireTTL: true }, 'a', 'b', 'c')
    const waits = [await waiting(clients[0], clients[0].waitFor('server')), await waiting(clients[1], clients[1].waitFor('server'))]
    await clients[2].set('other', 1, 60_000)
    await stillWaiting([clients[0], waits[0]], [clients[1], waits[1]])
    const [setter] = await startWorkers(t, broker.pipe, 'setter')
    await setter.do(({ client }) => client.set('server', { port: 4000 }, 60_000))
    assert.deepEqual(await soon(Promise.all(waits.map(({ result }) => result))), [{ port: 4000 }, { port: 4000 }])
    assert.deepEqual(await clients[2].waitFor('server', { wait: 0 }), { port: 4000 })
    assert.deepEqual(clients[2].waitForSync('server'), { port: 4000 })
    await clients[2].set('null', null, 60_000)
    assert.equal(await clients[0].waitFor('null'), null)
  })

  test('gives what incr, once, update and a compressed set made', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    /** @type {Array<[string, () => Promise<unknown>, unknown]>} */
    const cases = [
      ['number', () => b.incr('number', 3), 3],
      ['made', () => b.once('made', () => ({ x: 1 })), { x: 1 }],
      ['changed', () => b.update('changed', (/** @type {any} */ list = []) => [...list, 1]), [1]],
      ['if absent', () => b.set('if absent', 'v', { ifAbsent: true }), 'v']
    ]
    for (const [key, make, value] of cases) {
      const wait = await waiting(a, a.waitFor(key))
      await make()
      assert.deepEqual(await soon(wait.result), value, key)
    }
  })

  test('ends when its time is over or it is given up', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    await assert.rejects(clients[0].waitFor('x', { wait: 20 }), failsWith('timeout', /x/))
    await assert.rejects(clients[0].waitFor('x', { wait: 0 }), failsWith('timeout'))
    assert.throws(() => clients[0].waitForSync('x', { wait: 20 }), failsWith('timeout'))
    const abort = new AbortController()
    const given = await waiting(clients[0], clients[0].waitFor('x', { signal: abort.signal }))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    const closing = await waiting(clients[0], clients[0].waitFor('x', { wait: Infinity }))
    await clients[0].close()
    await assert.rejects(closing.result, failsWith('closed'))
    await until(async () => (await clients[1].inspect()).sessions.every(({ waits }) => waits.length === 0))
  })

  test('does not take an expired value for one', async t => {
    const { clients } = await setUp(t, {}, 'a')
    await clients[0].set('x', 1, 20)
    await until(async () => !(await clients[0].has('x')))
    const wait = await waiting(clients[0], clients[0].waitFor('x'))
    await clients[0].set('x', 2)
    assert.equal(await soon(wait.result), 2)
  })
})

describe('a compressed value', { timeout: TIMEOUT }, () => {
  test('is what it was for all who wait for it', async t => {
    const { broker } = await setUp(t, { compression: true, compressionThreshold: 100, maxValueSize: 100_000 })
    const [a, b] = [connect(t, broker.pipe), connect(t, broker.pipe)]
    const value = { text: 'x漢'.repeat(5000) }
    const wait = await waiting(b, b.waitFor('k'))
    await a.set('k', value)
    assert.deepEqual(await soon(wait.result), value)
    assert.deepEqual(await a.once('made', () => value), value)
    assert.deepEqual(await b.once('made', () => assert.fail('it ran again')), value)
    assert.deepEqual((await b.getWithVersion('made')).value, value)
    assert.deepEqual(await b.update('made', known => ({ ...known, more: 1 })), { ...value, more: 1 })
    for await (const seen of a.watch('made')) {
      assert.deepEqual(seen.value, { ...value, more: 1 })
      break
    }
    assert.deepEqual(a.waitForSync('made'), { ...value, more: 1 })
    await a.queue('q').push(value)
    assert.deepEqual((await b.queue('q').take())?.value, value)
    await assert.rejects(
      a.once('large', () => 'x'.repeat(200_000)),
      failsWith('too_large')
    )
    assert.equal(await soon(b.once('large', () => 'small')), 'small')
  })
})

describe('watch', { timeout: TIMEOUT }, () => {
  test('tells the value now and each time that it has changed', async t => {
    const { clients } = await setUp(t, {}, 'watcher', 'setter')
    const watch = clients[0].watch('phase')
    const next = async () => (await soon(watch.next())).value
    assert.deepEqual(await next(), { value: undefined, version: 0 })
    const changed = next()
    await clients[1].set('phase', 'seeding')
    const first = await changed
    assert.equal(first.value, 'seeding')
    const again = next()
    await clients[1].set('phase', 'seeding')
    const second = await again
    assert.deepEqual([second.value, second.version > first.version], ['seeding', true], 'the same value, set again')
    const deleted = next()
    await clients[1].del('phase')
    assert.deepEqual(await deleted, { value: undefined, version: 0 })
    await clients[1].set('phase', 1)
    await clients[1].set('phase', 2)
    await clients[1].set('phase', 3)
    const newest = await next()
    assert.equal(newest.value, 3, 'who is slow sees the newest')
    assert.equal((await clients[1].getWithVersion('phase')).version, newest.version)
    await watch.return?.()
  })

  test('tells that the time of a value is over', async t => {
    const { clients } = await setUp(t, {}, 'watcher')
    await clients[0].set('short', 'v', 40)
    const seen = []
    for await (const { value } of clients[0].watch('short')) {
      seen.push(value)
      if (value === undefined) break
    }
    assert.deepEqual(seen, ['v', undefined])
  })

  test('that is left waits no more', async t => {
    const { clients } = await setUp(t, {}, 'watcher', 'other')
    for await (const { version } of clients[0].watch('x')) {
      assert.equal(version, 0)
      break
    }
    const abort = new AbortController()
    /** @type {number[]} */
    const told = []
    const over = (async () => {
      for await (const { version } of clients[0].watch('x', { signal: abort.signal })) told.push(version)
    })().catch(failsWith('aborted'))
    await until(async () => (await clients[1].inspect()).sessions.some(({ waits }) => waits.length > 0))
    abort.abort()
    await soon(over)
    await until(async () => (await clients[1].inspect()).sessions.every(({ waits }) => waits.length === 0))
    assert.deepEqual(told, [0])
    const closed = (async () => {
      for await (const { version } of clients[0].watch('x')) told.push(version)
    })().catch(failsWith('closed'))
    await until(async () => (await clients[1].inspect()).sessions.some(({ waits }) => waits.length > 0))
    await clients[0].close()
    await soon(closed)
  })
})
