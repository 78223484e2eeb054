// @ts-check
'use strict'

/** PROTOCOL.md, word by word: bytes over a socket against a real broker. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { once } = require('node:events')
const { after, describe, test } = require('node:test')
const zlib = require('node:zlib')
const { Raw, connect, dial, failsWith, isWindows, startBroker, until, useFolder } = require('./support')

useFolder({ after })

/** @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] */
async function speak(t, options) {
  const broker = await startBroker(t, options)
  return { broker, pipe: broker.pipe, raw: await dial(t, broker.pipe) }
}

const codes = (/** @type {any[]} */ replies) => replies.map(({ ok, error }) => error ?? ok)

describe('framing', () => {
  test('ids come back as they were sent', async t => {
    const { raw } = await speak(t)
    const ids = ['7', '0', '-1', '1.50', '1e3', '12345678901234567890', '""', '"a b"', '"\\u00fc\\n"', '"ü漢😀"', `"${'x'.repeat(64)}"`]
    for (const id of ids) {
      raw.send(`{"id":${id},"action":"ping"}`)
      assert.ok((await raw.line())?.startsWith(`{"id":${id},"ok":true,`), id)
    }
    raw.send('{"action":"get","id":7,"key":"no"}')
    assert.match(/** @type {string} */ (await raw.line()), /^\{"id":7,"ok":false,"error":"not_found","message":"not_found: .*no/)
  })

  test('an id that is none is refused, null is none given', async t => {
    const { raw } = await speak(t)
    for (const id of ['{}', '[]', 'true', 'false', `"${'x'.repeat(65)}"`]) {
      const reply = await raw.ask(`{"id":${id},"action":"ping"}`)
      assert.deepEqual([reply.error, 'id' in reply], ['invalid_request', false], id)
    }
    const reply = await raw.ask('{"id":null,"action":"ping"}')
    assert.deepEqual([reply.ok, 'id' in reply], [true, false])
  })

  test('10,000 requests in one write are answered, each with its own reply', async t => {
    const { raw } = await speak(t)
    const requests = Array.from({ length: 10_000 }, (_, id) =>
      id % 2 === 0 ? { id, action: 'set', key: `k${id}`, value: id } : { id, action: 'get', key: `k${id - 1}` }
    )
    raw.send(...requests)
    const replies = new Map((await raw.replies(10_000)).map(reply => [reply.id, reply]))
    assert.equal(replies.size, 10_000)
    for (let id = 1; id < 10_000; id += 2) assert.equal(replies.get(id).value, id - 1)
  })

  test('without ids replies keep the order of their requests', async t => {
    const { raw } = await speak(t)
    const requests = Array.from({ length: 1000 }, (_, at) => [
      { action: 'set', key: 'k', value: at },
      { action: 'get', key: 'k' }
    ])
    raw.send(...requests.flat())
    const replies = await raw.replies(2000)
    assert.deepEqual(
      replies.filter((_, at) => at % 2 === 1).map(({ value }) => value),
      [...requests.keys()]
    )
  })

  test('bytes may come in any pieces', async t => {
    const { raw } = await speak(t)
    const bytes = Buffer.from('{"id":"é","action":"set","key":"漢","value":["😀ß"]}\r\n\n  \n{"id":2,"action":"get","key":"漢"}\n')
    for (let at = 1; at < bytes.length; at++) {
      // A ping in front shows when the first piece has been taken.
      raw.write(Buffer.concat([Buffer.from('{"id":0,"action":"ping"}\n'), bytes.subarray(0, at)]))
      assert.equal((await raw.reply()).id, 0)
      raw.write(bytes.subarray(at))
      assert.deepEqual(await raw.replies(2), [
        { id: 'é', ok: true },
        { id: 2, ok: true, value: ['😀ß'] }
      ])
    }
    const many = Buffer.concat(Array.from({ length: 50 }, () => bytes))
    for (let start = 0; start < many.length; ) {
      const end = start + crypto.randomInt(1, 40)
      await new Promise(done => raw.socket.write(many.subarray(start, end), done))
      start = end
    }
    for (const { ok } of await raw.replies(100)) assert.equal(ok, true)
  })

  test('a line over the limit is skipped, whatever its length, and the connection lives on', async t => {
    const { raw } = await speak(t)
    raw.write('{"id":1,"action":"set","key":"k","value":"')
    raw.write(Buffer.alloc(10_000_000, 'x'))
    raw.send('"}', { id: 2, action: 'ping' })
    const [first, second] = await raw.replies(2)
    assert.deepEqual([first.error, first.id, second.id, second.ok], ['too_large', 1, 2, true])
    raw.write(Buffer.alloc(3_000_000, '{'))
    raw.send('', 'null', { id: 3, action: 'has', key: 'k' })
    assert.deepEqual(codes(await raw.replies(2)), ['too_large', 'invalid_json'])
    assert.deepEqual(await raw.reply(), { id: 3, ok: true, exists: false })
  })

  test('the limit of a request is exact', async t => {
    const { raw } = await speak(t, { maxRequestSize: 100 })
    const line = (/** @type {number} */ size) => `{"action":"ping"}${' '.repeat(size - 17)}`
    raw.send(line(99), line(100), line(101), line(100))
    assert.deepEqual(codes(await raw.replies(4)), [true, true, 'too_large', true])
  })

  test('a last line without a newline is not executed; all others are answered', async t => {
    const { raw, pipe } = await speak(t)
    raw.send({ action: 'set', key: 'whole', value: 1 })
    raw.write('{"action":"set","key":"half","value":1}').end()
    assert.deepEqual(await raw.rest(), [{ ok: true }])
    const client = connect(t, pipe)
    assert.deepEqual([await client.has('whole'), await client.has('half')], [true, false])
  })

  // A named pipe has no half-closed state.
  test('who has closed his side still gets every reply', { skip: isWindows }, async t => {
    const { raw } = await speak(t)
    await raw.ask({ action: 'set', key: 'k', value: 'x'.repeat(10_000) })
    const requests = Array.from({ length: 1000 }, (_, id) => ({ id, action: 'get', key: 'k' }))
    raw.send(...requests).end()
    const replies = await raw.rest()
    assert.deepEqual(
      replies.map(({ id, value }) => [id, value.length]),
      requests.map(({ id }) => [id, 10_000])
    )
  })

  test('a connection that breaks in the middle of a line harms nobody', async t => {
    const { pipe } = await speak(t)
    for (let at = 0; at < 50; at++) {
      const raw = await dial(t, pipe)
      raw.write('{"action":"set","key":"k","va')
      raw.socket.destroy()
    }
    const client = connect(t, pipe)
    await until(async () => (await client.stats()).connections === 2)
    assert.equal(await client.has('k'), false)
  })
})

describe('what is not a request', () => {
  const deep = (/** @type {string} */ open, /** @type {string} */ close) => open.repeat(100_000) + close.repeat(100_000)
  const invalid = {
    null: 'null',
    'an array': '[{"action":"ping"}]',
    'a number': '7',
    'a string': '"ping"',
    'half an object': '{"action":"ping"',
    'two objects': '{"action":"ping"}{"action":"ping"}',
    'single quotes': "{'action':'ping'}",
    'a comma too many': '{"action":"ping",}',
    'a control character in a string': '{"action":"ping","x":"\u0001"}',
    'an unknown escape': '{"action":"ping","x":"\\x"}',
    'a member twice': '{"action":"get","key":"a","key":"b"}',
    'a member twice, once written differently': '{"action":"get","key":"a","k\\u0065y":"b"}',
    'an action twice': '{"action":"ping","action":"ping"}',
    'a byte order mark': '\ufeff{"action":"ping"}',
    'numbers that JSON does not know': '{"action":"set","key":"k","value":NaN}',
    'a hexadecimal number': '{"action":"set","key":"k","value":0x1}',
    'a leading zero': '{"id":01,"action":"ping"}',
    'brackets alone': deep('[', ''),
    'brackets that do not match': `{"action":"set","key":"k","value":${deep('[', '}')}}`
  }
  for (const [name, line] of Object.entries(invalid)) {
    test(`${name} is invalid_json`, async t => {
      const { raw } = await speak(t)
      raw.send(line, { id: 1, action: 'ping' })
      const [reply, next] = await raw.replies(2)
      assert.deepEqual([reply.ok, reply.error, next.id, next.ok], [false, 'invalid_json', 1, true])
      assert.match(reply.message, /^invalid_json: /)
      assert.ok(reply.message.length < 300)
    })
  }

  test('bytes that are not UTF-8 are invalid_json', async t => {
    const { raw } = await speak(t)
    for (const bytes of [[0xff], [0xc3], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80], [0xc0, 0x80], [0xe6, 0xbc]]) {
      raw.write(Buffer.concat([Buffer.from('{"action":"set","key":"k","value":"'), Buffer.from(bytes), Buffer.from('"}\n')]))
      assert.equal((await raw.reply()).error, 'invalid_json', String(bytes))
    }
    raw.write(Buffer.concat([Buffer.alloc(1000, 0), Buffer.from('\n')]))
    assert.equal((await raw.reply()).error, 'invalid_json')
    raw.write(Buffer.concat([crypto.randomBytes(5000).map(byte => (byte === 10 ? 11 : byte)), Buffer.from('\n')]))
    assert.equal((await raw.reply()).error, 'invalid_json')
    assert.equal((await raw.ask({ action: 'ping' })).ok, true)
  })

  test('each impossible request has its code', async t => {
    const { raw } = await speak(t, { requireTTL: true, maxItems: 1, maxValueSize: 100 })
    await raw.ask({ action: 'set', key: 'k', value: 1, ttl: 60_000 })
    const long = 'x'.repeat(1025)
    /** @type {Array<[string, string | object]>} */
    const cases = [
      ['unknown_action', '{}'],
      ['unknown_action', { action: 'nope' }],
      ['unknown_action', { action: 'toString' }],
      ['unknown_action', { action: '__proto__' }],
      ['unknown_action', { action: 'GET', key: 'k' }],
      ['invalid_request', { action: 7 }],
      ['invalid_request', { action: ['ping'] }],
      ['key_required', { action: 'get' }],
      ['key_required', { action: 'del', key: '' }],
      ['key_required', { action: 'has', key: null }],
      ['key_required', { action: 'set', value: 1, ttl: 1 }],
      ['invalid_request', { action: 'get', key: 7 }],
      ['invalid_request', { action: 'get', key: {} }],
      ['invalid_request', { action: 'get', key: long }],
      ['invalid_request', '{"action":"get","key":"\\ud800"}'],
      ['not_found', { action: 'get', key: 'constructor' }],
      ['ttl_required', { action: 'set', key: 'k', value: 1 }],
      ['ttl_required', { action: 'set', key: 'k', value: 1, ttl: 0 }],
      ['ttl_required', { action: 'set', key: 'k', value: 1, ttl: null }],
      ['invalid_ttl', { action: 'set', key: 'k', value: 1, ttl: -1 }],
      ['invalid_ttl', { action: 'set', key: 'k', value: 1, ttl: '1' }],
      ['invalid_ttl', '{"action":"set","key":"k","value":1,"ttl":1e400}'],
      ['invalid_ttl', `{"action":"set","key":"k","value":1,"ttl":${'9'.repeat(400)}}`],
      ['invalid_ttl', { action: 'lease', key: 'k', workerId: 'w', ttl: -1 }],
      ['too_large', { action: 'set', key: 'k', value: 'x'.repeat(99), ttl: 1 }],
      ['max_items', { action: 'set', key: 'l', value: 1, ttl: 1 }],
      ['invalid_request', { action: 'set', key: 'k', value: 'x', ttl: 1, compressed: true }],
      ['invalid_request', { action: 'set', key: 'k', value: 'x', ttl: 1, compressed: 'yes' }],
      ['key_and_worker_required', { action: 'lease' }],
      ['key_and_worker_required', { action: 'lease', key: 'k' }],
      ['key_and_worker_required', { action: 'lease', workerId: 'w', key: '' }],
      ['invalid_request', { action: 'lease', key: 'k', workerId: 7 }],
      ['invalid_request', { action: 'lease', key: 'k', workerId: long }],
      ['invalid_request', { action: 'lease', key: 'k', workerId: 'w', detached: 1 }],
      ['worker_required', { action: 'release' }],
      ['worker_required', { action: 'release', workerId: '' }],
      ['invalid_request', { action: 'auth', proof: 'ab' }],
      ['invalid_request', { action: 'hello', protocol: 1 }]
    ]
    for (const [code, request] of cases) {
      const reply = await raw.ask(request)
      assert.deepEqual([reply.ok, reply.error], [false, code], JSON.stringify(request).slice(0, 80))
      assert.ok(reply.message.startsWith(`${code}: `) && reply.message.length > code.length + 5, reply.message)
    }
    assert.match((await raw.ask({ action: 'get', key: 7 })).message, /key/)
    assert.deepEqual(Object.keys((await raw.ask({ action: 'list' })).items), ['k'])
  })
})

describe('actions', () => {
  test('values come back byte for byte', async t => {
    const { raw } = await speak(t)
    const deep = '['.repeat(50_000) + ']'.repeat(50_000)
    const values = [
      '{"b" : 1.0,  "a":[ ]}',
      '1E5',
      '-0',
      '1e999',
      '123456789012345678901234567890.10',
      '"\\u00e9\\/\\ud83d\\ude00é"',
      '"\\ud800"',
      '{"a":1,"a":2}',
      '{"__proto__":{"x":1}}',
      'null',
      'false',
      '""',
      deep
    ]
    for (const value of values) {
      raw.send(`{"action":"set","key":"k","value":${value}}`, '{"action":"get","key":"k"}')
      assert.deepEqual(await raw.reply(), { ok: true })
      assert.equal(await raw.line(), `{"ok":true,"value":${value}}`)
    }
  })

  test('each action answers what the table says', async t => {
    const { raw } = await speak(t)
    assert.deepEqual(await raw.ask({ action: 'set', key: 'k', value: 1, ttl: 60_000, unknown: { member: 1 } }), { ok: true })
    assert.deepEqual(await raw.ask({ action: 'has', key: 'k' }), { ok: true, exists: true })
    const { items } = await raw.ask({ action: 'list' })
    assert.deepEqual(Object.keys(items.k).sort(), ['expires', 'hasValue'])
    assert.ok(Math.abs(items.k.expires - Date.now() - 60_000) < 5000)
    assert.deepEqual(await raw.ask({ action: 'del', key: 'k' }), { ok: true, deleted: true })
    assert.deepEqual(await raw.ask({ action: 'del', key: 'k' }), { ok: true, deleted: false })
    const first = await raw.ask({ action: 'lease', key: 'a', workerId: 'w1', ttl: 60_000 })
    assert.deepEqual([first.value, first.expires], [1, 60_000])
    const second = await raw.ask({ action: 'lease', key: 'a', workerId: 'w2', ttl: 0.5 })
    assert.ok(second.token > first.token)
    assert.equal((await raw.ask({ action: 'lease', key: 'a', workerId: 'w1' })).token, first.token)
    assert.deepEqual(await raw.ask({ action: 'release', workerId: 'w1', key: 'b' }), { ok: true, released: false })
    assert.deepEqual(await raw.ask({ action: 'release', workerId: 'w1' }), { ok: true, released: true })
    assert.ok(Math.abs((await raw.ask({ action: 'ping' })).pong - Date.now()) < 60_000)
    assert.equal(typeof (await raw.ask({ action: 'stats' })).stats.items, 'number')
    const health = await raw.ask({ action: 'health' })
    for (const member of ['status', 'uptime', 'timestamp', 'capacity', 'memory', 'connections']) assert.ok(member in health, member)
    assert.match((await raw.ask({ action: 'metrics' })).metrics, /^# HELP/)
  })

  test('a compressed value is any JSON string with its base64', async t => {
    const { raw } = await speak(t)
    let packed = ''
    for (let at = 0; !packed.includes('/'); at++) packed = zlib.gzipSync(JSON.stringify(`value ${at}`)).toString('base64')
    for (const text of [packed, packed.replaceAll('/', '\\/')]) {
      assert.deepEqual(await raw.ask(`{"action":"set","key":"k","value":"${text}","compressed":true}`), { ok: true }, text)
      assert.deepEqual(await raw.ask({ action: 'get', key: 'k' }), { ok: true, value: packed, compressed: true })
    }
  })

  test('a value’s key answers expired, then not_found', async t => {
    const { raw } = await speak(t, { sweeperInterval: 50 })
    await raw.ask({ action: 'set', key: 'k', value: 1, ttl: 1 })
    const seen = new Set()
    await until(async () => seen.add((await raw.ask({ action: 'get', key: 'k' })).error).has('not_found'))
    assert.deepEqual([...seen].filter(Boolean), ['expired', 'not_found'])
  })
})

test('too many connections: the one too many is told, and the others live', async t => {
  const { broker, raw } = await speak(t, { maxConnections: 2, logLevel: 'error' })
  const second = await dial(t, broker.pipe)
  await second.ask({ action: 'ping' })
  const third = new Raw(broker.pipe)
  assert.deepEqual(codes(await third.rest()), ['too_many_connections'])
  for (let at = 0; at < 100; at++) {
    await assert.rejects(connect(t, broker.pipe).ping(), failsWith('too_many_connections'))
  }
  assert.equal((await raw.ask({ action: 'ping' })).ok, true)
  second.socket.destroy()
  await once(second.socket, 'close')
  await until(async () => (await raw.ask({ action: 'stats' })).stats.connections === 1)
  assert.equal((await (await dial(t, broker.pipe)).ask({ action: 'ping' })).ok, true)
})

test('a draining broker says so, but takes leave and gives back', async t => {
  const { broker, raw } = await speak(t)
  await raw.ask({ action: 'lease', key: 'a', workerId: 'w', ttl: 60_000 })
  await broker.drain()
  assert.equal((await raw.ask({ action: 'get', key: 'k' })).error, 'draining')
  assert.equal((await (await dial(t, broker.pipe)).ask({ action: 'hello', protocol: 1, pid: 1, name: 'late' })).error, 'draining')
  assert.deepEqual(await raw.ask({ action: 'release', workerId: 'w' }), { ok: true, released: true })
  assert.equal((await raw.ask({ action: 'health' })).connections.draining, true)
  assert.deepEqual(await raw.ask({ action: 'bye' }), { ok: true })
  assert.equal(await raw.line(), null)
})
