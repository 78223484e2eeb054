// @ts-check
'use strict'

/** Brokers and clients from start to stop, and what they leave: nothing. */

const assert = require('node:assert/strict')
const { createHook } = require('node:async_hooks')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { Broker, Client } = require('..')
const { register } = require('./support-stress/client-cases.js')
const { Raw, isLinux, isWindows, makeFolder, run, until, usage, within } = require('./support-stress/support.js')

const unixOnly = { skip: isWindows && 'Windows has no signals' }
const AT_ONCE = 2000

register()

describe('starting and stopping', () => {
  test('600 times in one process, nothing grows', { skip: !isLinux && 'counted by /proc' }, async () => {
    // In a process of its own: this one has a test runner's habits.
    const { code, stdout, stderr } = await run('cycles.js', ['600'], { flags: ['--expose-gc'], timeout: 60_000 }).ended
    assert.equal(code, 0, stderr)
    const { warm, done } = JSON.parse(stdout)
    assert.ok(done.descriptors <= warm.descriptors, `${warm.descriptors} descriptors, then ${done.descriptors}`)
    assert.ok(done.threads <= warm.threads, `${warm.threads} threads, then ${done.threads}`)
    assert.ok(done.rss - warm.rss < 16e6, `${warm.rss} bytes, then ${done.rss}`)
  })

  test('stop does its work when nobody awaits it', async t => {
    const broker = new Broker()
    t.after(() => broker.stop())
    const pipe = await broker.start()
    const stopped = once(broker, 'stopped')
    broker.stop()
    broker.stop()
    assert.deepEqual(await within(stopped, AT_ONCE, 'it stops'), [{ reason: 'stop' }])
    assert.equal(broker.running, false)
    if (!isWindows) assert.equal(fs.existsSync(path.dirname(pipe)), false)
    await broker.stop()
  })

  test('a broker that was told to stop, awaited or not, can be started again', async t => {
    const broker = new Broker({ requireTTL: false })
    t.after(() => broker.stop())
    for (const awaits of [true, false, true]) {
      assert.equal(await broker.start(), broker.pipe)
      assert.equal(process.env.EPHEMERAL_PIPE, broker.pipe)
      const client = new Client()
      await assert.rejects(client.get('a'), { code: 'not_found' }, 'nothing is left of the run before')
      await client.set('a', 1)
      await client.close()
      const stopped = broker.stop()
      if (awaits) await stopped
      assert.equal(process.env.EPHEMERAL_PIPE, undefined)
    }
    await broker.start()
    await broker.stop()
  })

  test('starting twice is refused, at once and later', async t => {
    const broker = new Broker()
    t.after(() => broker.stop())
    const [first, second] = await Promise.allSettled([broker.start(), broker.start()])
    assert.equal(first.status, 'fulfilled')
    assert.equal(second.status === 'rejected' && second.reason.code, 'already_started')
    await assert.rejects(broker.start(), { code: 'already_started' })
    const client = new Client()
    await client.ping()
    await client.close()
    await broker.stop()
  })

  test('idleTimeout stops the broker, and never ends the process', async t => {
    const broker = new Broker({ idleTimeout: 150, requireTTL: false })
    t.after(() => broker.stop())
    await broker.start()
    const stopped = once(broker, 'stopped')
    const client = new Client()
    // Requests put it off.
    const start = performance.now()
    while (performance.now() - start < 400) await client.set('a', 1)
    assert.equal(broker.running, true)
    assert.deepEqual(await within(stopped, AT_ONCE, 'it stops when nobody asks'), [{ reason: 'idle' }])
    assert.equal(broker.running, false)
    assert.equal(process.env.EPHEMERAL_PIPE, undefined)
    await client.close()
    const { code, stdout } = await run('holds.js', ['idle']).ended
    assert.deepEqual([code, stdout], [3, 'stopped: idle\nafter that\n'])
  })
})

describe('draining', () => {
  /** @type {Broker} */
  let broker
  before(() => {
    broker = new Broker({ requireTTL: false })
  })
  after(() => broker.stop())

  test('lets what is under way finish, takes nothing new, and is over after stop and start', async () => {
    for (const time of ['first', 'second']) {
      await broker.start()
      const client = new Client()
      await client.set('large', 'x'.repeat(200_000))
      await client.lease('n', 'w')
      const slow = new Raw(broker.pipe)
      slow.socket.pause()
      slow.write('{"action":"get","key":"large"}\n'.repeat(5))
      const connections = async () => (await client.stats()).connections
      await until(async () => (await connections()) === 2, 'the slow reader is there')
      const counted = async () => Number(/action="get",result="success"\} (\d+)/.exec(await client.metrics())?.[1])
      await until(async () => (await counted()) === 5, 'its requests were done')
      assert.equal(await broker.drain(20), false, `${time}: replies are under way, and not sent in time`)

      const drained = broker.drain(10_000)
      await assert.rejects(client.get('large'), { code: 'draining' })
      await assert.rejects(client.lease('n', 'v'), { code: 'draining' })
      assert.equal(await client.release('w'), true, 'giving back is welcome')
      assert.equal((await client.health()).connections.draining, true)
      const late = new Client()
      await assert.rejects(late.ping(), { code: 'draining' })
      slow.socket.resume()
      for (let reply = 0; reply < 5; reply++) assert.equal((await slow.read()).value.length, 200_000)
      assert.equal(await within(drained, AT_ONCE, 'drained when all was sent'), true)
      await Promise.all([slow.close(), client.close(), late.close()])
      await broker.stop()
    }
  })

  test('what does not run is drained, and what stops meanwhile is too', async () => {
    assert.equal(await broker.drain(), true)
    await broker.start()
    const drained = broker.drain(60_000)
    await broker.stop()
    assert.equal(await within(drained, AT_ONCE, 'the drain is over'), true)
  })
})

describe('the host process', () => {
  const place = makeFolder()
  after(place.remove)
  const nothingLeft = () => assert.deepEqual(place.left(), [])

  test('is kept alive by a running broker', async () => {
    const held = run('holds.js', ['running'], { env: place.env })
    const client = new Client(await held.line())
    // As much as a process that nothing keeps needs to end.
    await run('holds.js', ['unref'], { env: place.env }).ended
    assert.ok((await client.ping()) > 0)
    await client.close()
    held.child.stdin.end()
    const { code, signal } = await held.ended
    assert.deepEqual([code, signal], [0, null])
    nothingLeft()
  })

  for (const what of ['unref', 'unref-before', 'ref-unref', 'stop-unawaited', 'exit', 'throw', 'reject']) {
    test(`${what}: it ends, and nothing is left`, async () => {
      const { code, signal, hung, stderr } = await run('holds.js', [what], { env: place.env }).ended
      const expected = { exit: 5, throw: 1, reject: 1 }[what] ?? 0
      assert.deepEqual([code, signal, hung], [expected, null, false], stderr)
      nothingLeft()
    })
  }

  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGTERM', 'SIGINT'])) {
    test(`handleSignals: ${signal} drains, stops, exits with 0`, unixOnly, async () => {
      const host = run('holds.js', ['signals'], { env: place.env })
      const pipe = await host.line()
      const client = new Client(pipe)
      await client.set('a', 'x'.repeat(200_000))
      const slow = new Raw(pipe)
      const waiting = slow.ask('{"action":"get","key":"a"}\n')
      assert.equal((await waiting).ok, true)
      host.child.kill(signal)
      const outcome = await host.ended
      assert.deepEqual([outcome.code, outcome.signal, outcome.hung], [0, null, false], outcome.stderr)
      nothingLeft()
      await assert.rejects(client.get('a'), { code: 'broker_unreachable' })
      await client.close()
    })

    test(`without handleSignals, ${signal} is the host's own affair`, unixOnly, async () => {
      const host = run('holds.js', ['running'], { env: place.env })
      await host.line()
      host.child.kill(signal)
      assert.equal((await host.ended).signal, signal)
      // At most an empty socket, which the next start removes.
      await until(async () => {
        await run('holds.js', ['sweep'], { env: place.env }).ended
        return place.left().length === 0
      }, 'what it left is removed by the next start')
    })
  }

  test('says what it says on standard error only', async () => {
    for (const structured of ['', 'structured']) {
      const { code, stdout, stderr } = await run('holds.js', ['logs', structured], { env: place.env }).ended
      assert.deepEqual([code, stdout], [0, 'the host itself\n'])
      const lines = stderr.trim().split('\n')
      assert.ok(lines.some(line => line.includes('heartbeat')) && lines.some(line => line.includes('started')), stderr)
      assert.ok(!stderr.includes('not to be told'))
      if (structured) for (const line of lines) assert.ok(['debug', 'info', 'warn'].includes(JSON.parse(line).level), line)
    }
  })
})

test('a client that was closed leaves no timer, which would keep the realm of a test file', async () => {
  const timers = new Set()
  const hook = createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: id => void timers.delete(id)
  })
  const broker = new Broker()
  const client = new Client(await broker.start())
  hook.enable()
  try {
    await client.ping()
    assert.ok(timers.size > 0, 'deadlines are seen')
    await client.close()
    // Node tells of the end of a timer a little later.
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
    assert.equal(timers.size, 0)
  } finally {
    hook.disable()
    await broker.stop()
  }
})

test('this process holds nothing of all that', { skip: !isLinux && 'counted by /proc' }, async () => {
  // What a broker's thread is called.
  const names = () => fs.readdirSync('/proc/self/task').map(task => fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8'))
  await until(() => !names().some(name => name.startsWith('ephemeral')), 'no thread of a broker or a client is left')
  assert.ok(usage().descriptors < 200)
})
