// @ts-check
'use strict'

/** Once: one makes the value and all have it, whatever becomes of the one that makes it. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, failsWith, msBetween, setUp, soon, startWorkers, stillWaiting, until, waiting } = require('./support-coordination')

/** A function that makes what it is told to, when it is told to. @template T */
function gate() {
  /** @type {(value: any) => void} */
  let open = () => {}
  /** @type {(error: unknown) => void} */
  let fail = () => {}
  const made = new Promise((resolve, reject) => ([open, fail] = [resolve, reject]))
  made.catch(() => {})
  let runs = 0
  return {
    open,
    fail,
    get runs() {
      return runs
    },
    make: () => {
      runs += 1
      return made
    }
  }
}

const never = () => assert.fail('it ran again')

describe('once', { timeout: TIMEOUT }, () => {
  test('runs in one of many processes, and all have what it gave', async t => {
    const { broker, clients } = await setUp(t, { requireTTL: true }, 'watcher')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const made = workers.flatMap(worker =>
      ['a', 'b', 'c', 'd', 'e'].map(key =>
        worker.do(
          ({ client }, key) => client.once(key, async () => ({ key, run: await client.incr(`runs of ${key}`), by: process.pid })),
          key
        )
      )
    )
    const values = await soon(Promise.all(made))
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      const same = values.filter(value => value.key === key)
      assert.equal(same.length, 3)
      assert.ok(same.every(value => value.run === 1 && value.by === same[0].by))
      assert.deepEqual(await clients[0].get(key), same[0])
      assert.deepEqual(await clients[0].once(key, never), same[0])
    }
  })

  test('asked for twice by one client runs once', async t => {
    const { clients } = await setUp(t, {}, 'a')
    let runs = 0
    const make = async () => {
      await clients[0].ping()
      return ++runs
    }
    assert.deepEqual(await soon(Promise.all([1, 2, 3].map(() => clients[0].once('k', make)))), [1, 1, 1])
  })

  test('that waits for itself is refused', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    const nested = a.once('outer', () => a.once('inner', () => a.once('outer', never)))
    await assert.rejects(soon(nested), failsWith('deadlock', /outer/))
    // Each makes one and needs the other's.
    const gates = [gate(), gate()]
    const first = a.once('x', async () => {
      await gates[0].make()
      return a.once('y', () => 'made by a')
    })
    const second = b.once('y', async () => {
      await gates[1].make()
      return b.once('x', () => 'made by b')
    })
    const outcomes = Promise.allSettled([first, second])
    await until(() => gates[0].runs + gates[1].runs === 2)
    gates[0].open(0)
    gates[1].open(0)
    const refused = (await soon(outcomes)).filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 1, 'one is refused, the other goes on')
    assert.ok(failsWith('deadlock', /x.*y|y.*x/s)(/** @type {any} */ (refused[0]).reason))
  })

  test('is run by the next when the one that runs it is killed', async t => {
    const { broker, clients } = await setUp(t, {}, 'last')
    const [maker, next] = await startWorkers(t, broker.pipe, 'maker', 'next')
    maker.do(({ client }) => client.once('token', () => new Promise(() => {})))
    await maker.ping()
    const made = next.timed(({ client }) => client.once('token', () => 'from the next'))
    await next.ping()
    const last = await waiting(clients[0], clients[0].once('token', never))
    const killed = maker.kill()
    const { value, at } = await soon(made)
    t.diagnostic(`from SIGKILL to the value: ${msBetween(killed, at).toFixed(2)} ms`)
    assert.equal(value, 'from the next')
    assert.equal(await soon(last.result), 'from the next')
    assert.ok(msBetween(killed, at) < 1000)
  })

  test('that throws is tried by the next, and the one that threw is told', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    const first = gate()
    const failing = await waiting(clients[0], clients[0].once('k', first.make))
    const second = gate()
    const next = await waiting(clients[1], clients[1].once('k', second.make))
    const third = await waiting(clients[2], clients[2].once('k', never))
    const failure = new TypeError('no network')
    first.fail(failure)
    await assert.rejects(failing.result, error => error === failure)
    await until(() => second.runs === 1)
    await stillWaiting([clients[1], next], [clients[2], third])
    second.open({ done: true })
    assert.deepEqual(await Promise.all([next.result, third.result]), [{ done: true }, { done: true }])
  })

  test('that throws for all tells all that wait, and is tried by who comes later', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const [other] = await startWorkers(t, broker.pipe, 'other')
    const first = gate()
    const failing = await waiting(clients[0], clients[0].once('k', first.make, { onError: 'all' }))
    const waiter = await waiting(clients[1], clients[1].once('k', never, { onError: 'all' }))
    const far = other.do(({ client }) =>
      client.once('k', () => 'ran').catch(({ code, cause }) => ({ code, message: cause.message, name: cause.name }))
    )
    await other.ping()
    first.fail(new TypeError('no network'))
    await assert.rejects(failing.result, /no network/)
    await assert.rejects(waiter.result, error => {
      return failsWith('once_failed', /k/)(error) && /no network/.test(/** @type {any} */ (error).cause.message)
    })
    assert.deepEqual(await soon(far), { code: 'once_failed', message: 'no network', name: 'TypeError' })
    assert.equal(await clients[1].once('k', () => 'again'), 'again')
    await assert.rejects(
      clients[0].once('other', () => Promise.reject(7), { onError: 'all' }),
      error => error === 7
    )
  })

  test('gives undefined, null and all else that JSON can say', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    let runs = 0
    const values = [null, 0, false, '', '漢', [1, { a: null }], 'x'.repeat(100_000), 1e300]
    for (const [at, value] of values.entries()) {
      const make = () => {
        runs += 1
        return value
      }
      assert.deepEqual(await clients[0].once(`k${at}`, make), value)
      assert.deepEqual(await clients[1].once(`k${at}`, make), value)
    }
    assert.equal(runs, values.length)
    const nothing = gate()
    const first = await waiting(clients[0], clients[0].once('setup', nothing.make))
    const second = await waiting(clients[1], clients[1].once('setup', nothing.make))
    nothing.open(undefined)
    assert.deepEqual([await first.result, await soon(second.result), nothing.runs], [undefined, undefined, 1])
    assert.equal(await clients[1].once('setup', never), undefined)
  })

  test('whose value cannot be said in JSON is handed on', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    await assert.rejects(
      clients[0].once('k', () => /** @type {any} */ (1n)),
      failsWith('invalid_value')
    )
    assert.equal(await soon(clients[1].once('k', () => 'good')), 'good')
  })

  test('runs again after its time, or when its value is deleted', async t => {
    const { clients } = await setUp(t, { requireTTL: true }, 'a', 'b')
    let runs = 0
    const make = () => ++runs
    assert.equal(await clients[0].once('short', make, { ttl: 30 }), 1)
    await until(async () => !(await clients[1].has('short')))
    assert.equal(await clients[1].once('short', make, { ttl: 60_000 }), 2)
    assert.equal(await clients[1].del('short'), true)
    assert.equal(await clients[0].once('short', make), 3)
    assert.equal((await clients[0].list()).short.expires, null)
    await clients[0].set('given', 'by set', 60_000)
    assert.equal(await clients[1].once('given', never), 'by set')
  })

  test('makes a new value before the old one ends, in one worker, while the others have the old one', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    assert.equal(await clients[0].once('token', () => 'old', { ttl: 60_000 }), 'old')
    assert.equal(await clients[1].once('token', never, { ttl: 60_000, refresh: 1000 }), 'old', 'there is time')
    const fresh = gate()
    const refresh = { ttl: 200_000, refresh: 100_000 }
    const refreshing = clients[0].once('token', fresh.make, refresh)
    await clients[0].ping()
    for (let round = 0; round < 3; round++) {
      const others = [clients[1], clients[2], clients[0]].map(client => client.once('token', never, refresh))
      assert.deepEqual(await soon(Promise.all(others)), ['old', 'old', 'old'])
    }
    await until(() => fresh.runs === 1)
    assert.equal(await clients[1].get('token'), 'old')
    fresh.open('new')
    assert.ok(['old', 'new'].includes(await soon(refreshing)))
    await until(async () => (await clients[2].get('token')) === 'new')
    assert.equal(await clients[1].once('token', never, refresh), 'new')
    assert.equal(fresh.runs, 1)
  })

  test('is refreshed by another when the one that does is killed', async t => {
    const { broker, clients } = await setUp(t, {}, 'b')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    await clients[0].once('token', () => 'old', { ttl: 60_000 })
    dying.do(({ client }) => client.once('token', () => new Promise(() => {}), { ttl: 60_000, refresh: 100_000 }))
    await dying.ping()
    const refresh = { ttl: 200_000, refresh: 100_000 }
    assert.equal(await clients[0].once('token', never, refresh), 'old')
    dying.kill()
    await until(async () => {
      await clients[0].once('token', () => 'new', refresh)
      return (await clients[0].get('token')) === 'new'
    })
  })

  test('is waited for so long, and given up', async t => {
    const { clients } = await setUp(t, {}, 'worker-7', 'b', 'c')
    clients[0].describe('logs in as admin')
    const slow = gate()
    const making = await waiting(clients[0], clients[0].once('token', slow.make))
    await assert.rejects(clients[1].once('token', never, { wait: 30 }), failsWith('timeout', /token.*worker-7.*logs in as admin/s))
    await assert.rejects(clients[1].once('token', never, { wait: 0 }), failsWith('timeout'))
    const abort = new AbortController()
    const given = await waiting(clients[1], clients[1].once('token', never, { signal: abort.signal }))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    const closing = await waiting(clients[2], clients[2].once('token', never))
    await clients[2].close()
    await assert.rejects(closing.result, failsWith('closed'))
    slow.open(1)
    assert.equal(await making.result, 1)
    await assert.rejects(async () => clients[1].once('token', /** @type {any} */ (7)), failsWith('invalid_option'))
  })

  test('that is given up while it runs is handed on', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const slow = gate()
    const making = await waiting(clients[0], clients[0].once('token', slow.make))
    const next = await waiting(
      clients[1],
      clients[1].once('token', () => 'mine')
    )
    await clients[0].close()
    assert.equal(await soon(next.result), 'mine')
    slow.open('late')
    await making.result.catch(() => {})
    assert.equal(await clients[1].get('token'), 'mine')
  })

  test('has a blocking twin', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    assert.equal(
      clients[0].onceSync('k', () => 1),
      1
    )
    assert.equal(clients[1].onceSync('k', never), 1)
    const failure = new Error('from within')
    const failing = () =>
      clients[0].onceSync('other', () => {
        throw failure
      })
    assert.throws(failing, error => error === failure)
    const [worker] = await startWorkers(t, broker.pipe, 'maker')
    await worker.do(async ({ client }) => {
      const asked = async () => {
        while (!(await client.inspect()).sessions.some(({ waits }) => waits.length > 0));
        return 'from there'
      }
      client.once('other', asked)
      await client.ping()
    })
    assert.equal(clients[1].onceSync('other', never), 'from there')
  })
})
