// @ts-check
'use strict'

/** Locks and reservations of `ephemeral-broker/cooperate`, and how it finds its broker. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const { TIMEOUT, cooperateHere, setUp, soon, startBroker } = require('./support-cooperate')

/** @typedef {InstanceType<typeof import('./support-cooperate').TestWorker>} TestWorker */

const ENTRY = path.join(__dirname, '..', 'lib', 'cooperate')

/** @param {TestWorker} worker */
const acquire = worker =>
  worker.do(async ({ SharedContext, kept }) => {
    kept.release = await new SharedContext('c').createLock('l').acquire()
  })

/** @param {TestWorker} worker */
const acquireNow = worker =>
  worker.do(({ SharedContext }) =>
    new SharedContext('c')
      .createLock('l')
      .acquireNow()
      .then(() => {})
  )

/** @param {TestWorker} worker */
const release = worker => worker.do(({ kept }) => kept.release())

const TAKEN = { name: 'LockAcquisitionError', lockId: 'l' }

describe('a lock', { timeout: TIMEOUT }, () => {
  test('goes from one to the next in the order of coming, over processes and threads', async t => {
    const { workers } = await setUp(t, 'process', 'thread', 'process', 'thread')
    await acquire(workers[0])
    /** @type {number[]} */
    const order = []
    const waits = []
    for (const at of [1, 2, 3]) {
      const wait = acquire(workers[at]).then(() => order.push(at))
      await workers[at].do(({ ping }) => ping())
      waits.push(wait)
    }
    await assert.rejects(acquireNow(workers[0]), TAKEN)
    for (const at of [0, 1, 2]) {
      await release(workers[at])
      await soon(waits[at])
      assert.deepEqual(order, [1, 2, 3].slice(0, at + 1))
    }
    await release(workers[3])
    await workers[3].do(({ ping }) => ping())
    await acquireNow(workers[0])
  })

  test('is released once, by who has it', async t => {
    const { workers } = await setUp(t, 'process', 'process')
    const [first, second] = workers
    await acquire(first)
    const wait = acquire(second)
    await second.do(({ ping }) => ping())
    await first.do(async ({ kept, ping }) => {
      kept.release()
      kept.release()
      await ping()
    })
    await soon(wait)
    await release(first)
    await assert.rejects(acquireNow(first), TAKEN)
  })

  test('is had by the next when its holder is killed, and skips those that were killed', async t => {
    for (const kind of /** @type {const} */ (['process', 'thread'])) {
      await t.test(`a ${kind}`, async t => {
        const { workers } = await setUp(t, kind, kind, 'process')
        const [holder, second, third] = workers
        await acquire(holder)
        void acquire(second)
        await second.do(({ ping }) => ping())
        const wait = acquire(third)
        await third.do(({ ping }) => ping())
        await second.kill()
        await holder.kill()
        await soon(wait)
      })
    }
  })

  test('may be released by the line of work that waits for it, or for another: no wait is refused', async t => {
    const { pipe, workers } = await setUp(t, 'process')
    const { SharedContext } = cooperateHere(t, pipe)
    const context = new SharedContext('c')
    const [x, y] = [context.createLock('x'), context.createLock('y')]
    const release = await x.acquire()
    const again = x.acquire()
    await workers[0].do(async ({ SharedContext, kept, ping }) => {
      const context = new SharedContext('c')
      kept.y = await context.createLock('y').acquire()
      kept.x = context.createLock('x').acquire()
      await ping()
    })
    const other = y.acquire()
    release()
    const second = await soon(again)
    second()
    await workers[0].do(async ({ kept }) => {
      const release = await kept.x
      release()
      kept.y()
    })
    await soon(other).then(release => release())
  })

  test('is another one in another context, and under another id', async t => {
    const { pipe } = await setUp(t)
    const { SharedContext } = cooperateHere(t, pipe)
    const pairs = [
      ['a', 'b|c'],
      ['a|b', 'c'],
      ['a', 'b%7c;c'],
      ['', ''],
      ['', '|'],
      ['\ud800', 'x'],
      ['\ud801', 'x'],
      ['d800;', 'x'],
      ['file:///a b.js', 'ü']
    ]
    for (const [context, id] of pairs) await new SharedContext(context).createLock(id).acquireNow()
    for (const [context, id] of pairs) {
      await assert.rejects(new SharedContext(context).createLock(id).acquireNow(), { name: 'LockAcquisitionError', lockId: id })
    }
    // A semaphore may have a lock's id.
    await new SharedContext('a').createSemaphore('b|c', 1).acquireNow()
  })
})

describe('reserve', { timeout: TIMEOUT }, () => {
  test('tells values apart as a Set does, in the order given, over processes and threads', async t => {
    const { workers } = await setUp(t, 'process', 'thread')
    const values = [1, 1n, '1', NaN, 'NaN', true, 'true', 0, 0n, '', 2n ** 70n, 1e300, Infinity, '-0', '\ud800', '\udfff', 'ä']
    const twice = [...values, ...values, -0]
    assert.deepEqual(await reserve(workers[0], twice), [...new Set(twice)])
    assert.deepEqual(await reserve(workers[1], [2, ...twice, '2']), [2, '2'])
    assert.deepEqual(await reserve(workers[0], values), [], 'nor by who has them')
    assert.deepEqual(await reserve(workers[0], []), [])
    assert.deepEqual(await reserve(workers[0], values, 'other'), values)
  })

  test('has them back when a worker is gone', async t => {
    const { workers } = await setUp(t, 'process', 'thread', 'process')
    const [killed, ended, asks] = workers
    await reserve(killed, ['a'])
    await reserve(ended, ['b'])
    await Promise.all([killed.kill(), ended.kill()])
    const got = async () => {
      /** @type {unknown[]} */
      const all = []
      while (all.length < 2) all.push(...(await reserve(asks, ['a', 'b'])))
      return all.sort()
    }
    assert.deepEqual(await soon(got()), ['a', 'b'])
  })

  test('gives the same value to one of many that ask at the same time', async t => {
    const { workers } = await setUp(t, 'process', 'process', 'thread', 'thread')
    const values = Array.from({ length: 200 }, (_, at) => at)
    const all = await Promise.all(workers.map(worker => Promise.all([reserve(worker, values), reserve(worker, values.toReversed())])))
    assert.deepEqual(
      all.flat(2).sort((/** @type {any} */ a, /** @type {any} */ b) => a - b),
      values
    )
  })

  test('refuses what is not the same in all workers, and takes nothing then', async t => {
    const { pipe } = await setUp(t)
    const { SharedContext } = cooperateHere(t, pipe)
    const context = new SharedContext('c')
    for (const value of [undefined, null, {}, [], Symbol('x'), () => {}, new Date(0)]) {
      await assert.rejects(context.reserve('first', /** @type {any} */ (value)), {
        name: 'TypeError',
        message: /^strings, numbers, bigints and booleans can be reserved, not /
      })
    }
    assert.deepEqual(await context.reserve('first'), ['first'])
  })
})

/**
 * @param {TestWorker} worker
 * @param {unknown[]} values
 * @param {string} [context]
 * @returns {Promise<unknown[]>}
 */
function reserve(worker, values, context = 'c') {
  return worker.do(
    ({ SharedContext }, context, values) => new SharedContext(context).reserve(.../** @type {any[]} */ (values)),
    context,
    values
  )
}

describe('the module', { timeout: TIMEOUT }, () => {
  test('says where there is no broker, and only when it is asked for something', async () => {
    const text = `
      const { SharedContext } = require(${JSON.stringify(ENTRY)})
      const context = new SharedContext('c')
      const asks = [
        () => context.createLock('l').acquire(), () => context.createLock('l').acquireNow(), () => context.reserve(1),
        () => context.createSemaphore('s', 1).acquire(), () => context.createUnmanagedSemaphore('s', 1).up()
      ]
      const all = asks.map(ask => ask().catch(({ name, code, message }) => [name, code, message]))
      Promise.all(all).then(all => console.log(JSON.stringify(all)))`
    const { stdout, code } = await evaluate(text, undefined)
    assert.equal(code, 0)
    const all = JSON.parse(stdout)
    assert.equal(all.length, 5)
    for (const [name, code, message] of all) {
      assert.deepEqual([name, code], ['BrokerError', 'no_pipe'])
      assert.match(message, /EPHEMERAL_PIPE is not set/)
    }
  })

  test('rejects what waits when the broker stops, and hangs nowhere', async t => {
    const broker = await startBroker(t, { logLevel: 'silent' })
    const { SharedContext } = cooperateHere(t, String(broker.pipe))
    const context = new SharedContext('c')
    await context.createLock('l').acquire()
    await context.createSemaphore('s', 1).acquire()
    const waits = [context.createLock('l').acquire(), context.createSemaphore('s', 1).acquire()]
    const ends = waits.map(wait => assert.rejects(wait, { name: 'BrokerError' }))
    await context.reserve(1)
    await broker.stop()
    await soon(Promise.all(ends))
  })

  test('keeps no process alive with what it holds', async t => {
    const { pipe } = await setUp(t)
    const text = `
      const { SharedContext } = require(${JSON.stringify(ENTRY)})
      const context = new SharedContext('c')
      async function main() {
        await context.createLock('l').acquire()
        const release = await context.createSemaphore('s', 2).acquire(2)
        release(1)
        await context.reserve('x')
        console.log('all held')
      }
      main()`
    assert.deepEqual(await evaluate(text, pipe), { stdout: 'all held\n', code: 0 })
    const { SharedContext } = cooperateHere(t, pipe)
    await new SharedContext('c').createLock('l').acquire()
    await new SharedContext('c').createSemaphore('s', 2).acquire(2)
  })

  test('gives all back by releaseAll(), for the next test file of the same worker, and goes on', async t => {
    const { workers } = await setUp(t, 'process', 'process')
    const [worker, other] = workers
    const rounds = await worker.do(async ({ SharedContext, getPort, releaseAll }) => {
      const all = []
      /** @type {number | undefined} */
      let port
      for (let file = 0; file < 3; file++) {
        const context = new SharedContext('c')
        const late = await context.createLock('l').acquireNow()
        const release = await context.createSemaphore('s', 2).acquireNow(2)
        const wait = context
          .createSemaphore('s', 2)
          .acquire()
          .catch(error => error.code)
        port = await getPort({ port: port ?? 0 })
        all.push(await context.reserve('x'))
        await releaseAll()
        all.push(await wait)
        // Of the former file: they do nothing any more.
        late()
        release()
      }
      return all
    })
    assert.deepEqual(rounds, [['x'], 'closed', ['x'], 'closed', ['x'], 'closed'])
    await acquireNow(other)
  })

  test('finds the broker of EPHEMERAL_PIPE anew when it is another one', async t => {
    const one = await startBroker(t, { logLevel: 'silent' })
    const { SharedContext } = cooperateHere(t, String(one.pipe))
    const lock = new SharedContext('c').createLock('l')
    await lock.acquireNow()
    const other = await startBroker(t, { logLevel: 'silent' })
    process.env.EPHEMERAL_PIPE = String(other.pipe)
    await lock.acquireNow()
    await assert.rejects(lock.acquireNow(), TAKEN)
  })

  test('takes strings as ids', () => {
    const { SharedContext } = require('../lib/cooperate')
    for (const id of [undefined, null, 7, {}, Symbol('x')]) {
      const bad = /** @type {any} */ (id)
      const context = new SharedContext('c')
      assert.throws(() => new SharedContext(bad), { name: 'TypeError', message: /^the id of a SharedContext is a string, not / })
      assert.throws(() => context.createLock(bad), { name: 'TypeError', message: /^the id of a lock is a string/ })
      assert.throws(() => context.createSemaphore(bad, 1), { name: 'TypeError', message: /^the id of a semaphore is a string/ })
      assert.throws(() => context.createUnmanagedSemaphore(bad, 1), TypeError)
    }
  })
})

/**
 * A program in a process of its own, with a broker or without.
 * @param {string} text
 * @param {string | undefined} pipe
 */
async function evaluate(text, pipe) {
  const { EPHEMERAL_PIPE: _, ...env } = process.env
  const child = spawn(process.execPath, ['-e', text], {
    env: pipe ? { ...env, EPHEMERAL_PIPE: pipe } : env,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(child, 'close')
  let stdout = ''
  for await (const part of child.stdout.setEncoding('utf8')) stdout += part
  const [code] = await ended
  return { stdout, code }
}
