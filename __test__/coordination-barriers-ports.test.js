// @ts-check
'use strict'

/** Barriers, ports, and reservations. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { describe, test } = require('node:test')
const {
  TIMEOUT,
  connect,
  failsWith,
  msBetween,
  setUp,
  soon,
  startWorkers,
  stillWaiting,
  until,
  waiting
} = require('./support-coordination')

describe('a barrier', { timeout: TIMEOUT }, () => {
  test('lets all through when the last has come, and tells each its place', async t => {
    const { broker, clients } = await setUp(t, {}, 'last')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2')
    const places = []
    for (const worker of workers) {
      places.push(worker.do(({ client }) => client.barrier('ready', 3)))
      await worker.ping()
    }
    assert.deepEqual((await clients[0].inspect()).barriers, [{ name: 'ready', parties: 3, waiting: 2, broken: false }])
    assert.equal(await clients[0].barrier('ready', 3), 2)
    assert.deepEqual(await soon(Promise.all(places)), [0, 1])
    assert.equal(await clients[0].barrier('alone', 1), 0)
  })

  test('begins anew, round after round', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    let round = 0
    const work = clients.map(async client => {
      const places = []
      for (let own = 0; own < 20; own++) {
        places.push(await client.barrier('round', 3))
        round = Math.max(round, own)
        assert.ok(round - own <= 1, 'nobody is a round ahead')
      }
      return places
    })
    const places = await soon(Promise.all(work))
    for (let own = 0; own < 20; own++) assert.deepEqual(places.map(list => list[own]).sort(), [0, 1, 2])
  })

  test('breaks when one that waits is killed, for all of this round, and begins anew', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'late', 'third')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    dying.do(({ client }) => client.barrier('ready', 3))
    await dying.ping()
    const wait = await waiting(clients[0], clients[0].barrier('ready', 3))
    const killed = dying.kill()
    await assert.rejects(soon(wait.result), failsWith('barrier_broken', /ready/))
    t.diagnostic(`from SIGKILL to barrier_broken: ${msBetween(killed, process.hrtime.bigint()).toFixed(2)} ms`)
    assert.ok(msBetween(killed, process.hrtime.bigint()) < 1000)
    assert.equal((await clients[0].inspect()).barriers[0].broken, true)
    await assert.rejects(soon(clients[1].barrier('ready', 3)), failsWith('barrier_broken', /ready.*dying/s))
    // All three of this round have been told.
    const places = clients.map(client => client.barrier('ready', 3))
    assert.deepEqual((await soon(Promise.all(places))).sort(), [0, 1, 2])
  })

  test('breaks when one gives up, or its time is over', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b', 'c')
    const patient = await waiting(clients[0], clients[0].barrier('timed', 3))
    await assert.rejects(clients[1].barrier('timed', 3, { wait: 30 }), failsWith('timeout', /timed/))
    await assert.rejects(soon(patient.result), failsWith('barrier_broken'))
    await assert.rejects(soon(clients[2].barrier('timed', 3)), failsWith('barrier_broken'))

    const abort = new AbortController()
    const other = await waiting(clients[0], clients[0].barrier('aborted', 3))
    const given = await waiting(clients[1], clients[1].barrier('aborted', 3, { signal: abort.signal }))
    abort.abort()
    await assert.rejects(given.result, failsWith('aborted'))
    await assert.rejects(soon(other.result), failsWith('barrier_broken'))

    const left = await waiting(clients[0], clients[0].barrier('closed', 2))
    const gone = clients[0].close()
    await assert.rejects(left.result, failsWith('closed'))
    await gone
    await assert.rejects(soon(clients[1].barrier('closed', 2)), failsWith('barrier_broken', /a/))
    const both = [clients[1].barrier('closed', 2), clients[2].barrier('closed', 2)]
    assert.deepEqual((await soon(Promise.all(both))).sort(), [0, 1])
  })

  test('is not broken by the death of one who never waited at it, or is through', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const [through] = await startWorkers(t, broker.pipe, 'through')
    const far = through.do(({ client }) => client.barrier('ready', 2))
    await Promise.all([clients[0].barrier('ready', 2), soon(far)])
    const wait = await waiting(clients[0], clients[0].barrier('ready', 2))
    through.kill()
    await through.ended
    await stillWaiting([clients[0], wait])
    await clients[1].barrier('ready', 2)
    await wait.result
  })

  test('has one number of parties', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const wait = await waiting(clients[0], clients[0].barrier('ready', 2))
    await assert.rejects(clients[1].barrier('ready', 3), failsWith('mismatch', /ready/))
    assert.equal(await clients[1].barrier('ready', 2), 1)
    assert.equal(await wait.result, 0)
    for (const parties of [0, -1, 1.5, /** @type {any} */ ('2'), /** @type {any} */ (undefined)]) {
      await assert.rejects(async () => clients[0].barrier('bad', parties), { name: 'BrokerError' }, String(parties))
    }
  })
})

/** @param {number} port @param {string} [host] */
async function listensOn(port, host) {
  const server = net.createServer().listen(port, host)
  await once(server, 'listening')
  await new Promise(resolve => server.close(resolve))
}

describe('a port', { timeout: TIMEOUT }, () => {
  test('is free, and given to one alone', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2')
    const own = await Promise.all(Array.from({ length: 40 }, (_, at) => clients[at % 2].getPort()))
    const theirs = await Promise.all(
      workers.map(worker => worker.do(({ client }) => Promise.all(Array.from({ length: 20 }, () => client.getPort()))))
    )
    const ports = [...own, ...theirs.flat()]
    assert.equal(new Set(ports).size, 80)
    assert.ok(ports.every(port => Number.isInteger(port) && port > 1023 && port < 65_536))
    await listensOn(ports[0])
    await listensOn(ports[79], '127.0.0.1')
  })

  test('is the one preferred, unless it is reserved or in use', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    const server = net.createServer().listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const used = /** @type {net.AddressInfo} */ (server.address()).port
    const port = await a.getPort({ host: '127.0.0.1' })
    assert.equal(await a.releasePort(port), true)
    assert.equal(await a.getPort({ port, host: '127.0.0.1' }), port)
    await assert.rejects(b.getPort({ port, host: '127.0.0.1' }), failsWith('port_unavailable', new RegExp(String(port))))
    await assert.rejects(a.getPort({ port, host: '127.0.0.1' }), failsWith('port_unavailable'))
    await assert.rejects(b.getPort({ port: [used, port], host: '127.0.0.1' }), failsWith('port_unavailable'))
    const any = await b.getPort({ port: [used, port, 0], host: '127.0.0.1' })
    assert.ok(any !== used && any !== port)
    assert.equal(await b.releasePort(port), false)
    assert.equal(await a.releasePort(port), true)
    assert.equal(await a.releasePort(port), false)
    assert.equal(await b.getPort({ port: [used, port], host: '127.0.0.1' }), port)
    for (const wrong of [-1, 65_536, 1.5, 'x', [], [1, 'x']]) {
      await assert.rejects(async () => a.getPort({ port: /** @type {any} */ (wrong) }), failsWith('invalid_option'), JSON.stringify(wrong))
    }
  })

  test('of a worker that is killed or closed is free again', async t => {
    const { broker, clients } = await setUp(t, {}, 'a', 'b')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    const port = await dying.do(({ client }) => client.getPort())
    await assert.rejects(clients[0].getPort({ port }), failsWith('port_unavailable'))
    dying.kill()
    await until(() => clients[0].getPort({ port }).catch(failsWith('port_unavailable') && (() => null)))
    await clients[0].close()
    assert.equal(await clients[1].getPort({ port }), port)
  })
})

describe('a reservation', { timeout: TIMEOUT }, () => {
  test('gives those that nobody has, in the order given', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const [a, b] = clients
    assert.deepEqual(await a.reserve('x', 'y'), ['x', 'y'])
    assert.deepEqual(await b.reserve('z', 'y', 'w', 'x'), ['z', 'w'])
    assert.deepEqual(await a.reserve('x', 'v'), ['v'], 'what is its own already it does not get again')
    assert.deepEqual(await a.reserve('u', 'u', 't'), ['u', 't'], 'nothing twice')
    assert.deepEqual(await b.reserve(), [])
    assert.equal(await b.unreserve('x', 'y', 'z'), 1, 'its own alone')
    assert.deepEqual(await a.reserve('z', 'w'), ['z'])
    assert.equal(await a.unreserve('x', 'nothing', 'x'), 1)
    assert.deepEqual(await b.reserve('x'), ['x'])
  })

  test('tells values apart as a Set does, but for objects, which are what they say', async t => {
    const { clients } = await setUp(t, {}, 'a', 'b')
    const values = [1, '1', true, 'true', null, 'null', undefined, NaN, 1n, '1n', { a: 1 }, { a: '1' }, [1], [[1]], '漢', '']
    assert.deepEqual(await clients[0].reserve(...values), values)
    assert.deepEqual(await clients[1].reserve(...values, { a: 2 }), [{ a: 2 }])
    assert.equal(await clients[0].unreserve({ a: 1 }), 1)
    assert.deepEqual(await clients[1].reserve({ a: 1 }), [{ a: 1 }])
    const symbol = /** @type {any} */ (Symbol('x'))
    await assert.rejects(async () => clients[0].reserve(symbol), failsWith('invalid_value'))
  })

  test('of many processes at once overlaps nowhere', async t => {
    const { broker } = await setUp(t, {})
    const workers = await startWorkers(t, broker.pipe, 'w1', 'w2', 'w3')
    const got = await Promise.all(
      workers.map(worker =>
        worker.do(async ({ client }) => {
          const own = []
          for (let at = 0; at < 100; at += 2) own.push(...(await client.reserve(at, at + 1, at + 2)))
          return own
        })
      )
    )
    const all = got.flat().sort((a, b) => a - b)
    assert.deepEqual(
      all,
      Array.from({ length: 101 }, (_, at) => at)
    )
  })

  test('ends with its worker', async t => {
    const { broker, clients } = await setUp(t, {}, 'a')
    const [dying] = await startWorkers(t, broker.pipe, 'dying')
    assert.deepEqual(await dying.do(({ client }) => client.reserve('x', 'y')), ['x', 'y'])
    assert.deepEqual(await clients[0].reserve('x'), [])
    dying.kill()
    await until(async () => (await clients[0].reserve('x')).length === 1)
    const closing = connect(t, broker.pipe)
    assert.deepEqual(await closing.reserve('x', 'y'), ['y'])
    await closing.close()
    assert.deepEqual(await clients[0].reserve('y'), ['y'])
  })
})
