// @ts-check
'use strict'

/** What went wrong in brokers before this one, each by its number: here it does not. */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { after, test } = require('node:test')
const zlib = require('node:zlib')
const support = require('./support')
const { connect, dial, failsWith, freePath, listen, run, startBroker, startHost, unixOnly, until, useFolder } = support
const { Broker, Client, cleanupPipe, makePipePath } = require('..')

const folder = useFolder({ after })

/** Leases that nobody will ask for twice. @param {Client} client @param {number} count */
const leaseMany = (client, count) => Promise.all(Array.from({ length: count }, (_, at) => client.lease('accounts', `w${at + 1}`)))

test('defect 01: a line null kills nothing', async t => {
  for (const secret of [undefined, 'a secret']) {
    const host = await startHost(t, { secret })
    const raw = await dial(t, host.pipe)
    for (const line of ['null', '[]', '7', '"x"', 'true', '[null]']) assert.equal((await raw.ask(line)).error, 'invalid_json', line)
    const client = connect(t, host.pipe, { secret })
    assert.ok((await client.ping()) > 0)
    assert.equal(host.child.exitCode, null)
  }
})

test('defect 02: a character split over chunks stays whole', async t => {
  const { pipe } = await startBroker(t)
  const raw = await dial(t, pipe)
  raw.socket.setNoDelay(true)
  const client = connect(t, pipe)
  const bytes = Buffer.from('{"action":"set","key":"ключ","value":"äß漢字😀"}\n')
  const cuts = [...bytes.keys()].filter(at => at > 0)
  for (const at of cuts) {
    // The first half has been read once what came before it is answered and it is on its way behind that.
    await new Promise(done => raw.socket.write(Buffer.concat([Buffer.from('{"action":"ping"}\n'), bytes.subarray(0, at)]), done))
    await raw.reply()
    raw.write(bytes.subarray(at))
    assert.deepEqual(await raw.reply(), { ok: true })
    assert.equal(await client.get('ключ'), 'äß漢字😀', `split at ${at}`)
    await client.del('ключ')
  }
  const large = '漢字😀é'.repeat(15_000)
  await client.set('large', large)
  assert.equal(await client.get('large'), large)
})

test('defect 03: stop() after a failed start() leaves the other broker alone', async t => {
  const host = await startHost(t, { pipeId: 'defect-03' })
  const second = new Broker({ pipeId: 'defect-03' })
  await assert.rejects(second.start(), failsWith('pipe_in_use'))
  assert.equal(second.running, false)
  await second.stop()
  assert.ok(support.isWindows || fs.statSync(host.pipe).isSocket())
  assert.ok((await connect(t, host.pipe).ping()) > 0)
})

test('defect 04: an undefined option does not override the environment', async t => {
  process.env.EPHEMERAL_SECRET = 'from the environment'
  process.env.BROKER_MAX_ITEMS = '1'
  process.env.BROKER_REQUIRE_TTL = 'true'
  t.after(() => {
    for (const name of ['EPHEMERAL_SECRET', 'BROKER_MAX_ITEMS', 'BROKER_REQUIRE_TTL']) delete process.env[name]
  })
  const { pipe } = await startBroker(t, { secret: undefined, maxItems: undefined, requireTTL: undefined })
  await assert.rejects(connect(t, pipe, { secret: false }).ping(), failsWith('auth_failed'))
  const raw = await dial(t, pipe)
  assert.equal((await raw.ask({ action: 'set', key: 'k', value: 1, ttl: 1000 })).error, 'auth_failed')
  const client = connect(t, pipe, { secret: undefined })
  await assert.rejects(client.set('k', 1), failsWith('ttl_required'))
  await client.set('k', 1, 60_000)
  await assert.rejects(client.set('l', 1, 60_000), failsWith('max_items'))
})

test('defect 05: a TTL or a limit that is not a number is refused, not taken for none', async t => {
  const { pipe } = await startBroker(t)
  const client = connect(t, pipe)
  for (const ttl of [Number.NaN, '5000', '5s', Number.POSITIVE_INFINITY, -1]) {
    await assert.rejects(client.set('k', 1, /** @type {any} */ (ttl)), failsWith('invalid_ttl'), String(ttl))
  }
  const raw = await dial(t, pipe)
  for (const ttl of ['"5000"', 'true', '[]', '-1', '1e999']) {
    assert.equal((await raw.ask(`{"action":"set","key":"k","value":1,"ttl":${ttl}}`)).error, 'invalid_ttl', ttl)
  }
  assert.equal(await client.has('k'), false)
  for (const maxItems of ['100', Number.NaN, -1, 1.5]) {
    assert.throws(() => new Broker({ maxItems: /** @type {any} */ (maxItems) }), failsWith('invalid_option', /maxItems/))
  }
  process.env.BROKER_MAX_ITEMS = 'many'
  t.after(() => delete process.env.BROKER_MAX_ITEMS)
  assert.throws(() => new Broker(), failsWith('invalid_option', /BROKER_MAX_ITEMS/))
})

test('defect 06: sliding expiry keeps the TTL that was set', async t => {
  const { pipe } = await startBroker(t, { refreshTTLOnGet: true })
  const client = connect(t, pipe)
  const started = Date.now()
  await client.set('k', 1, 400)
  let reads = 0
  while (Date.now() - started < 600) {
    await client.get('k')
    const { expires } = (await client.list()).k
    const left = /** @type {number} */ (expires) - Date.now()
    assert.ok(left <= 402, `after ${Date.now() - started} ms and ${++reads} reads, ${left} ms are left of 400`)
  }
  await until(async () => !(await client.has('k')))
})

test('defect 07: what was recorded of an authenticated connection is of no use', async t => {
  const secret = 'a secret'
  const { pipe } = await startBroker(t, { secret })
  const proxy = freePath(folder)
  /** @type {Buffer[]} */
  const recorded = []
  await listen(t, proxy, socket => {
    const upstream = net.connect(pipe)
    upstream.on('error', () => {})
    socket.on('data', chunk => recorded.push(chunk))
    socket.pipe(upstream).pipe(socket)
  })
  const client = connect(t, proxy, { secret })
  await client.set('paid', 1)
  await client.del('paid')
  await client.close()
  const text = Buffer.concat(recorded).toString()
  assert.match(text, /"action":"set"/)
  assert.ok(!text.includes(secret))
  const raw = await dial(t, pipe)
  raw.write(text)
  const [challenge, ...answers] = await raw.rest()
  assert.ok(challenge.ok && challenge.auth)
  assert.deepEqual(
    answers.map(answer => answer.error),
    ['auth_failed']
  )
  const skipped = await dial(t, pipe)
  const requests = text.split('\n').filter(line => /"action":"(set|del)"/.test(line))
  skipped.send(...requests)
  for (const answer of await skipped.replies(requests.length)) assert.equal(answer.error, 'auth_failed')
  assert.equal(await connect(t, pipe, { secret }).has('paid'), false)
})

test('defect 08: leases are released by their process, and never change their number silently', async t => {
  const { pipe } = await startBroker(t)
  const worker = run(t, `const client = new Client(); await say(await client.lease('accounts', 'w1')); setInterval(() => {}, 1e6)`, {
    env: { EPHEMERAL_PIPE: pipe }
  })
  assert.equal(await worker.line(), '1')
  const client = connect(t, pipe)
  await assert.rejects(client.release('w1'), failsWith('not_owner', new RegExp(`pid ${worker.pid}`)))
  await assert.rejects(client.lease('accounts', 'w1'), failsWith('not_owner'))
  const bare = await dial(t, pipe)
  assert.equal((await bare.ask({ action: 'release', workerId: 'w1' })).error, 'not_owner')
  for (const ttl of [-1, -0.5]) await assert.rejects(client.lease('accounts', 'w2', ttl), failsWith('invalid_ttl'))
  assert.equal(await client.lease('accounts', 'w3'), 2)

  assert.equal(await client.lease('phones', 'w1', 5), 1)
  await until(async () => (await client.stats()).leases === 2)
  assert.equal(await client.lease('phones', 'taker'), 1)
  await assert.rejects(client.lease('phones', 'w1', 5), failsWith('expired', /phones.*1/))
  assert.equal(await client.lease('phones', 'w1'), 2)
})

test('defect 09: numbers begin with 1, and a crashed worker gives back what it had', async t => {
  const { pipe } = await startBroker(t)
  const client = connect(t, pipe)
  assert.deepEqual(await leaseMany(client, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  const worker = run(t, `const client = new Client(); await say(await client.lease('accounts', 'crashes')); setInterval(() => {}, 1e6)`, {
    env: { EPHEMERAL_PIPE: pipe }
  })
  assert.equal(await worker.line(), '10')
  await worker.kill()
  await until(async () => (await client.stats()).leases === 9)
  assert.equal(await client.lease('accounts', 'w11'), 10)
})

test('defect 10: drained means drained, a new start is a new start, and open connections hold nothing up', async t => {
  const broker = await startBroker(t)
  const [client, raw] = [connect(t, broker.pipe), await dial(t, broker.pipe)]
  await client.set('k', 1)
  await raw.ask({ action: 'ping' })
  assert.equal(await broker.drain(), true)
  await assert.rejects(client.get('k'), failsWith('draining'))
  assert.equal((await raw.ask({ action: 'get', key: 'k' })).error, 'draining')
  await assert.rejects(connect(t, broker.pipe).get('k'), failsWith('draining'))
  await broker.stop()
  assert.equal(await raw.line(), null)
  await broker.start()
  await assert.rejects(connect(t, broker.pipe).get('k'), failsWith('not_found'))

  const host = run(t, `const broker = new Broker(); await say(await broker.start()); await broker.stop()`)
  const held = new support.Raw(await host.line())
  t.after(() => held.socket.destroy())
  assert.equal((await host.ended).code, 0)
})

test('defect 11: the broker takes no signal, and a child that fails is the host’s to judge', unixOnly, async t => {
  const before = ['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => process.listenerCount(signal))
  const broker = await startBroker(t)
  const [killed] = [broker.spawn(process.execPath, ['-e', 'process.kill(process.pid, "SIGKILL")'])]
  assert.deepEqual(await once(killed, 'exit'), [null, 'SIGKILL'])
  const [error] = await once(broker.spawn('/no/such/command'), 'error')
  assert.equal(error.code, 'ENOENT')
  assert.deepEqual(
    ['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => process.listenerCount(signal)),
    before
  )
  assert.ok((await connect(t, broker.pipe).ping()) > 0)
  await broker.stop()
  assert.equal(fs.existsSync(path.dirname(broker.pipe)), false)
})

test('defect 12: an idle broker stops; its host’s exit code stays its own', async t => {
  const host = run(
    t,
    `const broker = new Broker({ idleTimeout: 30 })
     broker.on('stopped', ({ reason }) => { console.log(reason); process.exitCode = 3 })
     await broker.start()`
  )
  const { code, stdout } = await host.ended
  assert.deepEqual([stdout.trim(), code], ['idle', 3])
})

test('defect 13: a connection closed under a request fails it at once, and it is not sent twice', async t => {
  const pipe = freePath(folder)
  /** @type {string[]} */
  const received = []
  await listen(t, pipe, socket => {
    socket.on('data', data => {
      const lines = data.toString().trim().split('\n')
      received.push(...lines)
      if (lines[0].includes('"hello"')) socket.write('{"id":0,"ok":true,"protocol":1,"session":1}\n')
      else socket.destroy()
    })
  })
  // Were it waited for, this would outlast the test.
  const client = connect(t, pipe, { timeout: 600_000 })
  await assert.rejects(client.lease('accounts', 'w1'), failsWith('connection_closed'))
  assert.equal(received.filter(line => line.includes('"lease"')).length, 1)
})

test('defect 14: a key or a lease takes as long among many as among few', async t => {
  const { pipe } = await startBroker(t, { maxItems: 0 })
  const client = connect(t, pipe, { timeout: 60_000 })
  /** The fastest of some batches: what the machine does besides does not count. @param {(at: number) => Promise<unknown>} add */
  async function growth(add) {
    const times = []
    for (let batch = 0; batch < 30; batch++) {
      const start = process.hrtime.bigint()
      await Promise.all(Array.from({ length: 2000 }, (_, at) => add(batch * 2000 + at)))
      times.push(Number(process.hrtime.bigint() - start))
    }
    return Math.min(...times.slice(-8)) / Math.min(...times.slice(0, 8))
  }
  const keys = await growth(at => client.set(`key-${at}`, at, 600_000))
  assert.ok(keys < 5, `adding a key became ${keys} times as slow`)
  const leases = await growth(at => client.lease('accounts', `worker-${at}`, 600_000))
  assert.ok(leases < 5, `leasing became ${leases} times as slow`)
})

test('defect 15: sizes are bytes, of one request', async t => {
  const { pipe } = await startBroker(t, { maxRequestSize: 300, maxValueSize: 102 })
  const client = connect(t, pipe)
  await client.set('k', 'é'.repeat(50))
  await assert.rejects(client.set('k', `${'é'.repeat(50)}x`), failsWith('too_large', /103/))
  await assert.rejects(client.set('k', '漢'.repeat(99)), failsWith('too_large'))
  const raw = await dial(t, pipe)
  raw.write('{"action":"ping"}\n'.repeat(100))
  for (const { ok } of await raw.replies(100)) assert.equal(ok, true)
})

test('defect 16: a broker that does not answer for a while is not taken for dead', unixOnly, async t => {
  const host = await startHost(t, { pipeId: 'defect-16' })
  host.child.kill('SIGSTOP')
  await assert.rejects(new Broker({ pipeId: 'defect-16' }).start(), failsWith('pipe_in_use'))
  assert.equal(cleanupPipe(host.pipe), false)
  assert.ok(fs.statSync(host.pipe).isSocket())
  host.child.kill('SIGCONT')
  assert.ok((await connect(t, host.pipe).ping()) > 0)
  assert.equal(fs.statSync(path.dirname(makePipePath('defect-16'))).mode & 0o777, 0o700)
})

test('defect 17: compressed values keep to the limit, packed and unpacked', async t => {
  const { pipe } = await startBroker(t, { maxValueSize: 100_000 })
  const raw = await dial(t, pipe)
  const set = (/** @type {Buffer} */ packed) =>
    raw.ask({ action: 'set', key: 'k', value: packed.toString('base64'), compressed: true, beforeSize: 1, afterSize: 1 })
  const bomb = zlib.gzipSync(Buffer.alloc(20_000_000, 'x'))
  assert.ok(bomb.length < 50_000)
  assert.equal((await set(bomb)).error, 'too_large')
  assert.equal((await set(zlib.gzipSync(crypto.randomBytes(75_001)))).error, 'too_large')
  const small = zlib.gzipSync('"x"')
  // A gzip file may have several parts, which are inflated one after the other.
  assert.equal((await set(Buffer.concat([small, bomb]))).error, 'too_large')
  assert.equal((await set(Buffer.from('no gzip'))).error, 'invalid_request')
  assert.equal((await set(small)).ok, true)
  assert.equal(await connect(t, pipe).get('k'), 'x')

  const careless = freePath(folder)
  await listen(t, careless, socket =>
    socket.on('data', data => {
      const { id, action } = JSON.parse(data.toString())
      const hello = { id, ok: true, protocol: 1, session: 1, limits: { maxValueSize: 100_000 } }
      socket.write(`${JSON.stringify(action === 'hello' ? hello : { id, ok: true, value: bomb.toString('base64'), compressed: true })}\n`)
    })
  )
  await assert.rejects(connect(t, careless).get('k'), failsWith('invalid_value'))
})

test('defect 18: nothing is logged on standard output', async t => {
  const options = { debug: true, heartbeatInterval: 1 }
  const host = run(
    t,
    `const broker = new Broker(${JSON.stringify(options)}); await broker.start(); process.stdin.on('data', () => broker.stop().then(() => process.exit()))
    const client = new Client(undefined, { debug: true }); await client.ping(); await client.get('k').catch(() => {}); await client.close(); await say('done')`
  )
  assert.equal(await host.line(), 'done')
  host.tell('stop')
  const { stdout, stderr } = await host.ended
  assert.equal(stdout, 'done\n')
  assert.match(stderr, /\[broker\]/)
  assert.match(stderr, /\[client\]/)
})

test('defect 19: nothing is exported that no runner takes', () => {
  const names = ['Broker', 'BrokerError', 'Client', 'checkReadiness', 'cleanupPipe', 'defineConfig', 'makePipePath', 'run']
  assert.deepEqual(Object.keys(require('..')).sort(), names)
})

test('defect 20: 2,000 requests at once are 2,000 replies, and 1,000 clients at once are served', async t => {
  const { pipe } = await startBroker(t)
  const client = connect(t, pipe)
  await client.set('k', 'v')
  const values = await Promise.all(Array.from({ length: 2000 }, () => client.get('k')))
  assert.ok(values.every(value => value === 'v'))
  const clients = Array.from({ length: 1000 }, () => new Client(pipe))
  const answers = await Promise.all(clients.map(one => one.get('k')))
  assert.ok(answers.every(value => value === 'v'))
  await Promise.all(clients.map(one => one.close()))
})

test('defect 21: workers are served while the host’s event loop is blocked', async t => {
  const { pipe } = await startBroker(t)
  const served = path.join(folder, 'served')
  const worker = run(
    t,
    `const client = new Client(); await client.set('k', 0); await say('ready')
     process.stdin.once('data', async () => {
       for (let at = 1; at <= 50; at++) { await client.set('k', at); await client.get('k') }
       require('node:fs').writeFileSync(${JSON.stringify(served)}, '50')
     })`,
    { env: { EPHEMERAL_PIPE: pipe } }
  )
  assert.equal(await worker.line(), 'ready')
  await new Promise(done => worker.child.stdin.write('go\n', done))
  // The loop of this process, the host, stands still from here on, until the worker has been served.
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const end = Date.now() + 20_000
  while (!fs.existsSync(served) && Date.now() < end) Atomics.wait(pause, 0, 0, 5)
  assert.ok(fs.existsSync(served), 'the worker was not served while the host was blocked')
})
