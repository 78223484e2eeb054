// @ts-check
'use strict'

/** Topics by the client: order, bounds, replies, ends, and what data survives, with subscribers and publishers in processes of their own. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, failsWith, run, setUp, soon, startWorkers, until } = require('./support-coordination')

/** @typedef {import('..').Client} Client */

/**
 * Reads so many messages.
 * @param {import('..').Messages} messages
 * @param {number} count
 */
async function read(messages, count) {
  const found = []
  while (found.length < count) {
    const { value, done } = await soon(messages.next())
    assert.ok(!done, `it ended after ${found.length}`)
    found.push(value)
  }
  return found
}

/** @param {Client} client @param {string} topic @param {import('..').SubscribeOptions} [options] */
async function listen(client, topic, options) {
  const messages = client.subscribe(topic, options)
  await messages.ready
  return messages
}

/** How many subscriptions there are in all. @param {Client} client */
async function countSubscriptions(client) {
  const { sessions } = await client.inspect()
  return sessions.reduce((sum, session) => sum + session.subscriptions, 0)
}

describe('messages', { timeout: TIMEOUT }, () => {
  test('go to all who listen, the publisher included, and to nobody else', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    const [a, b] = [await listen(clients[0], 'x'), await listen(clients[1], 'x')]
    await listen(clients[2], 'y')
    assert.equal((await clients[0].publish('x', 1)).receivers, 2)
    const { id } = await clients[2].publish('x', 2)
    for (const messages of [a, b]) {
      const [first, second] = await read(messages, 2)
      assert.deepEqual([first.data, second.data, second.topic, second.dropped], [1, 2, 'x', 0])
      assert.ok(first.id < second.id && second.id === id)
    }
    assert.equal(await countSubscriptions(clients[0]), 3)
  })

  test('of each of eight processes come in order, and none is lost', async t => {
    const { pipe, clients } = await setUp(t, {}, 'reader')
    const each = 5000
    const workers = await startWorkers(t, pipe, ...Array.from({ length: 8 }, (_, n) => `w${n}`))
    const messages = await listen(clients[0], 'x', { limit: 100_000 })
    const publishing = workers.map((worker, n) =>
      worker.do(
        async ({ client }, n, each) => {
          for (let i = 0; i < each; i += 100) {
            // Of every kind, side by side.
            const burst = Array.from({ length: 100 }, (_, k) => {
              const data = { n, i: i + k }
              return client.publish(
                'x',
                k % 3 === 0 ? data : k % 3 === 1 ? new Map(Object.entries(data)) : Buffer.from(JSON.stringify(data))
              )
            })
            await Promise.all(burst)
          }
        },
        n,
        each
      )
    )
    const next = new Array(8).fill(0)
    for (let count = 0; count < 8 * each; count++) {
      const { value } = await messages.next()
      const { data, dropped } = /** @type {import('..').Message} */ (value)
      const { n, i } =
        data instanceof Map ? Object.fromEntries(data) : data instanceof Uint8Array ? JSON.parse(String(Buffer.from(data))) : data
      assert.deepEqual([i, dropped], [next[n], 0], `of worker ${n}`)
      next[n]++
    }
    await Promise.all(publishing)
  })
})

describe('a slow subscriber', { timeout: TIMEOUT }, () => {
  const limit = 10

  /** What a reader that begins late finds of a thousand messages. @param {import('node:test').TestContext} t @param {'latest' | 'drop' | 'error'} policy */
  async function readLate(t, policy) {
    const { clients } = await setUp(t, {}, 'reader', 'writer')
    const messages = await listen(clients[0], 'x', { policy, limit })
    const sent = await Promise.all(Array.from({ length: 1000 }, (_, i) => clients[1].publish('x', i)))
    // What was sent before has come.
    await clients[0].ping()
    return { messages, writer: clients[1], accepted: sent.filter(({ receivers }) => receivers === 1).length }
  }

  test('with latest gets the newest, and is told how many it missed', async t => {
    const { messages, accepted } = await readLate(t, 'latest')
    assert.equal(accepted, 1000)
    const found = await read(messages, 2 * limit)
    const newest = Array.from({ length: limit }, (_, i) => 990 + i)
    assert.deepEqual(
      found.map(message => message.data),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...newest]
    )
    assert.deepEqual(found.map(message => message.dropped).filter(Boolean), [980])
    assert.equal(found[limit].dropped, 980)
  })

  test('with a limit of 1 gets the last one there is', async t => {
    const { clients } = await setUp(t, {}, 'reader', 'writer')
    const messages = await listen(clients[0], 'x', { policy: 'latest', limit: 1 })
    for (let i = 0; i < 100; i++) await clients[1].publish('x', i)
    assert.deepEqual(
      (await read(messages, 2)).map(message => message.data),
      [0, 99]
    )
  })

  test('with drop gets the oldest, and the next after them says how many it missed', async t => {
    const { messages, writer, accepted } = await readLate(t, 'drop')
    assert.equal(accepted, 2 * limit)
    const found = await read(messages, 2 * limit)
    assert.deepEqual(
      found.map(message => message.data),
      Array.from({ length: 2 * limit }, (_, i) => i)
    )
    await writer.publish('x', 'next')
    assert.deepEqual(
      (await read(messages, 1)).map(({ data, dropped }) => [data, dropped]),
      [['next', 980]]
    )
  })

  test('with error gets what was kept, and then an error that says what to do', async t => {
    const { messages, writer, accepted } = await readLate(t, 'error')
    assert.equal(accepted, 2 * limit)
    assert.equal((await read(messages, 2 * limit)).length, 2 * limit)
    await assert.rejects(messages.next(), failsWith('overflow', /"x".*10 \(limit\)/))
    assert.deepEqual(await messages.next(), { done: true, value: undefined })
    assert.equal(await countSubscriptions(writer), 0)
  })

  test('costs no more memory than the bound', async t => {
    const host = run(
      t,
      `const broker = new Broker({ requireTTL: false, maxValueSize: 200_000 })
       await say(await broker.start())
       process.stdin.on('data', () => say(process.memoryUsage().rss))`
    )
    const pipe = await host.line()
    const [sleepy] = await startWorkers(t, pipe, 'sleepy')
    await sleepy.do(async ({ client, kept }) => {
      kept.messages = client.subscribe('x', { policy: 'latest', limit: 1_000_000 })
      await kept.messages.ready
    })
    // Its thread stands still: it reads nothing at all.
    sleepy.child.kill('SIGSTOP')
    t.after(() => sleepy.child.kill('SIGCONT'))
    const [writer] = await startWorkers(t, pipe, 'writer')
    const measure = async () => {
      host.tell('rss')
      return Number(await host.line())
    }
    const before = await measure()
    await writer.do(async ({ client }) => {
      const data = Buffer.alloc(100_000, 1)
      for (let i = 0; i < 3000; i++) await client.publish('x', data)
    })
    const grown = ((await measure()) - before) / 2 ** 20
    t.diagnostic(`after 300 MB that nobody read: ${grown.toFixed(1)} MiB more`)
    assert.ok(grown < 60, `${grown} MiB`)
    sleepy.child.kill('SIGCONT')
    const last = await sleepy.do(async ({ kept }) => {
      let dropped = 0
      let count = 0
      while (count + dropped < 3000) {
        const { value } = await kept.messages.next()
        count++
        dropped += value.dropped
      }
      return { count, dropped }
    })
    assert.equal(last.count + last.dropped, 3000)
    assert.ok(last.count < 200, `${last.count}`)
  })
})

describe('ends', { timeout: TIMEOUT }, () => {
  test('a loop that is left, a signal and a closed client end it, and the broker forgets it', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    const left = await listen(a, 'x')
    await b.publish('x', 1)
    for await (const { data } of left) if (data === 1) break
    assert.equal(await countSubscriptions(b), 0)

    const abort = new AbortController()
    const aborted = await listen(a, 'x', { signal: abort.signal })
    const waiting = aborted.next()
    abort.abort()
    assert.deepEqual(await soon(waiting), { done: true, value: undefined })
    await until(async () => (await countSubscriptions(b)) === 0)
    const never = a.subscribe('x', { signal: abort.signal })
    assert.deepEqual(await soon(never.next()), { done: true, value: undefined })

    const closed = await listen(a, 'x')
    const last = closed.next()
    await a.close()
    assert.deepEqual(await soon(last), { done: true, value: undefined })
    await assert.rejects(a.subscribe('x').next(), failsWith('closed'))
    assert.equal(await countSubscriptions(b), 0)
  })

  test('a broker that is gone throws, after what had come', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const messages = await listen(clients[0], 'x')
    await clients[1].publish('x', 'last words')
    await clients[0].ping()
    await broker.stop()
    assert.deepEqual(
      (await read(messages, 1)).map(message => message.data),
      ['last words']
    )
    await assert.rejects(soon(messages.next()), failsWith('connection_closed'))
    assert.deepEqual(await messages.next(), { done: true, value: undefined })
  })

  test('a killed subscriber is nobody, a killed publisher loses nothing that was sent', async t => {
    const { pipe, clients } = await setUp(t, {}, 'reader')
    const messages = await listen(clients[0], 'x')
    const [subscriber, publisher] = await startWorkers(t, pipe, 'subscriber', 'publisher')
    await subscriber.do(({ client }) => client.subscribe('x').ready)
    await publisher.do(async ({ client }) => {
      for (let i = 0; i < 10; i++) await client.publish('x', i)
    })
    subscriber.kill()
    publisher.kill()
    assert.deepEqual(
      (await read(messages, 10)).map(message => message.data),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    )
    await until(async () => (await clients[0].publish('x', 'alone')).receivers === 1)
  })

  test('a process with an idle subscription ends, one that waits for a message does not', async t => {
    const { pipe, clients } = await setUp(t, {}, 'writer')
    const env = { EPHEMERAL_PIPE: pipe }
    const idle = run(t, `const messages = new Client().subscribe('x'); await messages.ready; await say('idle')`, { env })
    assert.deepEqual([(await idle.ended).code, (await idle.ended).stderr], [0, ''])
    const awake = run(t, `const messages = new Client().subscribe('x'); await say(JSON.stringify((await messages.next()).value))`, { env })
    await until(async () => (await clients[0].publish('x', 'wake up')).receivers === 1)
    const { code, stdout } = await awake.ended
    assert.equal(code, 0)
    assert.equal(JSON.parse(stdout).data, 'wake up')
  })

  test('a thread that stands still for longer than the broker waits for a reader loses nothing', async t => {
    const { pipe, clients } = await setUp(t, { maxValueSize: 500_000 }, 'writer')
    const [worker] = await startWorkers(t, pipe, 'blocked')
    const read = worker.do(async ({ client, kept }) => {
      kept.subscriptions = Array.from({ length: 5 }, () => client.subscribe('x'))
      await Promise.all(kept.subscriptions.map((/** @type {any} */ messages) => messages.ready))
      kept.isReady = true
      // The first comes; then nothing is read for so long.
      await kept.subscriptions[0].next()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 11_000)
      const sizes = []
      for (const messages of kept.subscriptions)
        for (let n = messages === kept.subscriptions[0] ? 1 : 0; n < 4; n++) sizes.push((await messages.next()).value.data.length)
      return sizes
    })
    await worker.do(({ kept }) => kept.isReady)
    await until(async () => (await countSubscriptions(clients[0])) === 5)
    const data = Buffer.alloc(400_000, 1)
    for (let n = 0; n < 4; n++) assert.equal((await clients[0].publish('x', data)).receivers, 5)
    assert.deepEqual(await read, new Array(19).fill(data.length))
  })

  test('the blocking twins do not disturb it', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const messages = await listen(clients[0], 'x')
    await clients[0].publish('x', Buffer.from('1'))
    void clients[0].publish('x', new Set([2]))
    clients[0].setSync('k', 1)
    assert.equal(clients[0].getSync('k'), 1)
    assert.deepEqual(
      (await read(messages, 2)).map(message => message.data),
      [Uint8Array.from(Buffer.from('1')), new Set([2])]
    )
  })
})

describe('requests', { timeout: TIMEOUT }, () => {
  test('come to the first reply; the second is not awaited any more', async t => {
    const { pipe, clients } = await setUp(t, {}, 'a')
    const workers = await startWorkers(t, pipe, 'w1', 'w2')
    for (const worker of workers) {
      await worker.do(async ({ client, kept }) => {
        const messages = client.subscribe('double')
        await messages.ready
        kept.delivered = (async () => {
          const { value } = await messages.next()
          return value?.reply(new Map([['answer', value.data * 2n]]))
        })()
      })
    }
    const { data, topic } = await clients[0].request('double', 21n)
    assert.deepEqual([data, topic], [new Map([['answer', 42n]]), 'double'])
    const delivered = await Promise.all(workers.map(worker => worker.do(({ kept }) => kept.delivered)))
    assert.deepEqual(delivered.sort(), [false, true])
  })

  test('nobody there, nobody in time, nobody any more', async t => {
    const { pipe, clients } = await setUp(t, {}, 'a')
    await assert.rejects(clients[0].request('x', 1), failsWith('no_subscribers', /"x"/))
    const [worker] = await startWorkers(t, pipe, 'w')
    await worker.do(({ client }) => client.subscribe('x').ready)
    await assert.rejects(clients[0].request('x', 1, { timeout: 50 }), failsWith('timeout', /"x".*50 ms/))
    const abort = new AbortController()
    const given = clients[0].request('x', 1, { signal: abort.signal, timeout: Infinity })
    await clients[0].ping()
    abort.abort()
    await assert.rejects(soon(given), failsWith('aborted'))
    await until(async () => (await countSubscriptions(clients[0])) === 1)
    const orphan = clients[0].request('x', 1, { timeout: Infinity })
    await clients[0].ping()
    worker.kill()
    await assert.rejects(soon(orphan), failsWith('no_subscribers'))
    assert.equal(await countSubscriptions(clients[0]), 0)
    const closing = clients[0].request('x', 1)
    void closing.catch(() => {})
    await clients[0].close()
    await assert.rejects(soon(closing), failsWith('closed'))
  })

  test('all replies come to who asks for them, until those who could reply are gone', async t => {
    const { pipe, clients } = await setUp(t, {}, 'a')
    const workers = await startWorkers(t, pipe, 'w1', 'w2', 'w3')
    for (const worker of workers) {
      await worker.do(async ({ client, kept }) => {
        const messages = client.subscribe('who')
        await messages.ready
        kept.done = messages.next().then(({ value }) => value?.reply(process.pid))
      })
    }
    const published = await clients[0].publish('who', null, { replies: true })
    assert.equal(published.receivers, 3)
    const found = await read(published.replies(), 3)
    assert.deepEqual(found.map(reply => reply.data).sort(), workers.map(worker => worker.pid).sort())
    const more = published.replies().next()
    for (const worker of workers) worker.kill()
    assert.deepEqual(await soon(more), { done: true, value: undefined })
    assert.equal(await countSubscriptions(clients[0]), 0)
    const alone = await clients[0].publish('who', null, { replies: true })
    for await (const reply of alone.replies()) assert.fail(`a reply from nobody: ${reply.data}`)
    const plain = /** @type {any} */ (await clients[0].publish('who', null))
    assert.throws(() => plain.replies(), failsWith('invalid_request', /replies: true/))
  })

  test('replies that pile up are bounded', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const messages = await listen(clients[1], 'x')
    const published = await clients[0].publish('x', '?', { replies: true, policy: 'latest', limit: 2 })
    const [question] = await read(messages, 1)
    for (let i = 0; i < 10; i++) assert.equal(await question.reply(i), true)
    const found = await read(published.replies(), 4)
    assert.deepEqual(
      found.map(reply => [reply.data, reply.dropped]),
      [
        [0, 0],
        [1, 0],
        [8, 6],
        [9, 0]
      ]
    )
    await published.replies().return()
    assert.equal(await question.reply('late'), false)
  })
})

describe('data', { timeout: TIMEOUT }, () => {
  const shared = { a: 1 }
  /** @type {any} */
  const cyclic = { list: [1] }
  cyclic.self = cyclic
  const sparse = new Array(3).fill(1, 0, 1)
  const buffer = new ArrayBuffer(16)

  /** @type {Record<string, unknown>} */
  const values = {
    null: null,
    undefined,
    zero: 0,
    'negative zero': -0,
    'no number': Number.NaN,
    infinity: -Infinity,
    bigint: 2n ** 80n,
    text: 'é 漢 \u2028 "\\',
    'half a character': 'a\ud800',
    'half a character in a key': { 'a\ud800': 1 },
    'five megabytes': 'x'.repeat(5_000_000),
    object: { a: [1, { b: null }], 'c d': false },
    'undefined within': { a: undefined, b: [undefined] },
    'own __proto__': JSON.parse('{"__proto__":{"a":1}}'),
    'no prototype': Object.assign(Object.create(null), { a: 1 }),
    'sparse array': sparse,
    'array with a name': Object.assign([1], { name: 'x' }),
    dates: [new Date(0), new Date(Number.NaN)],
    regexp: /a\/b/giu,
    map: new Map([[{ a: 1 }, new Set([1, 'x'])]]),
    'typed arrays': [new Float64Array([1.5, -0]), new BigUint64Array([1n]), new Uint8ClampedArray([1]), new DataView(new ArrayBuffer(3))],
    buffer,
    boxed: [Object(1), Object('x'), Object(true)]
  }

  test('survives', async t => {
    const { clients } = await setUp(t, { maxValueSize: 6_000_000, maxRequestSize: 7_000_000 }, 'a', 'b')
    const messages = await listen(clients[1], 'x')
    for (const [name, value] of Object.entries(values)) {
      await clients[0].publish('x', value)
      const [{ data }] = await read(messages, 1)
      if (name === 'no prototype') assert.deepEqual({ ...data }, { a: 1 })
      // To Node 20 an invalid date is equal to none.
      else if (name === 'dates') assert.deepEqual(data.map(Number), [0, Number.NaN])
      else assert.deepStrictEqual(data, value, name)
    }
  })

  test('keeps what is the same the same', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const messages = await listen(clients[1], 'x')
    const send = async (/** @type {unknown} */ value) => {
      await clients[0].publish('x', value)
      return (await read(messages, 1))[0].data
    }
    const found = await send(cyclic)
    assert.equal(found.self, found)
    const [one, two] = await send([shared, shared])
    assert.equal(one, two)
    const views = await send([new Uint8Array(buffer, 0, 4), new Uint16Array(buffer, 4, 2), new DataView(buffer, 1)])
    assert.equal(views[0].buffer, views[1].buffer)
    assert.deepEqual([views[1].byteOffset, views[1].length, views[2].byteOffset, views[2].byteLength], [4, 2, 1, 15])
    const error = await send(new RangeError('outer', { cause: new TypeError('inner') }))
    assert.ok(error instanceof RangeError && error.cause instanceof TypeError)
    assert.deepEqual([error.message, error.cause.message], ['outer', 'inner'])
    assert.match(String(error.stack), /topics\.test/)
    class Point {
      x = 1
    }
    assert.deepStrictEqual(await send(new Point()), { x: 1 })
    assert.deepStrictEqual(await send([new Point()]), [{ x: 1 }])
  })

  test('Buffers arrive as bytes of their own, without what else is in the pool', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const messages = await listen(clients[1], 'x')
    Buffer.from('a secret in the pool')
    const pooled = Buffer.from('hello')
    await clients[0].publish('x', pooled)
    await clients[0].publish('x', { pooled, again: pooled })
    const [plain, within] = (await read(messages, 2)).map(message => message.data)
    for (const bytes of [plain, within.pooled]) {
      assert.deepStrictEqual(bytes, new Uint8Array([104, 101, 108, 108, 111]))
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
      assert.equal(bytes.buffer.byteLength, 5)
    }
    assert.equal(within.again, within.pooled)
    // What is sent is what it was when it was published.
    const sent = clients[0].publish('x', pooled)
    pooled.fill(0)
    await sent
    assert.equal(String(Buffer.from((await read(messages, 1))[0].data)), 'hello')
  })

  test('that cannot be sent throws at once, and nothing is sent', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const messages = await listen(clients[0], 'x')
    for (const value of [() => {}, Symbol('s'), Promise.resolve(), new Proxy({}, {}), new WeakMap(), { a: [() => {}] }]) {
      for (const send of [
        () => clients[0].publish('x', value),
        () => clients[0].request('x', value),
        () => clients[0].publish('x', [value], { replies: true })
      ]) {
        assert.throws(send, { name: 'DataCloneError' })
      }
    }
    await clients[0].publish('x', 'next')
    const [message] = await read(messages, 1)
    assert.equal(message.data, 'next')
    assert.throws(() => message.reply(() => {}), { name: 'DataCloneError' })
    await assert.rejects(clients[0].publish('x', 'x'.repeat(300_000)), failsWith('too_large', /"x".*maxValueSize/))
    await assert.rejects(clients[0].publish('x', Buffer.alloc(300_000)), failsWith('too_large'))
    await assert.rejects(clients[0].publish('x', Buffer.alloc(2_000_000)), failsWith('too_large', /maxRequestSize/))
  })

  test('what is wrong in a call is said', async t => {
    const { clients } = await setUp(t, {}, 'a')
    const c = /** @type {any} */ (clients[0])
    for (const topic of ['', 7, null, undefined]) {
      const code = typeof topic === 'number' ? 'invalid_request' : 'key_required'
      await assert.rejects(c.publish(topic, 1), failsWith(code, /topic/))
      await assert.rejects(c.request(topic, 1), failsWith(code, /topic/))
      assert.throws(() => c.subscribe(topic), failsWith(code, /topic/))
    }
    for (const [option, value] of [
      ['policy', 'newest'],
      ['limit', 0],
      ['limit', 1.5],
      ['signals', 1]
    ]) {
      assert.throws(() => c.subscribe('x', { [option]: value }), failsWith('invalid_option', new RegExp(String(option))))
      await assert.rejects(c.publish('x', 1, { replies: true, [option]: value }), failsWith('invalid_option', new RegExp(String(option))))
    }
    await assert.rejects(c.publish('x', 1, { replies: 1 }), failsWith('invalid_option', /replies/))
    await assert.rejects(c.request('x', 1, { timeout: -1 }), failsWith('invalid_option', /timeout/))
    await assert.rejects(c.request('x', 1, { wait: 1 }), failsWith('invalid_option', /wait/))
  })
})
