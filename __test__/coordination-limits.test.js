// @ts-check
'use strict'

/** Limits: one rate over all workers, in turn. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, failsWith, setUp, soon, startWorkers, waiting } = require('./support-coordination')

/** How late a process of a busy machine may see what came to it, in ms. */
const JITTER = 60

/**
 * Of times in ms: that in no span of `per` there are more than `max`.
 * @param {number[]} times
 * @param {{ max: number, per: number }} limit
 */
function keeps(times, { max, per }) {
  times.sort((a, b) => a - b)
  for (let at = max; at < times.length; at++) {
    const span = times[at] - times[at - max]
    assert.ok(span >= per - JITTER, `${max + 1} within ${span.toFixed(1)} ms: ${times.map(time => (time - times[0]).toFixed(0))}`)
  }
}

describe('a limit', { timeout: TIMEOUT }, () => {
  test('is one for all processes, evenly spaced', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    const limit = { max: 20, per: 400 }
    await clients[0].limit('api', limit)
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const times = workers.map(worker =>
      worker.do(async ({ client }, limit) => {
        await client.limit('api', limit)
        const times = []
        for (let round = 0; round < 15; round++) {
          await client.throttle('api')
          times.push(Number(process.hrtime.bigint() / 1000n) / 1000)
        }
        return times
      }, limit)
    )
    const all = (await soon(Promise.all(times), 20_000)).flat()
    keeps(all, limit)
    const took = all[all.length - 1] - all[0]
    t.diagnostic(`45 at 20 ms each took ${took.toFixed(0)} ms`)
    assert.ok(took >= 44 * 20 - JITTER && took < 44 * 20 + 1500, `${took} ms`)
    // Without a burst no two are together: half a span has about half of them.
    keeps(all, { max: 11, per: 200 })
    assert.equal((await clients[0].inspect()).limits[0].passed, 45)
  })

  test('lets a burst through at once, and still no more than max in any span', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [client] = clients
    const limit = { max: 6, per: 300, burst: 4 }
    await client.limit('api', limit)
    const start = performance.now()
    const times = await Promise.all(numbers(14).map(async () => [await client.throttle('api'), performance.now() - start]))
    const at = times.map(([, time]) => time)
    assert.ok(at[3] < 45, `four at once, by ${at[3]} ms`)
    assert.ok(at[4] >= 40, `the fifth not before ${at[4]} ms`)
    keeps([...at], limit)
    assert.deepEqual(
      at,
      [...at].sort((a, b) => a - b),
      'in turn'
    )
    for (const [waited, time] of times) assert.ok(Math.abs(waited - time) < JITTER, `it says ${waited} ms, it took ${time} ms`)
    assert.ok(at[13] >= 300, 'fourteen take two spans')
  })

  test('counts what each costs', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [client] = clients
    await client.limit('mails', { max: 10, per: 300 })
    const start = performance.now()
    await client.throttle('mails', 5)
    await client.throttle('mails', 5)
    assert.ok(performance.now() - start >= 150 - 5, `five cost 150 ms, not ${performance.now() - start}`)
    const third = await client.throttle('mails', 1)
    assert.ok(third >= 100, `what came before is paid for, ${third} ms`)
    for (const cost of [0, -1, 1.5, NaN, '1', 11]) {
      await assert.rejects(
        async () => client.throttle('mails', /** @type {any} */ (cost)),
        error => ['invalid_option', 'invalid_request'].includes(/** @type {any} */ (error).code),
        String(cost)
      )
    }
  })

  test('that would be waited for too long is said at once, and costs nothing', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    await clients[0].limit('slow', { max: 1, per: 60_000 })
    assert.ok((await clients[0].throttle('slow')) < 50)
    const start = performance.now()
    await assert.rejects(clients[1].throttle('slow', 1, { wait: 30_000 }), failsWith('rate_limited', /slow/))
    assert.throws(() => clients[1].throttleSync('slow', 1, { wait: 30_000 }), failsWith('rate_limited'))
    assert.ok(performance.now() - start < 2000, 'at once')

    await clients[0].limit('short', { max: 1, per: 300 })
    await clients[0].throttle('short')
    for (let round = 0; round < 20; round++) await assert.rejects(clients[1].throttle('short', 1, { wait: 0 }), failsWith('rate_limited'))
    const waited = await clients[1].throttle('short', 1, { wait: 5000 })
    assert.ok(waited > 100 && waited < 600, `${waited} ms`)
  })

  test('gives the turn of one that gives up to the next', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    await clients[0].limit('api', { max: 1, per: 500 })
    await clients[0].throttle('api')
    const abort = new AbortController()
    const given = await waiting(clients[1], clients[1].throttle('api', 1, { signal: abort.signal }))
    const next = await waiting(clients[2], clients[2].throttle('api'))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    const waited = await soon(next.result)
    assert.ok(waited > 200 && waited < 900, `${waited} ms`)
  })

  test('gives the turn of one that is killed to the next', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    await clients[0].limit('api', { max: 1, per: 600 })
    await clients[0].throttle('api')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    await clients[0].throttle('api')
    dying.do(({ client }) => client.throttle('api'))
    await dying.ping()
    const next = await waiting(clients[0], clients[0].throttle('api'))
    dying.kill()
    const waited = await soon(next.result)
    assert.ok(waited < 1000, `${waited} ms`)
  })

  test('is first come, first served', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c', 'd')
    await clients[0].limit('api', { max: 10, per: 500 })
    await clients[0].throttle('api')
    /** @type {number[]} */
    const order = []
    const waits = []
    for (const [at, client] of clients.entries()) {
      waits.push(client.throttle('api', at === 0 ? 5 : 1).then(() => order.push(at)))
      await client.ping()
    }
    await soon(Promise.all(waits))
    assert.deepEqual(order, [0, 1, 2, 3])
  })

  test('is declared alike by all, or refused', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    await clients[0].limit('api', { max: 5, per: 100 })
    await clients[1].limit('api', { max: 5, per: 100, burst: 1 })
    await assert.rejects(clients[1].limit('api', { max: 6, per: 100 }), failsWith('mismatch', /api/))
    await assert.rejects(clients[1].limit('api', { max: 5, per: 101 }), failsWith('mismatch'))
    await assert.rejects(clients[1].limit('api', { max: 5, per: 100, burst: 2 }), failsWith('mismatch'))
    await assert.rejects(clients[1].throttle('other'), failsWith('not_found', /other/))
    assert.throws(() => clients[1].throttleSync('other'), failsWith('not_found'))
    assert.ok(clients[1].throttleSync('api') >= 0)
    for (const options of [
      {},
      { max: 0, per: 1 },
      { max: 1, per: 0 },
      { max: 1, per: -1 },
      { max: 'x', per: 1 },
      { max: 1, per: 1, burst: 0 },
      undefined
    ]) {
      await assert.rejects(
        async () => clients[0].limit('bad', /** @type {any} */ (options)),
        { name: 'BrokerError' },
        JSON.stringify(options)
      )
    }
    await assert.rejects(clients[1].throttle('bad'), failsWith('not_found'))
  })
})

/** @param {number} count */
function numbers(count) {
  return Array.from({ length: count }, (_, at) => at)
}
