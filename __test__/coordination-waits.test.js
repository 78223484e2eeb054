// @ts-check
'use strict'

/** How waits and what is held go with a connection, in bytes over a socket. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, dial, greet, soon, startBroker, until } = require('./support-coordination')
const { actions } = require('./support-coordination/actions.js')

/** @param {import('node:test').TestContext} t @param {...string} names */
async function speak(t, ...names) {
  const pools = { pool: ['x', 'y', { role: 'admin' }], one: 1 }
  const broker = await startBroker(t, { logLevel: 'silent', pools })
  const raws = []
  for (const name of names) raws.push(await greet(t, broker.pipe, name))
  return { broker, pipe: broker.pipe, raws }
}

const ping = { id: 'ping', action: 'ping' }

describe('a wait on a connection', { timeout: TIMEOUT }, () => {
  test('with an id lets it go on, without one stops it', async t => {
    const { raws } = await speak(t, 'holder', 'with', 'without')
    const [holder, withId, without] = raws
    const { token } = await holder.ask({ action: 'lock', name: 'x' })
    withId.send({ id: 5, action: 'lock', name: 'x', wait: 60_000 }, ping, { action: 'has', key: 'k' })
    assert.equal((await withId.reply()).id, 'ping')
    assert.equal((await withId.reply()).exists, false)
    without.send({ action: 'lock', name: 'x' }, { action: 'has', key: 'k' }, { id: 3, action: 'ping' })
    await until(async () =>
      (await holder.ask({ action: 'inspect' })).inspect.sessions.every(
        (/** @type {any} */ { name, waits }) => name === 'holder' || waits.length === 1
      )
    )
    assert.equal((await holder.ask({ action: 'release', token })).released, true)
    const granted = await soon(withId.reply())
    assert.ok(granted.id === 5 && granted.token > token && granted.waited > 0)
    const silent = without.line()
    assert.equal(await Promise.race([silent, withId.ask(ping).then(() => 'nothing')]), 'nothing')
    withId.socket.destroy()
    const first = JSON.parse(String(await soon(silent)))
    assert.ok(first.ok && first.token > granted.token)
    assert.equal((await without.reply()).exists, false)
    assert.equal((await without.reply()).id, 3)
  })

  test('that stands still is struck when it ends', async t => {
    const { raws } = await speak(t, 'holder', 'gone', 'next')
    const [holder, gone, next] = raws
    const { token } = await holder.ask({ action: 'lock', name: 'x' })
    gone.send({ action: 'lock', name: 'x' }, { action: 'set', key: 'late', value: 1 })
    await until(async () =>
      (await holder.ask({ action: 'inspect' })).inspect.sessions.some((/** @type {any} */ { waits }) => waits.length > 0)
    )
    next.send({ id: 1, action: 'lock', name: 'x' })
    await next.ask(ping)
    gone.socket.destroy()
    await until(async () => (await holder.ask({ action: 'inspect' })).inspect.sessions.length === 2)
    await holder.ask({ action: 'release', token })
    assert.equal((await soon(next.reply())).ok, true)
    assert.equal((await next.ask({ action: 'has', key: 'late' })).exists, false)
  })

  test('is cancelled by its id, once, and only by its own connection', async t => {
    const { raws } = await speak(t, 'holder', 'waiter', 'other')
    const [holder, waiter, other] = raws
    const { token } = await holder.ask({ action: 'lock', name: 'x' })
    waiter.send({ id: 'w', action: 'lock', name: 'x' }, { id: 7, action: 'lock', name: 'x' })
    await waiter.ask(ping)
    other.send({ id: 7, action: 'lock', name: 'x' })
    assert.equal((await holder.ask({ action: 'cancel', request: 7 })).cancelled, false, 'of another')
    assert.equal((await waiter.ask({ id: 8, action: 'cancel', request: 'w' })).cancelled, true)
    assert.equal((await waiter.ask({ id: 9, action: 'cancel', request: 'w' })).cancelled, false)
    assert.equal((await waiter.ask({ id: 10, action: 'cancel', request: '7' })).cancelled, false, 'a number is no string')
    await holder.ask({ action: 'release', token })
    assert.equal((await soon(waiter.reply())).id, 7)
    assert.deepEqual((await waiter.ask({ id: 11, action: 'cancel', request: 7 })).cancelled, false, 'it has been granted')
    assert.equal(
      (await waiter.ask({ id: 12, action: 'inspect' })).inspect.sessions.find((/** @type {any} */ { name }) => name === 'waiter').holds
        .length,
      1
    )
  })

  test('that shares its id with another is cancelled alone', async t => {
    const { raws } = await speak(t, 'holder', 'waiter')
    const [holder, waiter] = raws
    const held = [await holder.ask({ action: 'lock', name: 'x' }), await holder.ask({ action: 'lock', name: 'y' })]
    waiter.send({ id: 7, action: 'lock', name: 'x' }, { id: 7, action: 'lock', name: 'y' })
    await waiter.ask(ping)
    assert.equal((await waiter.ask({ id: 'c', action: 'cancel', request: 7 })).cancelled, true)
    for (const { token } of held) await holder.ask({ action: 'release', token })
    const granted = await soon(waiter.reply())
    assert.ok(granted.id === 7 && granted.ok)
    assert.equal((await waiter.ask(ping)).id, 'ping', 'the other got no reply')
    const free = [await holder.ask({ action: 'lock', name: 'x', wait: 0 }), await holder.ask({ action: 'lock', name: 'y', wait: 0 })]
    assert.equal(free.filter(({ ok }) => ok).length, 1, 'and holds nothing')
  })

  test('crossed by a release is either cancelled or granted', async t => {
    const { raws } = await speak(t, 'holder', 'waiter')
    const [holder, waiter] = raws
    const outcomes = { cancelled: 0, granted: 0 }
    for (let round = 0; round < 200; round++) {
      const { token } = await holder.ask({ action: 'lock', name: 'x' })
      waiter.send({ id: round, action: 'lock', name: 'x' })
      await waiter.ask(ping)
      const [one, two] = round % 2 ? [holder, waiter] : [waiter, holder]
      const requests = new Map([
        [holder, { id: 'r', action: 'release', token }],
        [waiter, { id: 'c', action: 'cancel', request: round }]
      ])
      one.send(requests.get(one) ?? {})
      two.send(requests.get(two) ?? {})
      assert.equal((await holder.reply()).released, true)
      let reply = await waiter.reply()
      const granted = reply.id === round ? reply : null
      if (granted) reply = await waiter.reply()
      assert.deepEqual([reply.id, reply.cancelled], ['c', !granted])
      outcomes[granted ? 'granted' : 'cancelled'] += 1
      if (granted) assert.equal((await waiter.ask({ action: 'release', token: granted.token })).released, true)
    }
    t.diagnostic(JSON.stringify(outcomes))
    assert.equal((await holder.ask({ action: 'lock', name: 'x', wait: 0 })).ok, true)
  })

  test('ends with the code of its action when the time is over', async t => {
    const { raws } = await speak(t, 'holder', 'waiter')
    const [holder, waiter] = raws
    await holder.ask({ action: 'lock', name: 'x' })
    await holder.ask({ action: 'semaphore', name: 's', permits: 1 })
    await holder.ask({ action: 'acquire', pools: [{ pool: 'one' }] })
    await holder.ask({ action: 'once', key: 'k' })
    /** @type {Array<[object, string | undefined]>} */
    const waits = [
      [{ action: 'lock', name: 'x' }, 'timeout'],
      [{ action: 'lock', name: 'x', shared: true }, 'timeout'],
      [{ action: 'semaphore', name: 's', permits: 1 }, 'timeout'],
      [{ action: 'acquire', pools: [{ pool: 'one' }] }, 'pool_exhausted'],
      [{ action: 'lease', key: 'one', workerId: 'w' }, 'pool_exhausted'],
      [{ action: 'once', key: 'k' }, 'timeout'],
      [{ action: 'waitFor', key: 'k' }, 'timeout'],
      [{ action: 'watch', key: 'k', after: 0 }, 'timeout'],
      [{ action: 'done', queue: 'q' }, 'timeout'],
      [{ action: 'barrier', name: 'b', parties: 3 }, 'timeout'],
      [{ action: 'take', queue: 'q' }, undefined]
    ]
    for (const [request, code] of waits) {
      for (const wait of [0, 15.5]) {
        const start = performance.now()
        const reply = await soon(waiter.ask({ id: 1, ...request, ...('parties' in request ? { name: `b${wait}` } : {}), wait }))
        assert.equal(reply.error, code, `${JSON.stringify(request)}: ${JSON.stringify(reply)}`)
        if (code === undefined) assert.equal(reply.none, true)
        else assert.match(reply.message, /\w/)
        assert.ok(performance.now() - start >= wait - 0.5)
      }
    }
    const { sessions } = (await waiter.ask({ action: 'inspect' })).inspect
    assert.ok(sessions.every((/** @type {any} */ { waits }) => waits.length === 0))
  })

  test('in their thousands is served in order', async t => {
    const { broker, raws } = await speak(t, 'holder')
    const [holder] = raws
    const { token } = await holder.ask({ action: 'lock', name: 'x' })
    const crowd = await Promise.all(Array.from({ length: 20 }, (_, at) => greet(t, broker.pipe, `w${at}`)))
    const each = 100
    for (const raw of crowd) {
      raw.send(...Array.from({ length: each }, (_, id) => ({ id, action: 'waitFor', key: 'go' })), {
        id: 'lock',
        action: 'lock',
        name: 'x'
      })
      await raw.ask(ping)
    }
    await holder.ask({ action: 'set', key: 'go', value: 'now' })
    for (const raw of crowd) {
      const replies = await raw.replies(each)
      assert.deepEqual(
        replies.map(({ id, value }) => [id, value]),
        Array.from({ length: each }, (_, id) => [id, 'now'])
      )
    }
    await holder.ask({ action: 'release', token })
    for (const raw of crowd) {
      const { id, token } = await soon(raw.reply())
      assert.equal(id, 'lock')
      await raw.ask({ action: 'release', token })
    }
  })
})

describe('tokens', { timeout: TIMEOUT }, () => {
  test('are of use to their session alone', async t => {
    const { broker, raws } = await speak(t, 'holder', 'thief')
    const [holder, thief] = raws
    const held = [
      await holder.ask({ action: 'lock', name: 'x' }),
      (await holder.ask({ action: 'acquire', pools: [{ pool: 'one' }], ttl: 60_000 })).leases[0],
      await holder.ask({ action: 'semaphore', name: 's', permits: 1 }),
      await holder.ask({ action: 'once', key: 'k' })
    ]
    await holder.ask({ action: 'push', queue: 'q', items: [1] })
    held.push(await holder.ask({ action: 'take', queue: 'q' }))
    const bare = await dial(t, broker.pipe)
    for (const { token } of held) {
      for (const request of [
        { action: 'release' },
        { action: 'discard' },
        { action: 'renew', ttl: 1 },
        { action: 'fulfil', value: 1 },
        { action: 'fail' },
        { action: 'ack' },
        { action: 'nack' }
      ]) {
        for (const raw of [thief, bare]) {
          const { ok, released, discarded, acked, nacked, error } = await raw.ask({ ...request, token })
          assert.ok(
            !ok || released === false || discarded === false || acked === false || nacked === false,
            `${JSON.stringify(request)}: ${error}`
          )
        }
      }
    }
    const [{ holds }] = (await holder.ask({ action: 'inspect' })).inspect.sessions
    assert.equal(holds.length, held.length)
    // And of use for what they stand for: a lock cannot be acked, an item not be discarded.
    const [lock, , , once, item] = held
    assert.notEqual((await holder.ask({ action: 'ack', token: lock.token })).acked, true)
    assert.notEqual((await holder.ask({ action: 'discard', token: item.token })).discarded, true)
    assert.equal((await holder.ask({ action: 'fulfil', token: lock.token, value: 1 })).ok, false)
    assert.equal((await holder.ask({ action: 'release', token: once.token })).released, true)
    assert.equal((await thief.ask({ action: 'once', key: 'k' })).run, true)
  })

  test('that are lost are told of in a line without id', async t => {
    const { raws } = await speak(t, 'holder', 'other')
    const [holder, other] = raws
    const { token } = (await holder.ask({ id: 1, action: 'acquire', pools: [{ pool: 'one' }], ttl: 30 })).leases[0]
    const { message, ...event } = await soon(holder.reply())
    assert.deepEqual(event, { event: 'lost', token })
    assert.equal(typeof message, 'string')
    assert.equal((await holder.ask({ action: 'release', token })).released, false)
    assert.equal((await holder.ask({ action: 'renew', token })).error, 'not_held')
    assert.equal((await other.ask({ action: 'acquire', pools: [{ pool: 'one' }], wait: 0 })).ok, true)
  })

  test('go on when their connection says bye, or is cut', async t => {
    const { raws } = await speak(t, 'bye', 'cut', 'next')
    const [bye, cut, next] = raws
    await bye.ask({ action: 'lock', name: 'x' })
    cut.send({ id: 1, action: 'lock', name: 'x' })
    await cut.ask(ping)
    next.send({ id: 1, action: 'lock', name: 'x' })
    await next.ask(ping)
    assert.equal((await bye.ask({ action: 'bye' })).ok, true)
    assert.equal((await soon(cut.reply())).ok, true)
    cut.socket.destroy()
    assert.equal((await soon(next.reply())).ok, true)
  })
})

describe('a drain', { timeout: TIMEOUT }, () => {
  test('ends waits, and still takes back what is held', async t => {
    const { broker, raws } = await speak(t, 'holder', 'waiter')
    const [holder, waiter] = raws
    const { token } = await holder.ask({ action: 'lock', name: 'x' })
    waiter.send({ id: 1, action: 'lock', name: 'x' }, { id: 2, action: 'waitFor', key: 'k' })
    await waiter.ask(ping)
    const drained = broker.drain(5000)
    const codes = [await soon(waiter.reply()), await soon(waiter.reply())].map(({ id, error }) => `${id} ${error}`)
    assert.deepEqual(codes.sort(), ['1 draining', '2 draining'])
    assert.equal(await drained, true)
    for (const action of ['lock', 'once', 'take', 'push', 'incr', 'acquire']) {
      assert.equal((await waiter.ask({ action, ...actions[action].members })).error, 'draining', action)
    }
    assert.equal((await holder.ask({ action: 'release', token })).released, true)
    assert.equal((await waiter.ask({ action: 'stats' })).stats.sessions, 2)
  })
})
