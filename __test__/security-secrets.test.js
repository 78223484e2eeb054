// @ts-check
'use strict'

/** Values and secrets stay where they belong: not in logs, metrics and errors, and not in memory when they are over. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { after, describe, test } = require('node:test')
const { inspect } = require('node:util')
const zlib = require('node:zlib')
const { connect, dial, hmac, marker, run, startBroker, startHost, until, useFolder } = require('./support')
const { countInMemory } = require('./support/memory')
const { Broker, Client } = require('..')

useFolder({ after })

/** All that an error shows. @param {any} error */
const shown = error => `${error.code} ${error.message} ${error.stack} ${inspect(error, { depth: 9 })} ${JSON.stringify(error.details)}`

describe('neither values nor secrets are told', () => {
  /** Everything that can be done, and done wrong. @param {import('node:test').TestContext} t @param {string} pipe @param {string} secret @param {string} value */
  async function doEverything(t, pipe, secret, value) {
    /** @type {string[]} */
    const told = []
    const attempt = (/** @type {() => unknown} */ act) =>
      Promise.resolve()
        .then(act)
        .catch(error => told.push(shown(error)))
    const client = connect(t, pipe, { secret, debug: false })
    await client.set('k', { [value]: value }, 60_000)
    await client.set('k', [value, value], 60_000)
    await client.set('packed', { text: value.repeat(100) }, 60_000)
    await client.get('k')
    client.getSync('k')
    await client.set('gone', value, 1)
    await until(async () => !(await client.has('gone')))
    await client.lease('accounts', 'w')
    await client.set('full', value, 60_000)
    told.push(JSON.stringify([await client.list(), await client.stats(), await client.health()]), await client.metrics())
    await attempt(() => client.set('k', value))
    await attempt(() => client.set('k', value, -1))
    await attempt(() => client.set('k', value.repeat(100_000), 60_000))
    await attempt(() => client.set('one more', value, 60_000))
    await attempt(() => client.set('k', { value, big: 1n }, 60_000))
    await attempt(() => client.set(/** @type {any} */ ({ value }), value, 60_000))
    await attempt(() => connect(t, pipe, { secret: `wrong ${value}` }).get('k'))
    await attempt(() => connect(t, pipe, { secret: false }).set('k', value, 60_000))
    const circle = { value, self: {} }
    circle.self = circle
    await attempt(() => client.set('k', circle, 60_000))
    assert.ok(told.length >= 10)

    const raw = await dial(t, pipe)
    const signed = (/** @type {string} */ text) => `${text.slice(0, -1)},"hmac":"${hmac(secret, text)}"}`
    const notPacked = `"value":"${value}","compressed":true`
    raw.send(
      `"${value}"`,
      `{"value":"${value}"`,
      `{"value":"${value}","value":1}`,
      `{"action":"set","key":"k","value":"${value}","hmac":"${value}"}`,
      signed(`{"action":"set","key":"k","value":"${value}","ttl":[]}`),
      signed(`{"action":"set","key":"k","ttl":1,${notPacked}}`),
      signed(`{"action":"set","value":"${value}"}`),
      `{"action":"hello","name":"raw","nonce":"${value}"}`,
      `{"action":"set","key":"k","value":"${value.repeat(100_000)}"}`
    )
    for (const reply of await raw.replies(9)) {
      assert.equal(reply.ok, false)
      told.push(JSON.stringify(reply))
    }
    raw.write(`{"action":"set","key":"k","value":"${value}`)
    raw.socket.destroy()
    return told
  }

  for (const structuredLogging of [false, true]) {
    test(`by a host that logs all it can, ${structuredLogging ? 'as JSON' : 'as text'}`, async t => {
      const [secret, value] = [marker(), marker()]
      const host = await startHost(t, { secret, debug: true, structuredLogging, heartbeatInterval: 5, requireTTL: true, maxItems: 3 })
      const told = await doEverything(t, host.pipe, secret, value)
      host.tell('stop')
      assert.equal(await host.line(), 'stopped')
      const { stdout, stderr } = await host.kill('SIGKILL')
      assert.match(stderr, /heartbeat/)
      assert.match(stderr, /a worker has come/)
      for (const text of [...told, stdout, stderr]) {
        assert.ok(!text.includes(value), `a value was told: ${text.slice(0, 500)}`)
        assert.ok(!text.includes(secret), `the secret was told: ${text.slice(0, 500)}`)
      }
    })
  }

  test('by a client that logs', async t => {
    const [secret, value] = [marker(), marker()]
    const { pipe } = await startBroker(t, { secret })
    const worker = run(
      t,
      `const client = new Client(); const value = process.argv[1]
       await client.set('k', value, 60_000); await client.get('k'); client.getSync('k'); await client.get('no').catch(() => {})
       await client.set('k', value, -1).catch(() => {}); await client.close()`,
      { env: { EPHEMERAL_PIPE: pipe, EPHEMERAL_SECRET: secret, CLIENT_DEBUG: '1' }, args: [value] }
    )
    const { code, stdout, stderr } = await worker.ended
    assert.deepEqual([code, stdout], [0, ''])
    assert.match(stderr, /\[client\].*set/)
    assert.ok(!stderr.includes(value) && !stderr.includes(secret), stderr)
  })

  test('by an error about a value that cannot be inflated, or is no JSON', async t => {
    const value = marker()
    const { pipe } = await startBroker(t)
    const raw = await dial(t, pipe)
    const packed = zlib.gzipSync(`${value} is not JSON`).toString('base64')
    assert.equal((await raw.ask({ action: 'set', key: 'k', value: packed, compressed: true })).ok, true)
    const client = connect(t, pipe)
    await assert.rejects(client.get('k'), error => {
      assert.equal(/** @type {any} */ (error).code, 'invalid_value')
      assert.ok(!shown(error).includes(value.slice(0, 9)), shown(error))
      return true
    })
  })

  test('by what is printed of a broker or a client', async t => {
    const secret = marker()
    const broker = await startBroker(t, { secret })
    const client = connect(t, broker.pipe, { secret })
    await client.set('k', secret)
    for (const it of [broker, client]) {
      assert.ok(!inspect(it, { depth: 9, showHidden: true }).includes(secret))
      assert.ok(!JSON.stringify(it).includes(secret))
    }
    assert.throws(
      () => new Client(broker.pipe, { secret: /** @type {any} */ ([secret]) }),
      error => !shown(error).includes(secret)
    )
    assert.throws(
      () => new Broker({ secret: /** @type {any} */ ({ secret }) }),
      error => !shown(error).includes(secret)
    )
  })
})

describe('values are wiped from the host’s memory', { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  /** @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] */
  async function hostAndCount(t, options) {
    const host = await startHost(t, options)
    return {
      host,
      pipe: host.pipe,
      client: connect(t, host.pipe),
      count: (/** @type {string[]} */ ...texts) => countInMemory(host.pid, texts)
    }
  }

  test('when they are deleted, replaced or over', async t => {
    const { client, count } = await hostAndCount(t)
    const [deleted, replaced, over, kept, large] = Array.from({ length: 5 }, marker)
    await client.set('deleted', deleted)
    await client.set('replaced', { list: [replaced] })
    await client.set('over', over, 200)
    await client.set('kept', kept)
    await client.set('large', { parts: Array.from({ length: 3000 }, () => large) })
    for (let at = 0; at < 20; at++) await Promise.all(['deleted', 'replaced', 'kept', 'large'].map(key => client.get(key)))
    const before = count(deleted, replaced, over, kept, large)
    assert.ok(before[0] > 0 && before[1] > 0 && before[3] > 0, `the search finds nothing: ${before}`)
    assert.ok(before[4] >= 3000)
    await client.del('deleted')
    await client.del('large')
    await client.set('replaced', 'by something else')
    await until(async () => !(await client.has('over')))
    const [atDeleted, atReplaced, atOver, atKept, atLarge] = count(deleted, replaced, over, kept, large)
    assert.deepEqual({ atDeleted, atReplaced, atOver, atLarge }, { atDeleted: 0, atReplaced: 0, atOver: 0, atLarge: 0 })
    assert.equal(atKept, 1, 'a value that is held is there once: what passed through is wiped')
  })

  test('when the broker stops', async t => {
    const { host, client, count } = await hostAndCount(t)
    const value = marker()
    await Promise.all(Array.from({ length: 100 }, (_, at) => client.set(`k${at}`, `${value} ${'x'.repeat(at * 50)}`)))
    assert.equal(count(value)[0], 100)
    host.tell('stop')
    assert.equal(await host.line(), 'stopped')
    assert.deepEqual(count(value), [0])
  })

  test('when they were refused, or never came whole', async t => {
    const { pipe, client, count } = await hostAndCount(t, { requireTTL: true, maxValueSize: 50_000, maxRequestSize: 200_000 })
    const texts = Array.from({ length: 6 }, marker)
    const [noTtl, tooLarge, wayTooLarge, unfinished, broken, held] = texts
    await client.set('held', held, 60_000)
    await assert.rejects(client.set('k', noTtl))
    await assert.rejects(client.set('k', tooLarge.repeat(2000), 60_000))
    await assert.rejects(client.set('k', wayTooLarge.repeat(10_000), 60_000))
    const raw = await dial(t, pipe)
    await raw.ask(`{"value":"${broken}"`)
    raw.send({ action: 'ping' }).write(`{"action":"set","key":"k","value":"${unfinished.repeat(1000)}`)
    await raw.reply()
    await until(() => count(unfinished)[0] > 0)
    raw.socket.destroy()
    await until(async () => (await client.stats()).connections === 1)
    assert.deepEqual(count(...texts), [0, 0, 0, 0, 0, 1])
  })

  test('when they came in small pieces', async t => {
    const { pipe, client, count } = await hostAndCount(t)
    const value = marker()
    const raw = await dial(t, pipe)
    const line = `{"action":"set","key":"k","value":"${value.repeat(50)}"}\n`
    for (let at = 0; at < line.length; at += 50) await new Promise(done => raw.socket.write(line.slice(at, at + 50), done))
    await raw.reply()
    assert.equal(count(value)[0], 50)
    await client.del('k')
    assert.deepEqual(count(value), [0])
  })

  test('when they came compressed', async t => {
    const { pipe, count } = await hostAndCount(t)
    const value = marker()
    const client = connect(t, pipe, { compression: true })
    const filler = crypto.randomBytes(3000).toString('hex')
    await client.set('k', { head: value, filler, tail: value })
    assert.equal((await client.get('k')).tail, value)
    assert.match(await client.metrics(), /compression_total\{compressed="true"\} 1/)
    assert.deepEqual(count(value), [0], 'what was inflated to be measured is still there')
    const packed = marker()
    // A stored gzip has its text as it is: what is searched for is the packed form.
    const bytes = zlib.gzipSync(JSON.stringify({ packed }), { level: 0 })
    const raw = await dial(t, pipe)
    await raw.ask({ action: 'set', key: 'k', value: bytes.toString('base64'), compressed: true })
    await client.del('k')
    assert.deepEqual(count(packed, bytes.toString('base64').slice(20, 60)), [0, 0])
  })
})
