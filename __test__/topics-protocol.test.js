// @ts-check
'use strict'

/** PROTOCOL.md's topics and payloads in bytes over a socket: what a client in any language says and is told. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { after, describe, test } = require('node:test')
const { deserialize, serialize } = require('../lib/structured-clone.js')
const { TIMEOUT, connect, dial, greet, hmac, startBroker, useFolder } = require('./support-coordination')

useFolder({ after })

/** A request with bytes behind it. @param {object} members @param {Uint8Array | string} payload @param {unknown} [raw] */
function withPayload(members, payload, raw = Buffer.byteLength(payload)) {
  return Buffer.concat([Buffer.from(`{"raw":${raw},${JSON.stringify(members).slice(1)}\n`), Buffer.from(payload)])
}

/** @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] */
async function speak(t, options) {
  const broker = await startBroker(t, { logLevel: 'silent', ...options })
  return { pipe: broker.pipe, raw: await greet(t, broker.pipe, 'raw') }
}

/** Reads from a socket frame by frame: lines, and payloads where the line says so. @param {import('node:net').Socket} socket */
function frames(socket) {
  let bytes = Buffer.alloc(0)
  const more = socket[Symbol.asyncIterator]()
  const fill = async () => {
    const { value, done } = await more.next()
    assert.ok(!done, 'the broker hung up')
    bytes = Buffer.concat([bytes, value])
  }
  return async () => {
    while (bytes.indexOf(10) < 0) await fill()
    const end = bytes.indexOf(10) + 1
    const head = JSON.parse(String(bytes.subarray(0, end)))
    while (bytes.length < end + (head.raw ?? 0)) await fill()
    const payload = bytes.subarray(end, end + (head.raw ?? 0))
    bytes = bytes.subarray(end + (head.raw ?? 0))
    return { head, payload: head.raw === undefined ? null : payload }
  }
}

describe('topics on the wire', { timeout: TIMEOUT }, () => {
  test('a conversation, as the page shows it', async t => {
    const { raw, pipe } = await speak(t)
    const other = await greet(t, pipe, 'other')
    const { subscription, ...subscribed } = await raw.ask({ id: 1, action: 'subscribe', topic: 'news' })
    assert.deepEqual(subscribed, { id: 1, ok: true })
    const { messageId, ...published } = await other.ask({ id: 2, action: 'publish', topic: 'news', data: { a: [1, 'é'] } })
    assert.deepEqual(published, { id: 2, ok: true, receivers: 1 })
    assert.deepEqual(await raw.reply(), { event: 'message', subscription, messageId, data: { a: [1, 'é'] } })
    assert.deepEqual(await raw.ask({ id: 3, action: 'taken', subscription, count: 1 }), { id: 3, ok: true })
    const asked = await other.ask({ id: 4, action: 'publish', topic: 'news', data: '?', replies: 'first' })
    const question = await raw.reply()
    assert.deepEqual([question.messageId, question.replies], [asked.messageId, true])
    assert.deepEqual(await raw.ask({ id: 5, action: 'reply', messageId: asked.messageId, data: '!' }), { id: 5, ok: true, delivered: true })
    const { messageId: reply, ...answer } = await other.reply()
    assert.deepEqual(answer, { event: 'message', subscription: asked.messageId, data: '!' })
    assert.ok(reply > asked.messageId)
    assert.equal((await raw.ask({ id: 6, action: 'reply', messageId: asked.messageId, data: '!' })).delivered, false)
    assert.deepEqual(await raw.ask({ id: 7, action: 'unsubscribe', subscription }), { id: 7, ok: true, unsubscribed: true })
    assert.equal((await other.ask({ id: 8, action: 'publish', topic: 'news', data: 0 })).receivers, 0)
  })

  test('payloads go through as they are, between other lines, however they are split', async t => {
    const { raw, pipe } = await speak(t)
    const reader = await dial(t, pipe)
    reader.socket.removeAllListeners('data')
    const next = frames(reader.socket)
    reader.send({ id: 0, action: 'hello', protocol: 1, pid: 1, name: 'reader', process: 'r' }, { id: 1, action: 'subscribe', topic: 't' })
    await next()
    await next()
    const payloads = ['', '\n', '{"raw":3,"a":1}\nabc', crypto.randomBytes(3000), Buffer.alloc(100_000, 10)].map(payload =>
      Buffer.from(payload)
    )
    const bytes = Buffer.concat(payloads.map(payload => withPayload({ action: 'publish', topic: 't', encoding: 'bytes' }, payload)))
    // By the byte at first, then by the piece.
    for (let at = 0; at < 400; at++) raw.write(bytes.subarray(at, at + 1))
    for (let at = 400; at < bytes.length; at += 7001) raw.write(bytes.subarray(at, at + 7001))
    raw.send({ action: 'publish', topic: 't', data: 'end' })
    for (const payload of payloads) {
      let { head, payload: found } = await next()
      // Between the messages come the replies to `taken`.
      while (head.event !== 'message') ({ head, payload: found } = await next())
      assert.deepEqual([head.encoding, head.raw], ['bytes', payload.length])
      assert.ok(found?.equals(payload))
      reader.send({ id: 9, action: 'taken', subscription: head.subscription, count: 1 })
    }
    /** @type {unknown[]} */
    const heads = []
    while (!heads.includes('end')) heads.push((await next()).head.data)
    assert.ok((await raw.replies(payloads.length + 1)).every(({ ok, receivers }) => ok && receivers === 1))
  })

  test('what V8 makes of a value is read by the client, and the other way round', async t => {
    const { raw, pipe } = await speak(t)
    const client = connect(t, pipe)
    const messages = client.subscribe('t')
    await messages.ready
    raw.write(withPayload({ action: 'publish', topic: 't', encoding: 'v8' }, serialize(new Map([['a', 1n]]))))
    assert.deepEqual((await messages.next()).value?.data, new Map([['a', 1n]]))
    const reader = await dial(t, pipe)
    reader.socket.removeAllListeners('data')
    const next = frames(reader.socket)
    reader.send({ action: 'hello', protocol: 1, name: 'reader' }, { action: 'subscribe', topic: 's' })
    await next()
    await next()
    await client.publish('s', new Set([undefined]))
    const { head, payload } = await next()
    assert.equal(head.encoding, 'v8')
    assert.deepEqual(deserialize(/** @type {Buffer} */ (payload)), new Set([undefined]))
  })

  test('bytes that are not what V8 makes end the subscription that reads them, and it alone', async t => {
    const { raw, pipe } = await speak(t)
    const client = connect(t, pipe)
    const [bad, good] = [client.subscribe('bad'), client.subscribe('good')]
    await Promise.all([bad.ready, good.ready])
    raw.write(withPayload({ action: 'publish', topic: 'bad', encoding: 'v8' }, 'not that'))
    await assert.rejects(bad.next(), { code: 'invalid_value' })
    assert.deepEqual(await bad.next(), { done: true, value: undefined })
    raw.send({ action: 'publish', topic: 'good', data: 7 })
    assert.equal((await good.next()).value?.data, 7)
    assert.equal((await client.publish('bad', 1)).receivers, 0)
  })
})

describe('headers that lie', { timeout: TIMEOUT }, () => {
  const publish = { id: 7, action: 'publish', topic: 't', encoding: 'bytes' }

  test('a payload over the limit is skipped with its line, and the connection lives on', async t => {
    const { raw } = await speak(t, { maxRequestSize: 5000, maxValueSize: 1000 })
    raw.write(withPayload(publish, Buffer.alloc(1_000_000, '\n{"id":1}')))
    const reply = await raw.reply()
    assert.deepEqual([reply.id, reply.error], [7, 'too_large'])
    assert.equal((await raw.ask({ id: 8, action: 'ping' })).id, 8)
    // A line that is over it alone, with a payload behind it.
    raw.write(withPayload({ ...publish, topic: 'x'.repeat(20_000) }, 'payload\n'))
    assert.deepEqual([(await raw.reply()).error, (await raw.ask({ id: 9, action: 'ping' })).id], ['too_large', 9])
    // Within what a request may have, and over what a value may.
    raw.write(withPayload(publish, Buffer.alloc(1001)))
    assert.deepEqual([(await raw.reply()).error, (await raw.ask({ id: 10, action: 'ping' })).id], ['too_large', 10])
    raw.write(withPayload(publish, Buffer.alloc(1000)))
    assert.equal((await raw.reply()).receivers, 0)
    const { error } = await raw.ask({ id: 11, action: 'publish', topic: 't', data: 'x'.repeat(1000) })
    assert.equal(error, 'too_large')
  })

  test('a size that is none is refused, and nothing is taken for a payload', async t => {
    const { raw } = await speak(t)
    const ping = '{"id":8,"action":"ping"}\n'
    for (const size of ['-1', '1e3', '1.0', '"5"', 'null', '007', '[5]', 'true', '9999999999999999', '99999999999999999999999']) {
      raw.write(`{"raw":${size},${JSON.stringify(publish).slice(1)}\n${ping}`)
      const [refused, pong] = await raw.replies(2)
      const codes = /^0\d/.test(size) ? ['invalid_json'] : ['invalid_request']
      assert.ok(codes.includes(refused.error), `${size}: ${JSON.stringify(refused)}`)
      assert.equal(pong.id, 8)
    }
    for (const line of [
      '{ "raw":5,"id":7,"action":"publish","topic":"t","encoding":"bytes"}',
      '{"id":7,"raw":5,"action":"publish","topic":"t","encoding":"bytes"}',
      '{"id":7,"action":"publish","topic":"t","encoding":"bytes","raw":5}',
      '{"raw" :5,"id":7,"action":"publish","topic":"t","encoding":"bytes"}'
    ]) {
      raw.write(`${line}\n${ping}`)
      assert.deepEqual(
        (await raw.replies(2)).map(({ id, error }) => [id, error]),
        [
          [7, 'invalid_request'],
          [8, undefined]
        ]
      )
    }
  })

  test('a payload that does not fit its line is skipped with it', async t => {
    const { raw } = await speak(t)
    const cases = /** @type {const} */ ([
      ['{"raw":5,"raw":3,"id":7,"action":"publish","topic":"t","encoding":"bytes"}', 'invalid_json'],
      ['{"raw":5,not json', 'invalid_json'],
      ['{"raw":5,"id":7,"action":"ping"}', 'invalid_request'],
      ['{"raw":5,"id":7,"action":"hello","protocol":1}', 'invalid_request'],
      ['{"raw":5,"id":7,"action":"publish","topic":"t"}', 'invalid_request'],
      ['{"raw":5,"id":7,"action":"publish","topic":"t","encoding":"base64"}', 'invalid_request'],
      ['{"raw":5,"id":7,"action":"publish","topic":"t","encoding":"bytes","data":1}', 'invalid_request'],
      ['{"raw":5,"id":7,"action":"toString"}', 'invalid_request']
    ])
    for (const [line, code] of cases) {
      raw.write(`${line}\n\n\n\n\n{{"id":8,"action":"ping"}\n`)
      const [refused, pong] = await raw.replies(2)
      assert.deepEqual([refused.error, pong.id], [code, 8], line)
    }
  })

  test('one who announces a payload and hangs up is gone, and has published nothing', async t => {
    const { raw, pipe } = await speak(t)
    const client = connect(t, pipe)
    const messages = client.subscribe('t')
    await messages.ready
    raw.write(`{"raw":1000,${JSON.stringify(publish).slice(1)}\nhalf of it`).end()
    assert.deepEqual(await raw.rest(), [])
    await client.publish('t', 'next')
    assert.equal((await messages.next()).value?.data, 'next')
  })

  test('per message, the MAC is over line and payload', async t => {
    const { pipe } = await startBroker(t, { logLevel: 'silent', secret: 'geheim' })
    const line = '{"raw":5,"id":7,"action":"publish","topic":"t","encoding":"bytes"}'
    const say = async (/** @type {string} */ mac, /** @type {string} */ payload) => {
      const raw = await dial(t, pipe)
      raw.write(`${line.slice(0, -1)},"hmac":"${mac}"}\n${payload}`)
      return raw.reply()
    }
    assert.equal((await say(hmac('geheim', `${line}\n\0\n{"a`), '\0\n{"a')).receivers, 0)
    assert.equal((await say(hmac('geheim', `${line}\nother`), '\0\n{"a')).error, 'auth_failed')
    assert.equal((await say(hmac('geheim', line), '\0\n{"a')).error, 'auth_failed')
  })
})

describe('one who does not read', { timeout: TIMEOUT }, () => {
  test('is sent no more than it has credit for, and delays nobody', async t => {
    const { raw, pipe } = await speak(t)
    const sleepy = await greet(t, pipe, 'sleepy')
    const { subscription } = await sleepy.ask({ id: 1, action: 'subscribe', topic: 't', policy: 'drop', limit: 5, window: 3 })
    for (let n = 0; n < 20; n++) raw.send({ id: n, action: 'publish', topic: 't', data: n })
    const receivers = (await raw.replies(20)).map(reply => reply.receivers)
    assert.deepEqual(receivers, [...Array(8).fill(1), ...Array(12).fill(0)])
    const first = await sleepy.replies(3)
    assert.equal((await sleepy.ask({ id: 2, action: 'ping' })).id, 2, 'nothing more came before the ping was answered')
    sleepy.send({ id: 3, action: 'taken', subscription, count: 3 })
    const [taken, ...rest] = await sleepy.replies(4)
    assert.equal(taken.id, 3)
    assert.deepEqual(
      [...first, ...rest].map(event => event.data),
      [0, 1, 2, 3, 4, 5]
    )
    assert.equal((await sleepy.ask({ id: 4, action: 'taken', subscription, count: 4 })).error, 'invalid_request')
  })
})
