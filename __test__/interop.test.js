// @ts-check
'use strict'

/** `@ephemeral-broker/core` 1.0.5: its client with our broker, our client with its broker, and both side by side. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { after, before, describe, test } = require('node:test')
const { connect, dial, failsWith, freePath, hmac, listen, marker, run, startBroker, until, useFolder } = require('./support')

const folder = useFolder({ after })

/** @type {any} */
let core
before(async () => {
  core = await import('@ephemeral-broker/core')
})

/** Their broker. @param {import('node:test').TestContext} t @param {object} [options] */
async function startCore(t, options) {
  const broker = new core.Broker({ logLevel: 'error', requireTTL: false, ...options })
  await broker.start()
  t.after(() => broker.stop())
  return broker
}

/** Random text: what compresses badly, and what compresses well. */
const text = (/** @type {number} */ length) =>
  Array.from({ length }, (_, at) => String.fromCharCode(97 + ((at * at * 31 + at) % 26))).join('')
const VALUES = {
  string: 'text',
  'empty string': '',
  unicode: 'äß漢字😀\u2028"\\\n',
  number: -12.5,
  zero: 0,
  true: true,
  false: false,
  null: null,
  array: [1, [2, [3]], {}],
  object: { a: { b: null }, ü: [true], __proto: 1 },
  'just over the threshold of compression': text(1100),
  'large text': text(150_000),
  'large and alike': 'na'.repeat(90_000),
  'large unicode': { list: Array.from({ length: 4000 }, (_, at) => `Zeile ${at} 漢字😀`) }
}
const LARGE = /large|threshold/

for (const secret of [undefined, 'between us']) {
  describe(`their client, our broker, ${secret ? 'with' : 'without'} a secret`, () => {
    /** @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] @param {object} [clientOptions] */
    async function both(t, options, clientOptions) {
      const broker = await startBroker(t, { secret, ...options })
      const theirs = new core.Client(broker.pipe, { secret, allowNoTtl: true, ...clientOptions })
      return { broker, theirs, ours: connect(t, broker.pipe, { secret }) }
    }

    for (const [name, value] of Object.entries(VALUES)) {
      test(`set and get: ${name}`, async t => {
        const { theirs, ours } = await both(t)
        assert.equal(await theirs.set('k', value, 60_000), true)
        assert.deepEqual(await theirs.get('k'), value)
        assert.deepEqual(await ours.get('k'), value)
        // Ours does not compress unless asked to; large unicode without that is beyond their client, which cuts characters apart.
        if (name === 'large unicode') return
        await ours.set('l', value, 60_000)
        assert.deepEqual(await theirs.get('l'), value)
      })
    }

    test('values that ours compresses, theirs reads', async t => {
      const { broker, theirs } = await both(t)
      const ours = connect(t, broker.pipe, { secret, compression: true })
      for (const [name, value] of Object.entries(VALUES).filter(([name]) => LARGE.test(name))) {
        await ours.set(name, value)
        assert.deepEqual(await theirs.get(name), value, name)
      }
      const metrics = await ours.metrics()
      assert.match(metrics, /compression_total\{compressed="true"\} [1-9]/)
    })

    test('del and list', async t => {
      const { theirs } = await both(t)
      await theirs.set('a', 1, 60_000)
      await theirs.set('b', 2)
      const now = Date.now()
      const items = await theirs.list()
      assert.deepEqual(Object.keys(items).sort(), ['a', 'b'])
      assert.equal(items.a.hasValue, true)
      assert.ok(Math.abs(items.a.expires - now - 60_000) < 5000)
      assert.equal(await theirs.del('a'), true)
      assert.equal(await theirs.del('a'), true)
      assert.deepEqual(Object.keys(await theirs.list()), ['b'])
      await assert.rejects(theirs.get('a'), { message: 'not_found' })
    })

    test('expiry', async t => {
      const { theirs } = await both(t)
      await theirs.set('k', 1, 5)
      await until(async () => (await theirs.get('k').catch((/** @type {Error} */ error) => error.message)) === 'expired')
      assert.deepEqual(await theirs.list(), {})
    })

    test('TTLs', async t => {
      const { theirs } = await both(t, { requireTTL: true })
      await assert.rejects(theirs.set('k', 1), { message: 'ttl_required' })
      await assert.rejects(theirs.set('k', 1, -1), { message: 'invalid_ttl' })
      assert.equal(await theirs.set('k', 1, 60_000), true)
    })

    test('lease and release', async t => {
      const { theirs } = await both(t)
      assert.equal(await theirs.lease('accounts', 'w1', 60_000), 1)
      assert.equal(await theirs.lease('accounts', 'w2', 60_000), 2)
      assert.equal(await theirs.lease('accounts', 'w1', 60_000), 1)
      assert.equal(await theirs.release('w1'), true)
      assert.equal(await theirs.release('w1'), false)
      assert.equal(await theirs.lease('accounts', 'w3'), 1)
    })

    test('leases as they number them', async t => {
      const { theirs } = await both(t, { leaseStart: 0 })
      assert.deepEqual([await theirs.lease('k', 'a', 1000), await theirs.lease('k', 'b', 1000)], [0, 1])
    })

    test('ping, stats, health and metrics', async t => {
      const { theirs } = await both(t, { maxItems: 20 })
      await theirs.set('k', 'v', 60_000)
      await theirs.lease('k', 'w')
      assert.ok(Math.abs((await theirs.ping()) - Date.now()) < 60_000)
      const stats = await theirs.stats()
      assert.deepEqual([stats.items, stats.leases, stats.capacity.maxItems, stats.capacity.warning], [1, 1, 20, null])
      for (const figure of [stats.memory.rss, stats.memory.approximateStoreBytes, stats.memory.heapUsed, stats.uptime])
        assert.ok(figure > 0)
      const health = await theirs.health()
      assert.deepEqual([health.ok, health.status, health.connections.draining], [true, 'healthy', false])
      assert.ok(health.uptime > 0 && health.timestamp > 0 && health.memory.rss > 0 && health.connections.inFlight >= 0)
      assert.match(await theirs.metrics(), /^ephemeral_broker_/m)
    })

    test('errors', async t => {
      const { theirs } = await both(t, { maxItems: 1, maxValueSize: 2000 }, { compression: false })
      await theirs.set('k', 1, 1000)
      await assert.rejects(theirs.set('l', 1, 1000), { message: 'max_items' })
      await assert.rejects(theirs.set('k', 'x'.repeat(2000), 1000), { message: 'too_large' })
      await assert.rejects(theirs.request({ action: 'no' }), { message: 'unknown_action' })
      await assert.rejects(theirs.request({ action: 'lease', key: 'k' }), { message: 'key_and_worker_required' })
      await assert.rejects(theirs.request({ action: 'release' }), { message: 'worker_required' })
    })

    test('many at once', async t => {
      const { theirs } = await both(t)
      await Promise.all(Array.from({ length: 100 }, (_, at) => theirs.set(`k${at}`, at, 60_000)))
      const values = await Promise.all(Array.from({ length: 100 }, (_, at) => theirs.get(`k${at}`)))
      assert.deepEqual(values, [...values.keys()])
    })

    test('leases of both kinds of client side by side', async t => {
      const { theirs, ours } = await both(t)
      assert.equal(await theirs.lease('accounts', 'theirs', 60_000), 1)
      assert.equal(await ours.lease('accounts', 'ours'), 2)
      assert.equal(await theirs.lease('accounts', 'theirs too', 60_000), 3)
      await assert.rejects(theirs.lease('accounts', 'ours'), { message: 'not_owner' })
      await assert.rejects(theirs.release('ours'), { message: 'not_owner' })
      // Theirs go by name alone.
      assert.equal(await ours.lease('accounts', 'theirs'), 1)
      assert.equal(await ours.release('theirs'), true)
      assert.equal(await theirs.lease('accounts', 'next', 60_000), 1)
      await ours.close()
      assert.equal(await theirs.lease('accounts', 'last', 60_000), 2)
    })
  })

  describe(`our client, their broker, ${secret ? 'with' : 'without'} a secret`, () => {
    /** @param {import('node:test').TestContext} t @param {object} [options] @param {import('..').ClientOptions} [clientOptions] */
    async function both(t, options, clientOptions) {
      const broker = await startCore(t, { secret, ...options })
      const theirs = new core.Client(broker.pipe, { secret, allowNoTtl: true })
      return { broker, theirs, ours: connect(t, broker.pipe, { secret, ...clientOptions }) }
    }

    for (const compression of [false, true]) {
      for (const [name, value] of Object.entries(VALUES)) {
        // Their broker cuts characters apart that come in two chunks.
        if (name === 'large unicode' && !compression) continue
        test(`set and get: ${name}${compression ? ', compressed where that helps' : ''}`, async t => {
          const { theirs, ours } = await both(t, {}, { compression })
          assert.equal(await ours.set('k', value, 60_000), true)
          assert.deepEqual(await ours.get('k'), value)
          assert.deepEqual(await theirs.get('k'), value)
          await theirs.set('l', value, 60_000)
          assert.deepEqual(await ours.get('l'), value)
        })
      }
    }

    test('del, list, expiry and TTLs', async t => {
      const { ours } = await both(t, { requireTTL: true })
      await assert.rejects(ours.set('k', 1), failsWith('ttl_required'))
      await ours.set('k', 1, 60_000)
      assert.ok(/** @type {number} */ ((await ours.list()).k.expires) > Date.now())
      assert.equal(await ours.del('k'), true)
      await assert.rejects(ours.get('k'), failsWith('not_found'))
      await ours.set('k', 1, 5)
      await until(async () => (await ours.get('k').catch(error => error.code)) === 'expired')
    })

    test('lease and release', async t => {
      const { ours, theirs } = await both(t)
      assert.deepEqual([await ours.lease('k', 'a', 60_000), await theirs.lease('k', 'b', 60_000), await ours.lease('k', 'c')], [0, 1, 2])
      assert.equal(await ours.release('a'), true)
      assert.equal(await ours.release('a'), false)
      assert.equal(await ours.release('b'), true)
    })

    test('ping, stats, health and metrics', async t => {
      const { ours } = await both(t)
      await ours.set('k', 1, 60_000)
      assert.ok((await ours.ping()) > 0)
      assert.equal((await ours.stats()).items, 1)
      assert.equal((await ours.health()).status, 'healthy')
      assert.match(await ours.metrics(), /^# HELP/m)
    })

    test('errors', async t => {
      const { ours } = await both(t, { maxItems: 1, maxValueSize: 2000 })
      await ours.set('k', 1, 1000)
      await assert.rejects(ours.set('l', 1, 1000), failsWith('max_items'))
      await assert.rejects(ours.set('k', 'x'.repeat(3000), 1000), failsWith('too_large'))
      await assert.rejects(ours.has('k'), failsWith('unknown_action'))
      await ours.lease('k', 'w')
      await assert.rejects(ours.lease('l', 'w'), failsWith('worker_already_has_lease'))
    })

    test('many at once', async t => {
      const { ours } = await both(t)
      await Promise.all(Array.from({ length: 500 }, (_, at) => ours.set(`k${at}`, at, 60_000)))
      const values = await Promise.all(Array.from({ length: 500 }, (_, at) => ours.get(`k${at}`)))
      assert.deepEqual(values, [...values.keys()])
    })

    test('a request that is given up is not answered with the next one’s reply', async t => {
      const { ours } = await both(t)
      await ours.set('a', 'A', 60_000)
      await ours.set('b', 'B', 60_000)
      const giveUp = new AbortController()
      const given = ours.get('a', { signal: giveUp.signal })
      giveUp.abort()
      await assert.rejects(given, failsWith('aborted'))
      assert.equal(await ours.get('b').catch(error => error.code === 'connection_closed' && ours.get('b')), 'B')
    })
  })
}

test('our blocking calls, their broker', async t => {
  const host = run(
    t,
    `const { Broker } = await import('@ephemeral-broker/core')
    await say(await new Broker({ logLevel: 'error', secret: 's' }).start())`
  )
  const client = connect(t, await host.line(), { secret: 's' })
  assert.equal(client.setSync('k', VALUES.object, 60_000), true)
  assert.deepEqual(client.getSync('k'), VALUES.object)
  assert.equal(client.leaseSync('k', 'w', 60_000), 0)
  assert.equal(client.releaseSync('w'), true)
  assert.ok(client.pingSync() > 0)
  assert.deepEqual(await client.get('k'), VALUES.object)
})

test('the wrong secret, or none, is refused by either broker', async t => {
  const [ourBroker, theirBroker] = [await startBroker(t, { secret: 'right' }), await startCore(t, { secret: 'right' })]
  for (const { pipe } of [ourBroker, theirBroker]) {
    for (const secret of ['wrong', /** @type {const} */ (false)]) {
      await assert.rejects(connect(t, pipe, { secret }).set('k', 1, 1000), failsWith('auth_failed'))
      await assert.rejects(new core.Client(pipe, { secret: secret || null }).set('k', 1, 1000), { message: 'auth_failed' })
    }
    assert.deepEqual(await connect(t, pipe, { secret: 'right' }).list(), {})
  }
})

test('our client with a secret refuses a broker without one', async t => {
  for (const { pipe } of [await startBroker(t), await startCore(t)]) {
    const client = connect(t, pipe, { secret: 'known to us' })
    await assert.rejects(client.set('k', 1, 1000), failsWith('auth_failed'))
    assert.deepEqual(await connect(t, pipe).list(), {})
  }
})

describe('our client with a secret tells nothing to what does not prove that it knows it', () => {
  /** @typedef {Record<string, any>} Line what the client sent */
  /** @type {Record<string, [string, (line: Line, socket: import('node:net').Socket) => string | undefined]>} */
  const impostors = {
    'knows no action': ['auth_failed', () => '{"ok":false,"error":"unknown_action"}'],
    'likes everything': ['auth_failed', () => '{"ok":true}'],
    'likes everything, with ids': ['auth_failed', ({ id }) => JSON.stringify({ id, ok: true, protocol: 1, session: 1 })],
    'likes all but the greeting': [
      'auth_failed',
      ({ action }) => (action === 'hello' ? '{"ok":false,"error":"unknown_action"}' : '{"ok":true}')
    ],
    'asks for authentication': ['auth_failed', () => '{"ok":false,"error":"auth_failed"}'],
    guesses: ['auth_failed', ({ action }) => `{"ok":${action === 'ping' && crypto.randomInt(2) === 1},"error":"auth_failed"}`],
    'makes a proof up': [
      'auth_failed',
      ({ id }) => JSON.stringify({ id, ok: true, auth: { nonce: 'ab'.repeat(16), proof: 'cd'.repeat(32) } })
    ],
    'has no proof': ['auth_failed', ({ id }) => JSON.stringify({ id, ok: true, auth: {} })],
    'gives the nonce back': ['auth_failed', ({ id, nonce }) => JSON.stringify({ id, ok: true, auth: { nonce, proof: nonce } })],
    'speaks another protocol': ['protocol_error', () => 'HTTP/1.1 400 Bad Request'],
    'says null': ['protocol_error', () => 'null'],
    'says a number': ['protocol_error', () => '7'],
    'says an array': ['protocol_error', () => '[]'],
    'hangs up': ['connection_closed', (_, socket) => void socket.destroy()],
    'keeps silent': ['timeout', () => undefined]
  }
  for (const [name, [code, answer]] of Object.entries(impostors)) {
    test(`one that ${name}`, async t => {
      const [value, pipe] = [marker(), freePath(folder)]
      let received = ''
      await listen(t, pipe, socket => {
        let rest = ''
        socket.on('data', data => {
          received += data
          const lines = (rest + data).split('\n')
          rest = /** @type {string} */ (lines.pop())
          const answers = lines.map(line => answer(JSON.parse(line), socket)).filter(said => said !== undefined)
          if (answers.length > 0) socket.write(`${answers.join('\n')}\n`)
        })
      })
      const client = connect(t, pipe, { secret: `secret ${value}`, timeout: name === 'keeps silent' ? 300 : 5000 })
      await assert.rejects(client.set(`key ${value}`, value, 60_000), failsWith(code))
      assert.throws(() => client.setSync(`key ${value}`, value, { ttl: 60_000, timeout: 100 }), failsWith('timeout'))
      assert.match(received, /"hello"/)
      assert.ok(!received.includes(value) && !received.includes('"set"'), received)
    })
  }

  test('one that repeats what a broker said', async t => {
    const real = await startBroker(t, { secret: 'shared' })
    const raw = await dial(t, real.pipe)
    const reply = await raw.ask({ id: 0, action: 'hello', protocol: 1, nonce: 'ab'.repeat(16) })
    assert.ok(reply.auth.proof)
    const pipe = freePath(folder)
    await listen(t, pipe, socket => socket.on('data', () => socket.write(`${JSON.stringify(reply)}\n`)))
    await assert.rejects(connect(t, pipe, { secret: 'shared' }).set('k', 1), failsWith('auth_failed'))
  })
})

describe('what is no reply fails its request at once, and nothing waits for ever', () => {
  /** @type {Record<string, string>} */
  const nonsense = {
    null: 'null',
    'a number': '7',
    'an array': '[]',
    'an empty object': '{}',
    'no JSON': '{"ok":tru',
    'an error without a name': '{"ok":false}'
  }
  for (const [name, line] of Object.entries(nonsense)) {
    for (const greeting of ['{"id":0,"ok":true,"protocol":1,"session":1}', '{"ok":false,"error":"unknown_action"}']) {
      test(`${name}, after ${greeting}`, { timeout: 10_000 }, async t => {
        const pipe = freePath(folder)
        await listen(t, pipe, socket => {
          socket.on('data', data => socket.write(`${data.includes('"hello"') ? greeting : line}\n`))
        })
        const client = connect(t, pipe)
        for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(client.get('k'), failsWith('protocol_error'))
      })
    }
  }
})

test('the MAC of a message is over its bytes, as their client makes it', async t => {
  const { pipe } = await startBroker(t, { secret: 's' })
  const raw = await dial(t, pipe)
  const payload = { action: 'set', key: 'k', value: { 10: 'ten', 9: 'nine', ü: 'é' }, ttl: 60_000 }
  const signed = { ...payload, hmac: hmac('s', JSON.stringify(payload)) }
  assert.deepEqual(await raw.ask(signed), { ok: true })
  assert.equal((await raw.ask({ ...signed, key: 'other' })).error, 'auth_failed')
})
