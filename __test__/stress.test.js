// @ts-check
'use strict'

/** Many at once, and those who do not behave: nobody else notices, and what they held comes back. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { Broker, Client } = require('..')
const { Raw, isWindows, makeFolder, makeRandom, run, seedOf, startHost, until, within } = require('./support-stress/support.js')

/** What `work` answers a client meanwhile: every request, and none later than this, in ms. A stall is seconds. */
const UNDISTURBED = 1000

/** Asks one request after the other until `over` says so. @param {Client} client @param {() => boolean | Promise<boolean>} over */
async function askUntil(client, over) {
  let slowest = 0
  let asked = 0
  while (!(await over())) {
    await client.set('other', asked)
    assert.equal(await client.get('other'), asked)
    slowest = Math.max(slowest, await client.ping())
    asked += 1
    // Not all of a processor for this.
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  assert.ok(asked > 0 && slowest < UNDISTURBED, `${asked} times, the slowest answer took ${slowest} ms`)
  return asked
}

describe('many', () => {
  test('2,000 connections at a time, each is served', async t => {
    const count = 2000
    const broker = new Broker({ requireTTL: false, maxConnections: count + 1 })
    t.after(() => broker.stop())
    await broker.start()
    const clients = Array.from({ length: count }, (_, at) => new Client(null, { name: `worker-${at}`, timeout: 30_000 }))
    const watcher = new Client()
    await watcher.ping()
    try {
      await Promise.all(clients.map((client, at) => client.set(`key${at}`, at)))
      assert.equal((await watcher.stats()).connections, count + 1)
      assert.equal((await watcher.stats()).sessions, count + 1)
      const read = await Promise.all(clients.map((client, at) => client.get(`key${(at + 7) % count}`)))
      read.forEach((value, at) => void assert.equal(value, (at + 7) % count))
      const numbers = await Promise.all(clients.map((client, at) => client.lease('number', `worker-${at}`)))
      assert.equal(new Set(numbers).size, count)
      assert.equal(Math.max(...numbers), count)
      const oneMore = new Client()
      await assert.rejects(oneMore.ping(), { code: 'too_many_connections' })
      await oneMore.close()
    } catch (error) {
      const { errno } = /** @type {any} */ (error).details ?? {}
      if (errno === 'EMFILE' || /open files/i.test(String(error)))
        throw new Error('needs 4,000 descriptors: raise ulimit -n', { cause: error })
      throw error
    } finally {
      await Promise.all(clients.map(client => client.close()))
    }
    await until(async () => (await watcher.stats()).connections === 1, 'all have gone')
    // The leases are this thread's: they go with the last of its connections.
    assert.equal((await watcher.stats()).leases, count)
    await watcher.close()
    const last = new Client()
    assert.equal((await last.stats()).leases, 0)
    await last.close()
    await broker.stop()
  })
})

describe('those who do not behave', () => {
  test('a reader that never reads costs little, disturbs nobody, and is cut off; one that reads slowly is not', async t => {
    const host = await startHost()
    t.after(() => host.kill())
    const client = new Client(host.pipe)
    const value = 'x'.repeat(200_000)
    await client.set('large', value)
    // Until its host has the memory that it needs for any work.
    let warming = 50
    await askUntil(client, () => warming-- === 0)
    const before = await host.ask('rss')

    const never = new Raw(host.pipe)
    never.socket.pause()
    const slow = new Raw(host.pipe)
    slow.socket.pause()
    const start = performance.now()
    // 4 GB of replies, were they all made.
    for (const raw of [never, slow]) raw.write('{"action":"get","key":"large"}\n'.repeat(20_000))
    let cutOff = 0
    never.closed.then(() => (cutOff = performance.now() - start))
    let peak = 0
    let slowlyRead = 0
    slow.socket.removeAllListeners('data').setEncoding('latin1')
    const sip = setInterval(() => (slowlyRead += slow.socket.read()?.length ?? 0), 500).unref()
    await askUntil(client, async () => {
      peak = Math.max(peak, await host.ask('rss'))
      // The peer that does not read does not see that it was cut off: the broker tells.
      if (cutOff === 0 && (await client.stats()).connections === 2) cutOff = performance.now() - start
      return cutOff > 0 || performance.now() - start > 20_000
    })
    clearInterval(sip)
    assert.ok(cutOff > 9000 && cutOff < 15_000, `cut off after ${(cutOff / 1000).toFixed(1)} s`)
    assert.ok(peak - before < 16e6, `${peak - before} bytes for two that do not read`)
    assert.ok(slowlyRead > 1e6, `the slow reader got ${slowlyRead} bytes`)
    assert.equal((await client.stats()).connections, 2, 'the slow reader is still there')
    await Promise.all([never.close(), slow.close(), client.close()])
    await host.stop()
  })

  test('writers that send a byte now and then disturb nobody, and are answered in the end', async t => {
    const broker = new Broker({ requireTTL: false })
    t.after(() => broker.stop())
    await broker.start()
    const client = new Client()
    const writers = Array.from({ length: 50 }, () => new Raw(broker.pipe))
    const lines = writers.map((_, at) => Buffer.from(`{"id":${at},"action":"set","key":"slow${at}","value":"${'ü€😀'.repeat(5)}"}\n`))
    let sent = 0
    const timer = setInterval(() => {
      writers.forEach((writer, at) => void (sent < lines[at].length && writer.socket.write(lines[at].subarray(sent, sent + 1))))
      sent += 1
    }, 3)
    const longest = Math.max(...lines.map(line => line.length))
    const asked = await askUntil(client, () => sent > longest)
    clearInterval(timer)
    assert.ok(asked > 20)
    for (const [at, writer] of writers.entries()) {
      assert.deepEqual(await writer.read(), { id: at, ok: true })
      assert.equal(await client.get(`slow${at}`), 'ü€😀'.repeat(5))
    }
    await Promise.all(writers.map(writer => writer.close()))
    await client.close()
    await broker.stop()
  })
})

describe('a worker that is killed', () => {
  /** @type {Broker} */
  let broker
  /** @type {any[]} */
  const lost = []
  before(async () => {
    broker = new Broker({ requireTTL: false })
    broker.on('workerLost', detail => lost.push(detail))
    await broker.start()
  })
  after(() => broker.stop())

  test('in the middle of a request: nothing of it is done, its leases are free at once, the host hears of it once', async () => {
    const client = new Client()
    for (const script of ['half', 'whole-without-newline']) {
      lost.length = 0
      const worker = run('victim.js', [script], { env: { EPHEMERAL_PIPE: broker.pipe } })
      assert.deepEqual(JSON.parse(await worker.line()), [1, 1])
      await until(async () => (await client.stats()).leases === 2, 'its leases are held')
      assert.equal(await client.lease('a', 'other'), 2)
      worker.child.kill('SIGKILL')
      await within(once(broker, 'workerLost'), 2000, 'the host hears of it')
      assert.equal(await client.lease('b', 'other'), 1, 'free at once')
      await worker.ended
      assert.equal(await client.has('half'), false)
      assert.equal((await client.stats()).connections, 1)
      await client.release('other')
      assert.equal((await client.stats()).leases, 0)
      const leases = ['a', 'b'].map(key => ({ key, workerId: 'victim', number: 1 }))
      assert.deepEqual(lost, [{ name: 'the victim', pid: worker.child.pid, leases }])
    }
    await client.close()
  })

  test('while it sends large values: what is there is whole', async t => {
    const random = makeRandom(seedOf(t))
    const client = new Client()
    for (let round = 0; round < 8; round++) {
      lost.length = 0
      const worker = run('victim.js', ['flood'], { env: { EPHEMERAL_PIPE: broker.pipe } })
      assert.deepEqual(JSON.parse(await worker.line()), [1, 1])
      await new Promise(resolve => setTimeout(resolve, random() * 30))
      worker.child.kill('SIGKILL')
      await worker.ended
      await until(async () => (await client.stats()).connections === 1, 'it has gone')
      assert.equal((await client.stats()).leases, 0)
      assert.equal(lost.length, 1)
      const keys = Object.keys(await client.list())
      for (const key of keys) {
        const { at, text } = await client.get(key)
        assert.equal(text, String(at).repeat(20_000))
        await client.del(key)
      }
    }
    await client.close()
  })
})

test('workers killed at random: a number never has two holders, and in the end nothing is held', async t => {
  const seed = seedOf(t)
  const random = makeRandom(seed)
  const place = makeFolder()
  const broker = new Broker({ requireTTL: false })
  t.after(() => broker.stop())
  let lost = 0
  broker.on('workerLost', () => (lost += 1))
  await broker.start()
  const workers = 40
  let started = 0
  let killed = 0
  const lane = async () => {
    while (started < workers) {
      const at = started++
      const log = path.join(place.folder, `log-${at}`)
      // Every second one by the client, the others by the protocol's text, which tells the fencing tokens.
      const worker = run('leaser.js', [log, String(seed + at), at % 2 ? 'client' : 'raw'], { env: { EPHEMERAL_PIPE: broker.pipe } })
      assert.equal(await worker.line(), 'ready')
      await new Promise(resolve => setTimeout(resolve, 20 + random() * 200))
      if (isWindows || random() < 0.8) {
        worker.child.kill('SIGKILL')
        killed += 1
      } else {
        worker.child.stdin.end()
      }
      const { stderr } = await worker.ended
      assert.equal(stderr, '')
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])

  const client = new Client()
  await until(async () => (await client.stats()).connections === 1, 'all have gone')
  const { leases, sessions } = await client.stats()
  assert.deepEqual({ leases, sessions }, { leases: 0, sessions: 1 })
  assert.equal(await client.lease('number', 'last'), 1)
  await client.close()
  await broker.stop()
  assert.ok(lost <= killed)

  /** What each log says: a number was surely held from the first to the last time of its entry. */
  const holds = fs.readdirSync(place.folder).flatMap(name => {
    /** @type {Map<string, { who: string, number: number, token: number, from: number, to: number }>} */
    const entries = new Map()
    for (const line of fs.readFileSync(path.join(place.folder, name), 'utf8').split('\n')) {
      const [id, number, token, time, end] = line.split(' ')
      // The last line of who was killed may be half a line.
      if (end !== '.') continue
      const entry = entries.get(id)
      if (entry) entry.to = Number(time)
      else entries.set(id, { who: `${name}#${id}`, number: Number(number), token: Number(token), from: Number(time), to: Number(time) })
    }
    return [...entries.values()]
  })
  place.remove()
  t.diagnostic(`${holds.length} leases by ${workers} workers, ${killed} of them killed`)
  assert.ok(holds.length > 100, `${holds.length} leases`)

  for (const number of new Set(holds.map(hold => hold.number))) {
    const turns = holds.filter(hold => hold.number === number).sort((a, b) => a.from - b.from)
    for (const [at, turn] of turns.entries()) {
      const next = turns[at + 1]
      if (next) assert.ok(turn.to <= next.from, `number ${number}: ${JSON.stringify(turn)} and ${JSON.stringify(next)}`)
    }
    const tokens = turns.map(turn => turn.token).filter(token => token > 0)
    assert.deepEqual(
      tokens,
      [...tokens].sort((a, b) => a - b),
      'a later holder has a higher token'
    )
  }
  const tokens = holds.map(hold => hold.token).filter(token => token > 0)
  assert.equal(new Set(tokens).size, tokens.length, 'no token is given twice')
})
