// @ts-check
'use strict'

/** Queues: each item is done once, whoever dies over it. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, failsWith, msBetween, orNull, setUp, soon, startWorkers, stillWaiting, until, waiting } = require('./support-coordination')

const numbers = (/** @type {number} */ count) => Array.from({ length: count }, (_, at) => at)

describe('a queue', { timeout: TIMEOUT }, () => {
  test('hands each item out once, over processes, in order', async t => {
    const { broker } = await setUp(t, {})
    const queue = broker.queue('chunks')
    assert.equal(queue.name, 'chunks')
    assert.equal(await queue.push(...numbers(300)), 300)
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const work = workers.map(worker =>
      worker.do(async ({ client }) => {
        const values = []
        for await (const job of client.queue('chunks')) {
          values.push(job.value)
          if (job.attempt !== 1 || job.signal.aborted) throw new Error(`attempt ${job.attempt} of ${job.value}`)
          // Settled by the loop, or by itself.
          if (job.value % 2) await job.ack()
        }
        return values
      })
    )
    const taken = await soon(Promise.all(work), 30_000)
    for (const values of taken)
      assert.deepEqual(
        values,
        [...values].sort((a, b) => a - b)
      )
    assert.deepEqual(
      taken.flat().sort((a, b) => a - b),
      numbers(300)
    )
    assert.deepEqual(await soon(queue.done()), { acked: 300, failures: [] })
  })

  test('gives the item of a killed worker to another, next and as a further attempt', async t => {
    const { broker, clients } = await setUp(t, {}, 'host')
    const queue = clients[0].queue('q')
    await queue.push('first', 'second', 'third')
    const [dying, next] = await startWorkers(t, broker.pipe, 'dying', 'next')
    assert.equal(await dying.do(async ({ client }) => (await client.queue('q').take())?.value), 'first')
    const second = await queue.take()
    assert.equal(second?.value, 'second')
    dying.kill()
    await until(async () => (await clients[0].inspect()).queues[0].ready === 2)
    const [value, attempt] = await next.do(async ({ client }) => {
      const job = await client.queue('q').take()
      return [job?.value, job?.attempt]
    })
    assert.deepEqual([value, attempt], ['first', 2])
    // And to one that waits already, at once.
    await queue.take()
    const waiter = await waiting(clients[0], queue.take())
    const again = next.kill()
    const job = await soon(waiter.result)
    t.diagnostic(`from SIGKILL to the item: ${msBetween(again, process.hrtime.bigint()).toFixed(2)} ms`)
    assert.deepEqual([job?.value, job?.attempt], ['first', 3])
    assert.ok(Number(job?.waited) > 0)
  })

  test('gives a nacked item out next, until its attempts are over', async t => {
    const { broker, clients } = await setUp(t, {}, 'worker-7', 'b')
    const queue = clients[0].queue('q', { maxAttempts: 3 })
    clients[0].describe('renders a page')
    await queue.push({ page: 1 }, { page: 2 })
    for (const attempt of [1, 2, 3]) {
      const job = await queue.take()
      assert.deepEqual([job?.value, job?.attempt], [{ page: 1 }, attempt])
      assert.equal(await job?.nack(attempt === 3 ? new RangeError('no such page') : { attempt }), true)
      assert.deepEqual([await job?.nack(), await job?.ack(), await job?.release()], [false, false, false])
    }
    const job = await clients[1].queue('q').take()
    assert.deepEqual(job?.value, { page: 2 })
    const done = await waiting(clients[1], clients[1].queue('q').done())
    assert.equal(await job?.ack(), true)
    const { acked, failures } = await soon(done.result)
    assert.equal(acked, 1)
    assert.equal(failures.length, 1)
    const [{ value, attempts, reason, worker, test }] = failures
    assert.deepEqual([value, attempts, worker, test], [{ page: 1 }, 3, 'worker-7', 'renders a page'])
    assert.deepEqual([reason.name, reason.message], ['RangeError', 'no such page'])
    assert.match(reason.stack, /coordination-queues/)
    assert.deepEqual(await broker.queue('q').done(), { acked, failures })
  })

  test('counts the deaths of workers as attempts', async t => {
    const { broker, clients } = await setUp(t, {}, 'host')
    const queue = clients[0].queue('q', { maxAttempts: 2 })
    await queue.push('poison')
    const done = await waiting(clients[0], queue.done())
    for (const name of ['first', 'second']) {
      const [worker] = await startWorkers(t, broker.pipe, name)
      await worker.do(async ({ client }) => (await client.queue('q').take())?.value)
      worker.kill()
    }
    const { acked, failures } = await soon(done.result)
    assert.deepEqual([acked, failures.length], [0, 1])
    assert.deepEqual([failures[0].value, failures[0].attempts, failures[0].worker], ['poison', 2, 'second'])
    assert.ok(failures[0].reason, 'it says that the worker is gone')
  })

  test('makes those that wait wait in turn', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c', 'pusher')
    const waits = []
    for (const client of clients.slice(0, 3)) waits.push(await waiting(client, client.queue('q').take()))
    assert.equal(await clients[3].queue('q').push('one', 'two'), 0)
    assert.equal((await soon(waits[0].result))?.value, 'one')
    assert.equal((await soon(waits[1].result))?.value, 'two')
    await stillWaiting([clients[2], waits[2]])
    assert.equal(await clients[3].queue('q').push('three', 'four'), 1)
    assert.equal((await soon(waits[2].result))?.value, 'three')
  })

  test('gives null when nothing came in time', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const queue = clients[0].queue('q')
    assert.equal(await queue.take({ wait: 0 }), null)
    assert.equal(await queue.take({ wait: 20 }), null)
    const abort = new AbortController()
    const given = await waiting(clients[0], queue.take({ signal: abort.signal }))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    await clients[1].queue('q').push('kept')
    assert.equal((await queue.take())?.value, 'kept')
  })

  test('loses no item that is given and given up at once', async t => {
    const { clients } = await setUp(t, {}, 'taker', 'pusher')
    const queue = clients[0].queue('q')
    for (let round = 0; round < 150; round++) {
      const abort = new AbortController()
      const wait = await waiting(clients[0], queue.take({ signal: abort.signal }))
      const pushed = clients[1].queue('q').push(round)
      for (let turn = round % 4; turn > 0; turn--) await new Promise(setImmediate)
      abort.abort()
      const job = (await orNull('aborted', wait.result)) ?? (await clients[1].queue('q').take({ wait: 2000 }))
      await pushed
      assert.deepEqual([job?.value, job?.attempt], [round, 1], 'one that nobody was told of was not given out')
      assert.equal(await job?.ack(), true)
    }
    assert.deepEqual(await queue.done(), { acked: 150, failures: [] })
  })

  test('takes an item back as if it had not been taken', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const queue = clients[0].queue('q', { maxAttempts: 2 })
    await queue.push('x', 'y')
    for (let round = 0; round < 5; round++) {
      const job = await queue.take()
      assert.deepEqual([job?.value, job?.attempt], ['x', 1])
      assert.equal(await job?.release(), true)
    }
    const job = await clients[1].queue('q').take()
    assert.equal(job?.value, 'x')
    await clients[1].close()
    const last = await soon(queue.take())
    assert.equal(last?.value, 'x')
    assert.equal(await last?.ack(), true)
  })

  test('has a value for all that JSON can say', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const values = [null, 0, false, '', '漢', [[]], { a: { b: null } }, 'x'.repeat(100_000)]
    await clients[0].queue('q').push(...values)
    for (const value of values) assert.deepEqual((await clients[0].queue('q').take())?.value, value)
    await assert.rejects(clients[0].queue('q').push('good', undefined), failsWith('invalid_value'))
    await assert.rejects(clients[0].queue('q').push(1n), failsWith('invalid_value'))
    assert.equal(await clients[0].queue('q').take({ wait: 0 }), null)
    for (const maxAttempts of [0, -1, 1.5, /** @type {any} */ ('x')]) {
      await assert.rejects(async () => clients[0].queue('q', { maxAttempts }).push(1), failsWith('invalid_option'), String(maxAttempts))
    }
  })
})

describe('a queue that is done', { timeout: TIMEOUT }, () => {
  test('is one of which all is acked or has failed, and something was pushed', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = [clients[0].queue('q'), clients[1].queue('q')]
    await assert.rejects(a.done({ wait: 20 }), failsWith('timeout', /q/))
    const host = broker.queue('q').done()
    await a.push(1, 2)
    const [first, second] = [await a.take(), await b.take()]
    const done = await waiting(clients[1], b.done())
    await first?.ack()
    await stillWaiting([clients[1], done])
    await a.push(3)
    await second?.ack()
    await stillWaiting([clients[1], done])
    await (await b.take())?.ack()
    assert.deepEqual(await soon(done.result), { acked: 3, failures: [] })
    assert.deepEqual(await soon(host), { acked: 3, failures: [] })
    assert.deepEqual(await a.done({ wait: 0 }), { acked: 3, failures: [] })
    await a.push(4)
    await assert.rejects(a.done({ wait: 0 }), failsWith('timeout'))
  })

  test('ends the loops over it, not before', async t => {
    const { clients } = await setUp(t, {}, 'holder', 'looper')
    const queue = clients[0].queue('q')
    await queue.push('last')
    const held = await queue.take()
    /** @type {Array<[unknown, number]>} */
    const seen = []
    const loop = (async () => {
      for await (const job of clients[1].queue('q')) seen.push([job.value, job.attempt])
      return 'over'
    })()
    await until(async () => (await clients[0].inspect()).queues[0].waiting === 1)
    await held?.nack('try again')
    assert.equal(await soon(loop), 'over')
    assert.deepEqual(seen, [['last', 2]])
    for await (const job of clients[0].queue('q')) assert.fail(`${job.value} came after the end`)
  })

  test('is not, by a loop that is left: what it has goes back', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const queue = clients[0].queue('q')
    await queue.push(1, 2, 3)
    for await (const job of queue) {
      if (job.value === 2) break
    }
    const failure = new Error('from within')
    const failing = async () => {
      for await (const job of queue) {
        assert.deepEqual([job.value, job.attempt], [2, 1], 'given back, as if not taken')
        throw failure
      }
    }
    await assert.rejects(failing, error => error === failure)
    const [two, three] = [await clients[1].queue('q').take({ wait: 2000 }), await clients[1].queue('q').take({ wait: 2000 })]
    assert.deepEqual([two?.value, two?.attempt, three?.value], [2, 1, 3])
    await two?.ack()
    await three?.nack()
    const seen = []
    for await (const job of queue) {
      seen.push([job.value, job.attempt])
      await job.ack()
    }
    assert.deepEqual(seen, [[3, 2]])
    assert.equal((await queue.done()).acked, 3)
  })

  test('is told of by the signal of a job whose connection is lost', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    await clients[0].queue('q').push('x')
    const job = await clients[0].queue('q').take()
    assert.equal(job?.signal.aborted, false)
    const lost = new Promise(resolve => job?.signal.addEventListener('abort', resolve))
    const stopped = broker.stop()
    await soon(lost)
    assert.ok(failsWith('lost')(job?.signal.reason))
    assert.equal(await job?.ack(), false)
    await stopped
  })
})
