// @ts-check
'use strict'

/** Lines of work that share a client are told apart; what a line waits for in vain it is told at once. And what becomes of requests made as something is lost. */

const assert = require('node:assert/strict')
const readline = require('node:readline')
const { describe, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const support = require('./support-coordination')

const { TIMEOUT, connect, failsWith, freePath, listen, setUp, soon, startHost, stillWaiting, until, useFolder, waiting } = support

/** A time that is not over before the test is. */
const wait = TIMEOUT

/** Lines of work, begun side by side. @param {number} count @param {(line: number) => Promise<unknown>} line */
const lines = (count, line) => soon(Promise.all(Array.from({ length: count }, (_, at) => line(at))), 30_000)

/**
 * Something that grants, and says what it was asked.
 * @param {import('./support-coordination').Scope} t
 * @param {(request: any) => object | null} answer null: the connection ends
 */
async function pretend(t, answer) {
  const pipe = freePath(useFolder(t))
  /** @type {any[]} */
  const asked = []
  await listen(t, pipe, socket => {
    readline.createInterface({ input: socket }).on('line', line => {
      const request = JSON.parse(line)
      asked.push(request)
      const reply = answer(request)
      if (reply) socket.write(`${JSON.stringify({ id: request.id, ok: true, ...reply })}\n`)
      else socket.destroy()
    })
  })
  return { asked, client: connect(t, pipe, { timeout: 5000 }) }
}

describe('lines of work that share a client', { timeout: TIMEOUT }, () => {
  test('loop over withLock', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    let inside = 0
    let rounds = 0
    await lines(3, async () => {
      for (let round = 0; round < 5; round++) {
        await c.withLock('y', async () => {
          assert.equal(++inside, 1)
          await sleep(2)
          inside -= 1
          rounds++
        })
      }
    })
    assert.equal(rounds, 15)
  })

  test('come one after another', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const order = await lines(4, async line => {
      await sleep(line * 5)
      return clients[0].withLock('x', async lock => {
        await sleep(20)
        return lock.token
      })
    })
    assert.equal(new Set(order).size, 4)
  })

  for (const pause of [0, 3]) {
    test(`take accounts by hand, ${pause} ms after each other`, async t => {
      const { clients } = await setUp(t, { pools: { accounts: 3 } }, 'a')
      const [c] = clients
      let held = 0
      await lines(6, async line => {
        if (pause) await sleep(line * pause)
        const account = await c.acquire('accounts', { wait })
        assert.ok(++held <= 3)
        await sleep(2)
        held -= 1
        assert.equal(await account.release(), true)
      })
    })
  }

  test('and were begun by one that holds something else take accounts by hand', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 1 } }, 'a')
    const [c] = clients
    const outer = await c.lock('outer')
    await lines(4, async line => {
      await sleep(line)
      const account = await c.acquire('accounts', { wait })
      await sleep(5)
      await account.release()
    })
    await outer.release()
  })

  test('loop over a semaphore', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    let held = 0
    let rounds = 0
    await lines(6, async () => {
      for (let round = 0; round < 5; round++) {
        await c.semaphore('s', 2).with(async () => {
          assert.ok(++held <= 2)
          await sleep(1)
          held -= 1
          rounds++
        })
      }
    })
    assert.equal(rounds, 30)
  })

  test('cross those of another client', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    let done = 0
    await lines(2, async at => {
      const names = at ? ['a', 'b'] : ['b', 'a']
      for (let round = 0; round < 30; round++) {
        await Promise.all(names.map(name => clients[at].withLock(name, () => clients[at].ping())))
        done++
      }
    })
    assert.equal(done, 60)
  })

  test('cross those of another client by once', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    for (let round = 0; round < 20; round++) {
      /** @type {string[]} */
      const made = []
      const values = await lines(2, at =>
        Promise.all(
          (at ? ['a', 'b'] : ['b', 'a']).map(name =>
            clients[at].once(`${name} ${round}`, async () => {
              made.push(name)
              await clients[at].ping()
              return name
            })
          )
        )
      )
      assert.deepEqual(values, [
        ['b', 'a'],
        ['a', 'b']
      ])
      assert.deepEqual(made.sort(), ['a', 'b'])
    }
  })

  test('ask again for what a function asked for that has ended', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    /** @type {Promise<unknown>} */
    let later = Promise.resolve()
    /** @type {() => void} */
    let go = () => {}
    const ended = new Promise(resolve => (go = () => resolve(undefined)))
    const first = await c.once('k', async () => {
      later = ended.then(async () => {
        await c.del('k')
        return [await c.once('k', () => 'second'), await c.withLock('l', () => 'locked')]
      })
      return 'first'
    })
    await c.withLock('l', () => undefined)
    go()
    assert.equal(first, 'first')
    assert.deepEqual(await soon(later), ['second', 'locked'])
  })
})

describe('one line of work', { timeout: TIMEOUT }, () => {
  test('does not lock in a lock by hand', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    const lock = await c.lock('x', { wait })
    await assert.rejects(soon(c.lock('x', { wait })), failsWith('deadlock', /x/))
    await assert.rejects(soon(c.withLock('x', { wait }, () => assert.fail('it was let in'))), failsWith('deadlock', /x/))
    await lock.release()
    await (await c.lock('x', { wait: 0 })).release()
  })

  test('does not use withLock in withLock, or by hand', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    await c.withLock('x', async () => {
      await c.ping()
      await assert.rejects(soon(c.withLock('x', { wait }, () => assert.fail('it was let in'))), failsWith('deadlock', /x/))
      await assert.rejects(soon(c.lock('x', { wait })), failsWith('deadlock', /x/))
    })
    await c.withLock('x', { wait: 0 }, () => undefined)
  })

  test('does not take more than all', async t => {
    const { clients } = await setUp(t, { pools: { accounts: 3 } }, 'a')
    const [c] = clients
    const accounts = [await c.acquire('accounts'), ...(await c.acquire(['accounts', 'accounts']))]
    await assert.rejects(soon(c.acquire('accounts', { wait })), failsWith('deadlock', /accounts/))
    await accounts[1].release()
    accounts[1] = await c.acquire('accounts', { wait: 0 })
    const browsers = c.semaphore('browsers', 2)
    await browsers.with(async () => {
      await assert.rejects(soon(browsers.acquire({ amount: 2, wait })), failsWith('deadlock', /browsers/))
    })
    assert.throws(() => c.acquireSync('accounts', { wait }), failsWith('deadlock', /accounts/))
  })

  test('does not block the thread that would have to release', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    // Another line's: it cannot go on.
    const lock = await sleep(0).then(() => c.lock('x'))
    assert.throws(() => c.lockSync('x', { wait }), failsWith('deadlock', /x/))
    await lock.release()
    const held = c.lockSync('x', { wait: 0 })
    await assert.rejects(soon(c.lock('x', { wait })), failsWith('deadlock', /x/))
    assert.equal(held.releaseSync(), true)
  })

  test('does not wait for what it is making', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    for (const other of [a, b]) {
      await a.once(`for ${other === a}`, async () => {
        await a.ping()
        await assert.rejects(soon(other.once(`for ${other === a}`, () => assert.fail('it ran'), { wait })), failsWith('deadlock'))
      })
    }
    a.onceSync('sync', () => {
      assert.throws(() => a.onceSync('sync', () => assert.fail('it ran'), { wait }), failsWith('deadlock'))
      return 1
    })
  })

  test('is one, whichever clients it uses', async t => {
    const { clients } = await setUp(t, {}, 'c1', 'c2')
    const [c1, c2] = clients
    await c1.lock('a', { wait })
    const b = await c2.lock('b', { wait })
    const granted = await waiting(c1, c1.lock('b', { wait }))
    await assert.rejects(soon(c2.lock('a', { wait })), failsWith('deadlock', /a/))
    await stillWaiting([c1, granted])
    await b.release()
    assert.equal((await soon(granted.result)).name, 'b')
  })
})

describe('a request made as something is lost', { timeout: TIMEOUT }, () => {
  test('by the close of the client is refused', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    const lock = await c.lock('x')
    /** @type {Promise<unknown>[]} */
    const asked = []
    lock.signal.addEventListener('abort', () => asked.push(c.get('k'), c.lock('y'), lock.release()))
    const underWay = c.get('k')
    const closed = c.close()
    await assert.rejects(underWay, failsWith('closed'))
    await soon(closed)
    assert.equal(asked.length, 3)
    await assert.rejects(soon(asked[0]), failsWith('closed'))
    await assert.rejects(soon(asked[1]), failsWith('closed'))
    assert.equal(await soon(asked[2]), false)
    assert.ok(failsWith('lost', /closed/)(lock.signal.reason))
  })

  test('with the connection is one of the next', async t => {
    const { asked, client } = await pretend(t, ({ action }) => {
      if (action === 'lock') return { token: 1, waited: 0 }
      return action === 'waitFor' ? null : { value: 'of the next' }
    })
    const lock = await client.lock('x')
    /** @type {Promise<unknown>[]} */
    const requests = []
    lock.signal.addEventListener('abort', () => requests.push(client.get('k'), lock.release()))
    await assert.rejects(soon(client.waitFor('never')), failsWith('connection_closed'))
    assert.equal(requests.length, 2)
    assert.deepEqual(await soon(Promise.all(requests)), ['of the next', false])
    assert.deepEqual(
      asked.map(({ action }) => action),
      ['hello', 'lock', 'waitFor', 'hello', 'get']
    )
  })
})

describe('options that there are not', { timeout: TIMEOUT }, () => {
  test('are refused by name', async t => {
    const { clients } = await setUp(t, { pools: { a: 1, b: 1 } }, 'a')
    const c = /** @type {any} */ (clients[0])
    /** @type {Array<[string, () => unknown]>} */
    const cases = [
      ['share', () => c.lock('x', { share: true })],
      ['share', async () => c.lockSync('x', { share: true })],
      ['waitt', () => c.lock('x', { waitt: 5 })],
      ['waitt', () => c.withLock('x', { waitt: 5 }, () => assert.fail('it ran'))],
      ['ttl', () => c.lock('x', { ttl: 50 })],
      ['ttl', () => c.tryLock('x', { ttl: 50 })],
      ['permits', () => c.semaphore('s', 1).acquire({ permits: 1 })],
      ['matches', () => c.acquire('a', { matches: {} })],
      ['amount', () => c.acquire(['a'], { amount: 2 })],
      ['retry', () => c.once('k', () => assert.fail('it ran'), { retry: 1 })],
      ['after', () => c.waitFor('k', { after: 1 })],
      ['wait', () => c.incr('n', 1, { wait: 1 })],
      ['wait', () => c.update('n', () => assert.fail('it ran'), { wait: 1 })],
      ['max', () => c.throttle('api', 1, { max: 1 })],
      ['min', () => c.limit('api', { max: 1, per: 1, min: 1 })],
      ['size', () => c.definePool('p', 1, { size: 1 })],
      ['ttl', () => c.queue('q').take({ ttl: 1 })],
      ['attempts', async () => c.queue('q', { attempts: 1 })],
      ['from', async () => c.watch('k', { from: 1 })],
      ['ports', () => c.getPort({ ports: [1] })]
    ]
    for (const [name, ask] of cases) {
      await assert.rejects(Promise.resolve().then(ask), failsWith('invalid_option', new RegExp(`no option "${name}"`)), String(ask))
    }
    const match = { user: 'ann' }
    await assert.rejects(c.acquire(['a', 'b'], { match }), failsWith('invalid_option', /match belongs to each pool: \{ pool, match \}/))
    const { sessions } = await c.inspect()
    assert.deepEqual(sessions[0].holds, [], 'nothing of it was asked for')
    await (await c.lock('x', { shared: true, wait: 1, timeout: 1000, signal: new AbortController().signal })).release()
  })
})

describe('a signal', { timeout: TIMEOUT }, () => {
  /** Counts who listens. */
  function counted() {
    const abort = new AbortController()
    const { signal } = abort
    const listening = new Set()
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (/** @type {any[]} */ ...args) => {
      listening.add(args[1])
      return /** @type {any} */ (add)(...args)
    }
    signal.removeEventListener = (/** @type {any[]} */ ...args) => {
      listening.delete(args[1])
      return /** @type {any} */ (remove)(...args)
    }
    return { abort, signal, listening }
  }

  test('of many requests is listened to once, and not for longer than they last', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    const { abort, signal, listening } = counted()
    for (let round = 0; round < 2; round++) {
      const all = Array.from({ length: 50 }, () => c.has('k', { signal }))
      assert.equal(listening.size, 1)
      await Promise.all(all)
      assert.equal(listening.size, 0)
    }
    const waits = Array.from({ length: 50 }, (_, at) => c.waitFor(`never ${at}`, { signal, wait }))
    await c.ping()
    abort.abort()
    for (const one of waits) await assert.rejects(soon(one), failsWith('aborted'))
    assert.equal((await c.inspect()).sessions[0].waits.length, 0)
  })

  test('of a watch is listened to while its next value is awaited', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const [c] = clients
    const { abort, signal, listening } = counted()
    const watch = c.watch('k', { signal })
    assert.equal(listening.size, 0)
    await watch.next()
    assert.equal(listening.size, 0)
    const next = watch.next()
    await c.ping()
    assert.equal(listening.size, 1)
    abort.abort()
    await assert.rejects(soon(next), failsWith('aborted'))
    assert.deepEqual(await watch.next(), { done: true, value: undefined })
  })
})

describe('what is held no more', { timeout: TIMEOUT }, () => {
  test('counts no permits', async t => {
    const host = await startHost(t)
    const c = connect(t, host.pipe)
    const permits = await c.semaphore('s', 3).acquire({ amount: 3 })
    await permits.release(1)
    assert.equal(permits.amount, 2)
    const ended = new Promise(resolve => permits.signal.addEventListener('abort', resolve))
    host.child.kill('SIGKILL')
    await soon(ended)
    assert.equal(permits.amount, 0)
  })
})

describe('what a broker granted for nothing', { timeout: TIMEOUT }, () => {
  for (const error of ['timeout', 'draining']) {
    test(`because the item before could not be acked (${error}) goes back`, async t => {
      const { asked, client } = await pretend(t, ({ action }) => {
        if (action === 'take') return { token: 7, item: 'a.txt', attempt: 1, waited: 0 }
        return action === 'ack' ? { ok: false, error } : { released: true }
      })
      const jobs = client.queue('files')[Symbol.asyncIterator]()
      assert.equal((await jobs.next()).value.value, 'a.txt')
      await assert.rejects(soon(jobs.next()), failsWith(error))
      assert.deepEqual(await jobs.next(), { done: true, value: undefined })
      await client.ping()
      const actions = asked.map(({ action, token }) => (token === undefined ? action : `${action} ${token}`))
      assert.deepEqual(actions, ['hello', 'take', 'ack 7', 'release 7', 'ping'])
    })
  }

  test('because its reply cannot be understood goes back', async t => {
    const { asked, client } = await pretend(t, ({ action }) =>
      action === 'once' ? { token: 8, value: 'no gzip', compressed: true } : { released: true }
    )
    await assert.rejects(soon(client.once('k', () => assert.fail('it ran'))))
    await client.ping()
    assert.deepEqual(
      asked.slice(2).map(({ action, token }) => [action, token]),
      [
        ['release', 8],
        ['ping', undefined]
      ]
    )
  })

  test('after it was given up goes back, whatever became of the cancellation', async t => {
    const abort = new AbortController()
    /** @type {number | undefined} */
    let late
    const { asked, client } = await pretend(t, ({ action, id }) => {
      if (action === 'cancel') return { ok: false, error: 'draining' }
      // The reply to the ping before is this one's.
      if (action === 'ping' && late !== undefined) return { id: late, token: 9, waited: 5 }
      if (action !== 'lock') return {}
      late = id
      // Nobody asked for that.
      return { id: -1, event: 'none' }
    })
    await client.has('k')
    const lock = client.lock('x', { signal: abort.signal, wait })
    await new Promise(setImmediate)
    abort.abort()
    await assert.rejects(soon(lock), failsWith('aborted'))
    client.ping().catch(() => {})
    await until(() => asked.some(({ action, token }) => action === 'release' && token === 9))
  })

  test('is told with who holds what was asked for', async t => {
    const holders = [{ worker: 'ann', pid: 7, test: 'logs in', heldFor: 12 }]
    const { client } = await pretend(t, ({ action }) =>
      action === 'lock' ? { ok: false, error: 'timeout', message: 'ann has it', kind: 'lock', name: 'x', holders } : {}
    )
    const error = await soon(client.lock('x')).catch(error => error)
    assert.ok(failsWith('timeout', /ann has it/)(error))
    assert.deepEqual(error.details, { kind: 'lock', name: 'x', holders })
  })
})
