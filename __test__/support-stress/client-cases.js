// @ts-check
'use strict'

// A client's life, from before there is a broker until after there is one. Run by lifecycle.test.js in its own process, and by threads.test.js with the
// other way of doing I/O and with other versions of Node.

const assert = require('node:assert/strict')
const { getEventListeners } = require('node:events')
const net = require('node:net')
const { after, afterEach, before, describe, test } = require('node:test')
const { Broker, Client, makePipePath } = require('../..')
const { freePath, listen } = require('../support/index.js')
const { isWindows, makeFolder, run, startHost, until, within } = require('./support.js')

/** Stops a process without its knowing. */
const needsSigstop = { skip: isWindows && 'Windows cannot stop a process' }

/** @param {Promise<unknown>} promise @param {string} code @param {number} most in ms */
async function rejectsWithin(promise, code, most) {
  const start = performance.now()
  await assert.rejects(promise, { code })
  const took = performance.now() - start
  assert.ok(took < most, `${code} after ${took.toFixed(0)} ms, not within ${most}`)
  return took
}

/** Nothing that is asked for here takes that long, on a busy machine either; a timeout does. */
const AT_ONCE = 2000

/** Every blocking call, and what it answers. @param {Client} client @param {string} key @param {string} worker */
function useEveryTwin(client, key, worker) {
  assert.equal(client.hasSync(key), false)
  assert.throws(() => client.getSync(key), { code: 'not_found' })
  assert.equal(client.setSync(key, { deep: ['ü', null] }, 60_000), true)
  assert.equal(client.setSync(key, { deep: ['ü', null] }, { ttl: 60_000, timeout: 4000 }), true)
  assert.deepEqual(client.getSync(key), { deep: ['ü', null] })
  assert.equal(client.hasSync(key, { timeout: 4000 }), true)
  assert.ok(client.listSync()[key].hasValue)
  assert.equal(client.delSync(key), true)
  assert.equal(client.delSync(key), false)
  const number = client.leaseSync(key, worker)
  assert.equal(client.leaseSync(key, worker, { ttl: 60_000 }), number)
  assert.equal(client.releaseSync(worker, key), true)
  assert.equal(client.releaseSync(worker), false)
  assert.ok(client.pingSync() > 0)
}

function register() {
  describe('before there is a broker', () => {
    test('a broker that appears later is found, by requests that wait and by those that block', async t => {
      const broker = new Broker({ requireTTL: false })
      t.after(() => broker.stop())
      const client = new Client(broker.pipe)
      const waiting = [client.set('a', 1), client.ping()]
      await new Promise(resolve => setImmediate(resolve))
      await broker.start()
      await within(Promise.all(waiting), AT_ONCE, 'the requests of before are answered')
      await client.close()
      await broker.stop()
    })

    test('a blocking request waits for a broker of another process', async () => {
      const pipeId = `later-${process.pid}-${Math.floor(performance.now())}`
      const late = run('late-host.js', [pipeId, '150'])
      const client = new Client(makePipePath(pipeId))
      await late.line()
      assert.equal(client.setSync('a', 'b'), true)
      assert.equal(client.getSync('a'), 'b')
      await client.close()
      late.child.stdin.end()
      assert.equal((await late.ended).code, 0)
    })

    test('without one, requests fail when their time is over, and keep to it', async () => {
      const client = new Client(makePipePath(), { timeout: 200 })
      const took = await rejectsWithin(client.get('a'), 'broker_unreachable', AT_ONCE)
      assert.ok(took > 150, `gave up after ${took} ms`)
      assert.throws(() => client.getSync('a', { timeout: 50 }), { code: 'broker_unreachable' })
      await client.close()
    })

    test('a name under which nothing can ever appear fails at once', async () => {
      const client = new Client(`${process.execPath}/x`)
      await rejectsWithin(client.get('a'), 'broker_unreachable', AT_ONCE)
      await client.close()
    })
  })

  describe('while there is a broker', () => {
    /** @type {Awaited<ReturnType<typeof startHost>>} */
    let host
    before(async () => {
      host = await startHost()
    })
    // A test that failed may have left it stopped.
    afterEach(() => void host.thaw())
    after(() => host.stop())

    test('every blocking call, with a broker in another process and in this one', async t => {
      const broker = new Broker({ requireTTL: false })
      t.after(() => broker.stop())
      for (const pipe of [host.pipe, await broker.start()]) {
        const client = new Client(pipe)
        useEveryTwin(client, 'twin', 'twin-worker')
        assert.ok(client.connected)
        await client.close()
        assert.throws(() => client.getSync('twin'), { code: 'closed' })
      }
      await broker.stop()
    })

    test('every blocking call, while other requests are in flight', async () => {
      const client = new Client(host.pipe)
      const asked = Array.from({ length: 500 }, (_, at) => client.set(`n${at}`, at))
      useEveryTwin(client, 'among', 'among-worker')
      const read = Array.from({ length: 500 }, (_, at) => client.get(`n${at}`))
      useEveryTwin(client, 'among', 'among-worker')
      assert.ok((await Promise.all(asked)).every(Boolean))
      assert.deepEqual(
        await Promise.all(read),
        Array.from({ length: 500 }, (_, at) => at)
      )
      await client.close()
    })

    for (const count of [2000, 20_000]) {
      test(`${count} requests at once are all answered`, async () => {
        const client = new Client(host.pipe)
        const keys = 200
        await Promise.all(Array.from({ length: keys }, (_, at) => client.set(`many${at}`, { at })))
        const read = await Promise.all(Array.from({ length: count }, (_, at) => client.get(`many${at % keys}`)))
        read.forEach((value, at) => void assert.equal(value.at, at % keys))
        assert.equal(read.length, count)
        await client.close()
      })
    }

    test('an AbortSignal gives a request up, before it and during it, and is let go of', needsSigstop, async () => {
      const client = new Client(host.pipe)
      await client.ping()
      const listeners = (/** @type {AbortSignal} */ signal) => getEventListeners(signal, 'abort').length
      const early = AbortSignal.abort(new Error('too late'))
      await assert.rejects(client.get('a', { signal: early }), { code: 'aborted', name: 'AbortError', cause: early.reason })
      assert.equal(listeners(early), 0)

      const answered = new AbortController()
      await client.has('a', { signal: answered.signal })
      assert.equal(listeners(answered.signal), 0)

      await host.freeze()
      const during = new AbortController()
      const given = client.get('a', { signal: during.signal })
      assert.equal(listeners(during.signal), 1)
      during.abort('enough')
      await assert.rejects(given, { code: 'aborted', cause: 'enough' })
      assert.equal(listeners(during.signal), 0)
      const slow = new AbortController()
      await assert.rejects(client.get('a', { signal: slow.signal, timeout: 30 }), { code: 'timeout' })
      assert.equal(listeners(slow.signal), 0)
      host.thaw()
      assert.equal(await client.set('a', 1), true)
      await client.close()
    })

    test('a broker that does not answer costs the timeout, and its late replies disturb nobody', needsSigstop, async () => {
      const client = new Client(host.pipe)
      await client.set('late', 'reply')
      await host.freeze()
      const took = await rejectsWithin(client.get('late', { timeout: 100 }), 'timeout', AT_ONCE)
      assert.ok(took > 80, `gave up after ${took} ms`)
      assert.throws(() => client.getSync('late', { timeout: 100 }), { code: 'timeout' })
      host.thaw()
      assert.equal(await client.get('late'), 'reply')
      await client.close()
    })

    test('closing gives up what is under way, and nothing follows', needsSigstop, async () => {
      const client = new Client(host.pipe)
      await client.ping()
      await host.freeze()
      const waiting = client.get('a')
      const closing = [client.close(), client.close()]
      await assert.rejects(waiting, { code: 'closed' })
      await assert.rejects(client.get('a'), { code: 'closed' })
      assert.throws(() => client.getSync('a'), { code: 'closed' })
      host.thaw()
      await within(Promise.all(closing), AT_ONCE, 'both calls of close settle')
      await client.close()
      assert.equal(client.connected, false)
    })

    test('closing while the broker takes nothing costs the timeout, no more', needsSigstop, async () => {
      const stuck = run('probe.js', [host.pipe, '300', 'stuck'], { timeout: 5000 })
      assert.equal(await stuck.line(), 'connected')
      await host.freeze()
      stuck.child.stdin.write('go\n')
      assert.equal(await stuck.line(), 'asking')
      const { stdout, hung } = await stuck.ended
      assert.ok(!hung, 'it hangs when it closes what cannot be sent')
      assert.deepEqual(JSON.parse(stdout), { asked: ['timeout', 'timeout', 'timeout'] })
    })

    test('a broker too busy to accept costs the timeout, no more', needsSigstop, async t => {
      const busy = await startHost()
      t.after(() => busy.kill())
      await busy.freeze()
      /** @type {net.Socket[]} */
      const queued = []
      // Until the system takes no more connections for it.
      const knock = () => new Promise(resolve => queued.push(net.connect(busy.pipe, () => resolve(true)).on('error', () => resolve(false))))
      while (await knock());
      const probe = run('probe.js', [busy.pipe, '300'], { timeout: 5000 })
      const { stdout, hung } = await probe.ended
      for (const socket of queued) socket.destroy()
      await busy.kill()
      assert.ok(!hung, 'the client hangs in connect, its timeout notwithstanding')
      assert.deepEqual(JSON.parse(stdout), { asked: 'broker_unreachable', blocked: 'broker_unreachable' })
    })
  })

  describe('after there was a broker', () => {
    test('requests in flight fail at once when it is stopped', async t => {
      const broker = new Broker({ requireTTL: false })
      t.after(() => broker.stop())
      await broker.start()
      const client = new Client()
      await client.set('large', 'x'.repeat(200_000))
      // More than the broker holds for a client, which does not read before this turn of the loop is over.
      const waiting = Array.from({ length: 200 }, () => client.get('large', { timeout: 60_000 }))
      const stopped = broker.stop()
      const outcomes = await within(Promise.allSettled(waiting), AT_ONCE, 'all requests have come to something')
      await stopped
      const failed = outcomes.filter(outcome => outcome.status === 'rejected')
      assert.ok(failed.length > 0)
      for (const { reason } of failed) assert.equal(reason.code, 'connection_closed')
      await rejectsWithin(client.get('large'), 'broker_unreachable', AT_ONCE)
      await client.close()
    })

    test('a broker that ends with requests unread: the replies that it sent are taken, and the others fail at once', async t => {
      const place = makeFolder()
      t.after(place.remove)
      const pipe = freePath(place.folder)
      /** @type {(id: number) => void} */
      let onFirst
      /** @type {Promise<number>} */
      const first = new Promise(resolve => (onFirst = resolve))
      /** @type {net.Socket | undefined} */
      let socket
      await listen(t, pipe, accepted => {
        socket = accepted
        accepted.setEncoding('utf8').on('data', text => {
          const { id, action } = JSON.parse(String(text))
          if (action === 'hello') return accepted.write(`${JSON.stringify({ id, ok: true, protocol: 1, session: 1 })}\n`)
          accepted.pause()
          onFirst(id)
        })
      })
      const client = new Client(pipe, { timeout: 60_000 })
      const answered = client.get('a')
      const id = await first
      const unread = client.get('b')
      await new Promise(resolve => setImmediate(resolve))
      // More than is read at once, so that the end of the connection is yet to come when this has been taken.
      socket?.write(`${JSON.stringify({ id, ok: true, value: 'x'.repeat(100_000) })}\n`)
      socket?.destroy()
      assert.equal((await within(answered, AT_ONCE, 'the reply is taken')).length, 100_000)
      await rejectsWithin(unread, 'connection_closed', AT_ONCE)
      await client.close()
    })

    test('requests in flight fail at once when it is killed, and so do those after it', needsSigstop, async t => {
      const host = await startHost()
      t.after(() => host.kill())
      const client = new Client(host.pipe, { timeout: 60_000 })
      await client.ping()
      await host.freeze()
      const waiting = Array.from({ length: 10 }, () => client.get('a'))
      const killed = host.kill()
      for (const request of waiting) await rejectsWithin(request, 'connection_closed', AT_ONCE)
      await killed
      await rejectsWithin(client.get('a'), 'broker_unreachable', AT_ONCE)
      assert.throws(() => client.getSync('a'), { code: 'broker_unreachable' })
      await client.close()
    })

    test('a blocking request fails at once when the broker is killed under it', needsSigstop, async t => {
      const host = await startHost()
      t.after(() => host.kill())
      const blocked = run('probe.js', [host.pipe, '60000', 'connected'])
      assert.equal(await blocked.line(), 'connected')
      await host.freeze()
      blocked.child.stdin.write('go\n')
      assert.equal(await blocked.line(), 'asking')
      await host.kill()
      const { stdout, hung } = await blocked.ended
      assert.ok(!hung)
      assert.deepEqual(JSON.parse(stdout), { blocked: 'connection_closed' })
    })

    test('a broker that starts again is found again', async t => {
      const broker = new Broker({ requireTTL: false })
      t.after(() => broker.stop())
      await broker.start()
      const client = new Client()
      await client.set('a', 1)
      await broker.stop()
      // Until it has noticed, a request may still go out on the old connection.
      await until(() => !client.connected, 'the client has noticed')
      await rejectsWithin(client.get('a'), 'broker_unreachable', AT_ONCE)
      await broker.start()
      await rejectsWithin(client.get('a'), 'not_found', AT_ONCE)
      await broker.stop()
      await client.close()
    })
  })

  describe('a process', () => {
    test('is not kept by an idle client, and is kept by a request', async t => {
      const host = await startHost()
      t.after(() => host.kill())
      for (const what of ['idle', 'after-timeout']) {
        const idle = await run('keeps.js', [what, host.pipe]).ended
        assert.deepEqual([idle.code, idle.hung, idle.stderr], [0, false, ''], what)
      }
      // It ends when it was answered, and the answer takes until the host goes on.
      if (!isWindows) await host.freeze()
      const pending = run('keeps.js', ['pending', host.pipe])
      assert.equal(await pending.line(), 'asked')
      await new Promise(resolve => setTimeout(resolve, 300))
      assert.equal(pending.child.exitCode, null, 'it did not wait for the reply')
      if (!isWindows) host.thaw()
      const { code, stdout } = await pending.ended
      assert.deepEqual([code, stdout], [0, 'answered\n'])
      await host.stop()
    })

    test('loses the clients that nobody holds any more, and the requests that are over', async () => {
      const { code, stdout, stderr } = await run('garbage.js', [], { flags: ['--expose-gc'], timeout: 30_000 }).ended
      assert.equal(code, 0, stderr)
      const { most, least, kept } = JSON.parse(stdout)
      assert.ok(most > 300 && least <= 5, `${most} connections, ${least} after collection`)
      assert.equal(kept, 0)
    })
  })
}

module.exports = { register }

if (require.main === module) register()
