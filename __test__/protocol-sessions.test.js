// @ts-check
'use strict'

/** PROTOCOL.md's sessions and authentication, in bytes over a socket against a real broker. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const net = require('node:net')
const { after, describe, test } = require('node:test')
const { connect, dial, freePath, hmac, listen, startBroker, until, useFolder } = require('./support')
const { version } = require('../package.json')

const folder = useFolder({ after })
const SECRET = 'geheim 漢'

/** @param {import('node:test').TestContext} t @param {import('..').BrokerOptions} [options] */
async function speak(t, options) {
  const broker = await startBroker(t, options)
  return { broker, pipe: broker.pipe, raw: await dial(t, broker.pipe) }
}

/** @param {object} [members] */
const hello = members => ({ id: 1, action: 'hello', protocol: 1, pid: 4242, name: 'worker-3', ...members })
const nonce = () => crypto.randomBytes(16).toString('hex')
const lease = (/** @type {string} */ workerId, /** @type {object} */ members = {}) => ({
  action: 'lease',
  key: 'accounts',
  workerId,
  ...members
})

describe('sessions', () => {
  test('hello opens one', async t => {
    const { raw } = await speak(t, { maxRequestSize: 5000, maxValueSize: 1000, requireTTL: true })
    const { session, ...reply } = await raw.ask(hello({ process: 'p', thread: 0, nonce: nonce(), unknown: [] }))
    assert.equal(typeof session, 'number')
    const { compression: _, ...told } = reply
    assert.deepEqual(told, {
      id: 1,
      ok: true,
      protocol: 1,
      server: `ephemeral-broker/${version}`,
      pid: process.pid,
      limits: { maxRequestSize: 5000, maxValueSize: 1000 },
      requireTTL: true
    })
    assert.equal((await raw.ask({ action: 'stats' })).stats.sessions, 1)
  })

  test('hello comes first, once, in this protocol', async t => {
    const { pipe, raw } = await speak(t)
    assert.equal((await raw.ask(hello({ protocol: 2 }))).error, 'invalid_request')
    assert.equal((await raw.ask(hello({ protocol: '1' }))).error, 'invalid_request')
    assert.equal((await raw.ask(hello({ pid: -1 }))).error, 'invalid_request')
    assert.equal((await raw.ask(hello({ name: 7 }))).error, 'invalid_request')
    assert.equal((await raw.ask(hello())).ok, true)
    assert.equal((await raw.ask(hello())).error, 'invalid_request')
    const late = await dial(t, pipe)
    await late.ask({ action: 'ping' })
    assert.equal((await late.ask(hello())).error, 'invalid_request')
    assert.equal((await late.ask({ action: 'ping' })).ok, true)
  })

  test('bye gives back, and nothing is done after it', async t => {
    const { broker, raw, pipe } = await speak(t)
    /** @type {any[]} */
    const lost = []
    broker.on('workerLost', worker => lost.push(worker))
    await raw.ask(hello())
    assert.equal((await raw.ask(lease('w'))).expires, null)
    raw.send({ id: 2, action: 'bye' }, { id: 3, action: 'set', key: 'late', value: 1 })
    assert.deepEqual(await raw.rest(), [{ id: 2, ok: true }])
    const other = await dial(t, pipe)
    assert.equal((await other.ask(lease('other', { ttl: 1000 }))).value, 1)
    assert.equal((await other.ask({ action: 'has', key: 'late' })).exists, false)
    assert.deepEqual(lost, [])
  })

  test('a lease lives as long as a session of its process and thread', async t => {
    const { broker, raw, pipe } = await speak(t)
    const lost = new Promise(resolve => broker.once('workerLost', resolve))
    const [twin, thread, stranger] = [await dial(t, pipe), await dial(t, pipe), await dial(t, pipe)]
    await raw.ask(hello({ process: 'p', thread: 1 }))
    await twin.ask(hello({ process: 'p', thread: 1 }))
    await thread.ask(hello({ process: 'p', thread: 2 }))
    await stranger.ask(hello({ process: 'q', thread: 1, name: 'stranger' }))
    assert.equal((await raw.ask(lease('w'))).value, 1)
    raw.end()
    assert.deepEqual(await raw.rest(), [])
    assert.equal((await stranger.ask(lease('s'))).value, 2)
    assert.equal((await stranger.ask({ action: 'release', workerId: 'w' })).error, 'not_owner')
    assert.match((await stranger.ask(lease('w'))).message, /^not_owner: .*worker-3.*4242/)
    twin.socket.destroy()
    assert.deepEqual(await lost, { name: 'worker-3', pid: 4242, leases: [{ key: 'accounts', workerId: 'w', number: 1 }] })
    assert.equal((await thread.ask(lease('t'))).value, 1)
    assert.equal((await thread.ask({ action: 'release', workerId: 't' })).released, true)
  })

  test('without process the pid stands for it, without either a connection is alone', async t => {
    const { raw, pipe } = await speak(t)
    const [same, other] = [await dial(t, pipe), await dial(t, pipe)]
    await raw.ask(hello())
    await same.ask(hello())
    await other.ask({ action: 'hello', protocol: 1 })
    await raw.ask(lease('w'))
    assert.equal((await same.ask(lease('w'))).value, 1)
    assert.equal((await other.ask(lease('w'))).error, 'not_owner')
  })

  test('a detached lease outlives its connection and goes by its name', async t => {
    const { raw, pipe } = await speak(t)
    await raw.ask(hello())
    const granted = await raw.ask(lease('w', { detached: true }))
    assert.deepEqual([granted.value, granted.expires], [1, 1_800_000])
    await raw.ask({ action: 'bye' })
    const bare = await dial(t, pipe)
    assert.deepEqual([(await bare.ask(lease('w'))).value, (await bare.ask(lease('x', { ttl: 60_000 }))).value], [1, 2])
    bare.socket.destroy()
    const last = await dial(t, pipe)
    await until(async () => (await last.ask({ action: 'stats' })).stats.connections === 1)
    assert.equal((await last.ask({ action: 'release', workerId: 'w' })).released, true)
    assert.equal((await last.ask(lease('x', { ttl: 60_000 }))).value, 2)
  })

  test('who lost its number is told once', async t => {
    const { broker, raw, pipe } = await speak(t)
    await raw.ask(hello())
    const expired = new Promise(resolve => broker.once('leaseExpired', resolve))
    const { token } = await raw.ask(lease('w', { ttl: 1 }))
    assert.deepEqual(await expired, { key: 'accounts', workerId: 'w', number: 1, token, name: 'worker-3', pid: 4242 })
    // Nobody has taken it: it is the worker's again.
    assert.equal((await raw.ask(lease('w', { ttl: 1 }))).value, 1)
    await until(async () => (await raw.ask({ action: 'stats' })).stats.leases === 0)
    const other = await dial(t, pipe)
    assert.equal((await other.ask(lease('other', { ttl: 60_000 }))).value, 1)
    assert.equal((await raw.ask(lease('w'))).error, 'expired')
    assert.equal((await raw.ask(lease('w'))).value, 2)
  })
})

describe('authentication', () => {
  /** @param {string} side @param {string} ours @param {string} theirs */
  const prove = (side, ours, theirs, secret = SECRET) => hmac(secret, `ephemeral-broker/1 ${side} ${ours} ${theirs}`)

  test('both sides prove that they know the secret', async t => {
    const { raw, pipe } = await speak(t, { secret: SECRET })
    const ours = nonce()
    const challenge = await raw.ask(hello({ nonce: ours }))
    assert.deepEqual(Object.keys(challenge).sort(), ['auth', 'id', 'ok', 'protocol', 'server'])
    assert.match(challenge.auth.nonce, /^[0-9a-f]{32,128}$/)
    assert.equal(challenge.auth.proof, prove('broker', ours, challenge.auth.nonce))
    const opened = await raw.ask({ id: 2, action: 'auth', proof: prove('client', ours, challenge.auth.nonce) })
    assert.deepEqual([opened.id, opened.ok, typeof opened.session, opened.pid], [2, true, 'number', process.pid])
    assert.equal((await raw.ask({ action: 'ping' })).ok, true)
    const again = await (await dial(t, pipe)).ask(hello({ nonce: ours }))
    assert.notEqual(again.auth.nonce, challenge.auth.nonce)
  })

  test('a wrong proof ends the connection, and what follows it is not done', async t => {
    const { pipe } = await speak(t, { secret: SECRET })
    /** @type {Array<(ours: string, theirs: string, proof: string) => unknown>} */
    const wrong = [
      (ours, theirs) => prove('client', ours, theirs, 'another'),
      (ours, theirs) => prove('broker', ours, theirs),
      (_ours, _theirs, proof) => proof,
      (ours, theirs) => prove('client', theirs, ours),
      (ours, theirs) => prove('client', ours, theirs).slice(0, 62),
      (ours, theirs) => `${prove('client', ours, theirs)}00`,
      () => '',
      () => undefined
    ]
    for (const make of wrong) {
      const [raw, ours] = [await dial(t, pipe), nonce()]
      const { auth } = await raw.ask(hello({ nonce: ours }))
      raw.send({ id: 2, action: 'auth', proof: make(ours, auth.nonce, auth.proof) }, { id: 3, action: 'set', key: 'k', value: 1 })
      const [reply, ...more] = await raw.rest()
      assert.deepEqual([reply.id, reply.error, more], [2, 'auth_failed', []], String(make))
    }
    assert.equal(await connect(t, pipe, { secret: SECRET }).has('k'), false)
  })

  test('nothing is done before', async t => {
    const { pipe, raw } = await speak(t, { secret: SECRET })
    for (const action of ['get', 'set', 'list', 'ping', 'stats', 'health', 'metrics', 'bye', 'no such']) {
      const reply = await raw.ask({ id: 1, action, key: 'k', value: 1 })
      assert.deepEqual([reply.id, reply.error], [1, 'auth_failed'], action)
    }
    for (const bad of [undefined, '', 'ab', 'x'.repeat(32), 'a'.repeat(31), 'a'.repeat(129)]) {
      assert.equal((await raw.ask(hello({ nonce: bad }))).error, 'auth_failed', String(bad))
    }
    assert.equal((await raw.ask({ action: 'auth', proof: 'ab' })).error, 'auth_failed')
    await raw.ask(hello({ nonce: nonce() }))
    for (const request of [{ action: 'ping' }, hello({ nonce: nonce() })]) assert.equal((await raw.ask(request)).error, 'auth_failed')
    assert.deepEqual(await connect(t, pipe, { secret: SECRET }).list(), {})
  })

  test('a recorded conversation is of no use, as a whole or in parts', async t => {
    const { pipe } = await speak(t, { secret: SECRET })
    /** @type {Buffer[]} */
    const recorded = []
    const proxy = freePath(folder)
    await listen(t, proxy, socket => {
      const upstream = net.connect(pipe).on('error', () => {})
      socket.on('data', chunk => recorded.push(chunk))
      socket.pipe(upstream).pipe(socket)
    })
    const client = connect(t, proxy, { secret: SECRET })
    await client.set('k', 1)
    const bytes = Buffer.concat(recorded).toString()
    await client.del('k')
    const lines = bytes.trim().split('\n')
    assert.equal(lines.length, 3)
    for (const replay of [lines, lines.slice(1), lines.slice(2), [lines[0], lines[2]], [lines[1], lines[0], lines[2]]]) {
      const raw = await dial(t, pipe)
      raw.send(...replay).end()
      const replies = await raw.rest()
      assert.ok(replies.length > 0)
      for (const reply of replies) assert.ok(reply.auth || reply.error === 'auth_failed', JSON.stringify(reply))
    }
    assert.equal(await client.has('k'), false)
  })

  describe('for each message', () => {
    /** A line with the MAC of the text around it. @param {string} head @param {string} member with … where the MAC goes @param {string} tail @param {string} [signed] */
    const line = (head, member, tail, signed = head + tail) => `${head}${member.replace('…', hmac(SECRET, signed))}${tail}`

    test('the MAC is over the bytes as they came, wherever it stands', async t => {
      const { raw } = await speak(t, { secret: SECRET })
      const lines = [
        line('{"action":"ping"', ',"hmac":"…"', '}'),
        line('{', '"hmac":"…",', '"action":"ping"}'),
        line('{"action":"ping"', ',"hmac":"…"', ',"key":"k"}'),
        line('{ "action" : "ping"', ', "hmac" : "…"', ' , "key":"ü\\u00fc" }'),
        line('{"z":1,"a":{"2":1,"1":2},"action":"ping","n":1.0e0', ',"hmac":"…"', '}'),
        line('{"key":{"hmac":"x","a":[1 , 2]},"action":"ping"', ',"hmac":"…"', ',"more":{"hmac":"y"}}'),
        line('{"text":"\\",\\"hmac\\":\\"","action":"ping"', ',"hmac":"…"', '}')
      ]
      for (const text of lines) assert.equal((await raw.ask(text)).ok, true, text)
      const upper = lines[0].replace(/[0-9a-f]{64}/, tag => tag.toUpperCase())
      assert.equal((await raw.ask(upper)).ok, true)
    })

    test('any other MAC is refused', async t => {
      const { raw, pipe } = await speak(t, { secret: SECRET })
      const good = line('{"action":"set","key":"k","value":1', ',"hmac":"…"', '}')
      const tag = /** @type {RegExpExecArray} */ (/[0-9a-f]{64}/.exec(good))[0]
      const bad = [
        '{"action":"set","key":"k","value":1}',
        good.replace('"k"', '"l"'),
        good.replace(':1', ': 1'),
        good.replace(tag, hmac('another', '{"action":"set","key":"k","value":1}')),
        good.replace(tag, tag.slice(0, 62)),
        good.replace(tag, `${tag}00`),
        good.replace(tag, 'g'.repeat(64)),
        good.replace(tag, '漢'.repeat(22)),
        good.replace(tag, ''),
        good.replace(`"${tag}"`, 'null'),
        good.replace(`"${tag}"`, '0'),
        good.replace(`"${tag}"`, `["${tag}"]`),
        line('{"action":"set","key":"k","value":{"a":1', ',"hmac":"…"', '}}'),
        line('{"action":"set","key":"k","value":1', ',"HMAC":"…"', '}')
      ]
      for (const text of bad) assert.equal((await raw.ask(text)).error, 'auth_failed', text)
      const twice = good.replace('}', `,"hmac":"${tag}"}`)
      assert.equal((await raw.ask(twice)).error, 'invalid_json')
      assert.equal(await connect(t, pipe, { secret: SECRET }).has('k'), false)
      assert.equal((await raw.ask(good)).ok, true)
      // Each message stands for itself.
      assert.equal((await raw.ask('{"action":"get","key":"k"}')).error, 'auth_failed')
    })

    test('no line, however broken, gets past', async t => {
      const { raw } = await speak(t, { secret: SECRET, maxRequestSize: 1000 })
      const lines = [
        'null',
        '[]',
        '{}',
        '{"hmac":',
        '{"hmac":"\\"}',
        '{"hmac":{}}',
        '{"hmac":"\\u0061","action":"ping"}',
        '{"id":[],"action":"ping"}'
      ]
      lines.push(`{"action":"ping","hmac":"${'a'.repeat(2000)}"}`)
      for (const text of lines) assert.ok(['invalid_json', 'auth_failed', 'too_large'].includes((await raw.ask(text)).error), text)
    })
  })
})
