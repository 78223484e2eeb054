// @ts-check
'use strict'

/** Semaphores of `ephemeral-broker/cooperate`: who is served when, and what comes back with whom. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, cooperateHere, queued, setUp, soon, until } = require('./support-cooperate')

/** @typedef {InstanceType<typeof import('./support-cooperate').TestWorker>} TestWorker */

/** @param {TestWorker} worker @param {number} amount */
const acquire = (worker, amount = 1) =>
  worker.do(async ({ SharedContext, kept }, amount) => {
    kept.release = await new SharedContext('c').createSemaphore('s', 3).acquire(amount)
  }, amount)

/** @param {TestWorker} worker @param {number} [amount] */
const acquireNow = (worker, amount) =>
  worker.do(async ({ SharedContext, kept }, amount) => {
    kept.release = await new SharedContext('c').createSemaphore('s', 3).acquireNow(amount)
  }, amount)

/** @param {TestWorker} worker @param {number} [amount] */
const release = (worker, amount) => worker.do(({ kept }, amount) => kept.release(amount), amount)

/** @param {TestWorker} worker @param {'down' | 'downNow' | 'up'} method @param {number} [amount] */
const unmanaged = (worker, method, amount) =>
  worker.do(
    async ({ SharedContext }, method, amount) => {
      await new SharedContext('c').createUnmanagedSemaphore('s', 3)[method](amount)
    },
    method,
    amount
  )

/** @param {number} amount @returns {Partial<Error & Record<string, unknown>>} */
const down = amount => ({ name: 'SemaphoreDownError', semaphoreId: 's', amount })

describe('a managed semaphore', { timeout: TIMEOUT }, () => {
  test('lets all three in that wait, when three permits come back at once', async t => {
    const { workers, client } = await setUp(t, 'process', 'process', 'thread', 'process')
    const [holder, ...others] = workers
    await acquire(holder, 3)
    const waits = []
    for (const [at, other] of others.entries()) {
      waits.push(acquire(other))
      await queued(client, at + 1)
    }
    await release(holder)
    await soon(Promise.all(waits))
    await assert.rejects(acquireNow(holder), down(1))
  })

  test('serves in the order of coming, and none before one who wants more', async t => {
    const { workers, client } = await setUp(t, 'process', 'process', 'thread')
    const [holder, big, small] = workers
    await acquire(holder, 3)
    /** @type {string[]} */
    const order = []
    const waits = [acquire(big, 2).then(() => order.push('big'))]
    await queued(client, 1)
    waits.push(acquire(small, 1).then(() => order.push('small')))
    await queued(client, 2)
    await release(holder, 1)
    // One is there, for which the second waits behind the first.
    await until(client, ({ value, queue }) => value === 1 && queue.length === 2)
    await release(holder, 1)
    await soon(waits[0])
    await queued(client, 1)
    assert.deepEqual(order, ['big'])
    await release(holder)
    await soon(waits[1])
  })

  test('lets acquireNow() pass those who wait for more, and takes nothing that they could have', async t => {
    const { workers, client } = await setUp(t, 'process', 'process', 'thread')
    const [holder, waiter, passer] = workers
    await acquire(holder, 2)
    const wait = acquire(waiter, 2)
    await queued(client, 1)
    await acquireNow(passer)
    await assert.rejects(acquireNow(passer), down(1))
    await release(passer)
    await until(client, ({ value }) => value === 1)
    // In one tick: what comes back is the waiter's before anybody can ask for it.
    const late = holder.do(({ SharedContext, kept }) => {
      kept.release(1)
      return new SharedContext('c').createSemaphore('s', 3).acquireNow(1)
    })
    await soon(wait)
    await assert.rejects(late, down(1))
  })

  test('goes on without a worker that was killed while it waited at the head', async t => {
    for (const kind of /** @type {const} */ (['process', 'thread'])) {
      await t.test(`a ${kind}`, async t => {
        const { workers, client } = await setUp(t, 'process', kind, 'process', 'process')
        const [holder, big, small, other] = workers
        await acquire(holder, 2)
        void acquire(big, 2)
        await queued(client, 1)
        const waits = [acquire(small, 1)]
        await queued(client, 2)
        waits.push(acquire(other, 1))
        await queued(client, 3)
        await big.kill()
        await soon(waits[0])
        await queued(client, 1)
        await release(holder, 1)
        await soon(waits[1])
      })
    }
  })

  test('has back what a killed worker held, for those who wait and for those who do not', async t => {
    for (const kind of /** @type {const} */ (['process', 'thread'])) {
      await t.test(`a ${kind}`, async t => {
        const { workers, client } = await setUp(t, kind, kind, 'process')
        const [first, second, waiter] = workers
        await acquire(first, 2)
        await acquireNow(second, 1)
        const wait = acquire(waiter, 2)
        await queued(client, 1)
        await first.kill()
        await soon(wait)
        await assert.rejects(acquireNow(waiter), down(1))
        await second.kill()
        // The system tells the broker of the death when it likes.
        await soon(untilGranted(() => acquireNow(waiter)))
      })
    }
  })

  test('has back what a worker held that ends by itself, in whatever way', async t => {
    const { workers } = await setUp(t, 'process', 'process', 'process', 'process')
    const [exits, stops, leaves, asks] = workers
    for (const worker of [exits, stops, leaves]) await acquire(worker)
    void exits.do(() => process.exit(0))
    void stops.do(() => process.kill(process.pid, 'SIGTERM'))
    // Idle, and without the channel that keeps it: it ends, although it holds something.
    void leaves.do(() => new Promise(() => process.disconnect()))
    await soon(Promise.all([exits.ended, stops.ended, leaves.ended]))
    await soon(untilGranted(() => acquireNow(asks, 3)))
  })

  test('gives back parts, and never more than is held', async t => {
    const { workers, client } = await setUp(t, 'process')
    const { SharedContext } = cooperateHere(t, client.pipe)
    const semaphore = new SharedContext('c').createSemaphore('s', 3)
    for (const method of /** @type {const} */ (['acquire', 'acquireNow'])) {
      const release = await semaphore[method](3)
      for (const amount of [1.5, 0.5, -1, 4, NaN, Infinity, '1', null]) {
        assert.throws(() => release(/** @type {any} */ (amount)), RangeError, `${method}: ${amount}`)
      }
      release(0)
      release(1)
      await semaphore.acquireNow(1).then(again => again())
      assert.throws(() => release(3), { name: 'RangeError', message: /held, 2, not 3/ })
      release()
      release()
      assert.throws(() => release(1), RangeError)
      await semaphore.acquireNow(3).then(all => all())
    }
    await soon(acquire(workers[0], 3))
  })

  test('gives nothing twice that was released twice', async t => {
    const { workers } = await setUp(t, 'process', 'thread')
    const [first, second] = workers
    await acquire(first, 2)
    await release(first)
    await acquire(second, 3)
    await release(first)
    await assert.rejects(acquireNow(first), down(1))
  })

  test('has no waits that cannot end', async t => {
    const { client } = await setUp(t)
    const { SharedContext } = cooperateHere(t, client.pipe)
    const none = new SharedContext('c').createSemaphore('s', 0)
    await assert.rejects(none.acquire(), {
      name: 'RangeError',
      message: /^amount must be a whole number from 0 to the semaphore's initial value, 0, not 1/
    })
    await assert.rejects(none.acquireNow(), { ...down(1), semaphoreId: 's' })
    const release = await none.acquire(0)
    release()
    await none.acquireNow(0).then(release => release())
  })

  test('lets 0 wait for its turn', async t => {
    const { workers, client } = await setUp(t, 'process', 'process', 'process')
    const [holder, big, nothing] = workers
    await acquire(holder, 3)
    const waits = [acquire(big, 1)]
    await queued(client, 1)
    waits.push(acquire(nothing, 0))
    await queued(client, 2)
    await acquireNow(nothing, 0)
    await release(holder, 1)
    await soon(Promise.all(waits))
  })
})

describe('an unmanaged semaphore', { timeout: TIMEOUT }, () => {
  test('keeps what dead workers took, with and without waiting', async t => {
    const { workers, client } = await setUp(t, 'process', 'thread', 'process', 'process')
    const [now, waited, asks, other] = workers
    await unmanaged(now, 'downNow', 3)
    const wait = unmanaged(waited, 'down', 1)
    await queued(client, 1)
    await unmanaged(asks, 'up', 1)
    await soon(wait)
    await Promise.all([now.kill(), waited.kill()])
    await assert.rejects(unmanaged(asks, 'downNow'), down(1))
    const last = unmanaged(other, 'down', 5)
    await queued(client, 1)
    await unmanaged(asks, 'up', 4)
    await assert.rejects(unmanaged(asks, 'downNow', 5), down(5))
    await unmanaged(asks, 'up')
    await soon(last)
    await assert.rejects(unmanaged(asks, 'downNow'), down(1))
  })

  test('forgets who is killed while it waits', async t => {
    const { workers, client } = await setUp(t, 'process', 'process', 'thread')
    const [dies, waits, asks] = workers
    await unmanaged(asks, 'down', 3)
    void unmanaged(dies, 'down', 2)
    await queued(client, 1)
    const wait = unmanaged(waits, 'down', 1)
    await queued(client, 2)
    await dies.kill()
    await queued(client, 1)
    await unmanaged(asks, 'up', 3)
    await soon(wait)
    await unmanaged(asks, 'downNow', 2)
  })

  test('does what one asks for without awaiting it, in that order', async t => {
    const { client } = await setUp(t)
    const { SharedContext } = cooperateHere(t, client.pipe)
    const semaphore = new SharedContext('c').createUnmanagedSemaphore('s', 0)
    const downs = [semaphore.down(2), semaphore.down(1)]
    await queued(client, 2)
    const ups = [semaphore.up(1), semaphore.up(), semaphore.up(3)]
    await semaphore.downNow(2)
    await Promise.all([...downs, ...ups])
    await assert.rejects(semaphore.downNow(1), down(1))
    await assert.rejects(semaphore.up(/** @type {any} */ ('1')), RangeError)
    await assert.rejects(semaphore.down(0.5), RangeError)
  })
})

describe('semaphores', { timeout: TIMEOUT }, () => {
  test('are refused where they were created otherwise, whether anybody uses them or not', async t => {
    const { workers, client } = await setUp(t, 'process')
    const { SharedContext, SemaphoreCreationError } = cooperateHere(t, client.pipe)
    await workers[0].do(({ SharedContext }) =>
      new SharedContext('c')
        .createSemaphore('s', 3)
        .acquire()
        .then(release => release())
    )
    await workers[0].kill()
    const context = new SharedContext('c')
    /** @type {Array<Promise<unknown>>} */
    const refused = [
      context.createSemaphore('s', 2).acquire(),
      context.createSemaphore('s', 2).acquireNow(),
      context.createUnmanagedSemaphore('s', 3).down(),
      context.createUnmanagedSemaphore('s', 3).downNow(),
      context.createUnmanagedSemaphore('s', 3).up()
    ]
    for (const result of refused) {
      await assert.rejects(result, error => {
        assert.ok(error instanceof SemaphoreCreationError && error instanceof Error)
        assert.deepEqual([error.name, error.semaphoreId], ['SemaphoreCreationError', 's'])
        assert.match(error.message, /^the semaphore "s" is a managed one with the initial value 3 in this run: it cannot be an? /)
        return true
      })
    }
    // Another context, another semaphore; and the same one goes on.
    await new SharedContext('other').createSemaphore('s', 2).acquire(2)
    await soon(context.createSemaphore('s', 3).acquire(3))
  })

  test('take whole numbers from 0 on', async t => {
    const { client } = await setUp(t)
    const { SharedContext } = cooperateHere(t, client.pipe)
    const context = new SharedContext('c')
    for (const value of [-1, 1.5, NaN, Infinity, 2 ** 53, '1', null]) {
      const bad = /** @type {any} */ (value)
      assert.throws(() => context.createSemaphore('s', bad), { name: 'RangeError', message: /^initialValue must be a whole number from 0/ })
      assert.throws(() => context.createUnmanagedSemaphore('s', bad), RangeError)
      await assert.rejects(context.createSemaphore('s', 1).acquire(bad), {
        name: 'RangeError',
        message: /^amount must be a whole number from 0/
      })
      await assert.rejects(context.createSemaphore('s', 1).acquireNow(bad), RangeError)
    }
    const large = context.createSemaphore('large', Number.MAX_SAFE_INTEGER)
    await large.acquireNow(Number.MAX_SAFE_INTEGER)
    await assert.rejects(large.acquireNow(), { name: 'SemaphoreDownError' })
  })
})

/**
 * Asks until it is granted: for what comes back at a moment that nobody is told of.
 * @param {() => Promise<void>} ask
 */
async function untilGranted(ask) {
  while (true) {
    try {
      return await ask()
    } catch (error) {
      assert.equal(/** @type {Error} */ (error).name, 'SemaphoreDownError')
    }
  }
}
