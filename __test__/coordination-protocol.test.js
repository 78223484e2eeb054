// @ts-check
'use strict'

/** PROTOCOL.md's coordination in bytes over a socket: what each action takes, refuses and answers. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { TIMEOUT, dial, greet, startBroker } = require('./support-coordination')
const { actions } = require('./support-coordination/actions.js')

/** What a request may be refused with for its members. */
const REFUSALS = new Set(['invalid_request', 'worker_required', 'key_required', 'invalid_ttl', 'invalid_value'])

/** @param {import('node:test').TestContext} t @param {...string} names */
async function speak(t, ...names) {
  const pools = { pool: ['x', 'y', { role: 'admin' }], one: 1 }
  const broker = await startBroker(t, { logLevel: 'silent', pools })
  const raws = []
  for (const name of names) raws.push(await greet(t, broker.pipe, name))
  return { broker, pipe: broker.pipe, raws }
}

describe('every action of coordination', { timeout: TIMEOUT }, () => {
  for (const [action, { members, optional = [], wrong, sessionless, held }] of Object.entries(actions)) {
    test(`${action} takes what it takes, and refuses all else`, async t => {
      const { broker, raws } = await speak(t, 'a')
      const [raw] = raws
      await raw.ask({ action: 'limit', name: 'limit', max: 1000, per: 1000, burst: 1000 })
      const grant = held && (await raw.ask(held))
      const token = held && (grant.token ?? grant.leases[0].token)
      /** @type {Record<string, unknown>} */
      const meant = held ? { ...members, token } : members
      for (const [member, values] of Object.entries(wrong)) {
        for (const value of values) {
          if (value === null && optional.includes(member)) continue
          const reply = await raw.ask({ id: 7, action, ...meant, [member]: value })
          const what = `${member}: ${JSON.stringify(value).slice(0, 60)} came to ${JSON.stringify(reply)}`
          assert.ok(reply.id === 7 && reply.ok === false && REFUSALS.has(reply.error), what)
          assert.ok(reply.message.startsWith(`${reply.error}: `), what)
          if (reply.error === 'invalid_request')
            assert.ok(new RegExp(action === 'acquire' ? `${member}|pool|match` : member).test(reply.message), what)
        }
      }
      const required = Object.keys(members).filter(member => !optional.includes(member))
      for (const member of required) {
        const { [member]: _, ...rest } = meant
        const reply = await raw.ask({ id: 'a', action, ...rest })
        assert.ok(REFUSALS.has(reply.error), `without ${member}: ${JSON.stringify(reply)}`)
      }
      if (held) assert.equal((await raw.ask({ action: 'release', token })).released, true, 'it is still held')
      // What was refused left nothing behind: nothing was held, waited for or made.
      const { inspect } = await raw.ask({ action: 'inspect' })
      assert.deepEqual([inspect.sessions[0].holds, inspect.sessions[0].waits, inspect.queues, inspect.barriers], [[], [], [], []])
      assert.deepEqual(inspect.pools.map((/** @type {any} */ { name, size }) => `${name} ${size}`).sort(), ['one 1', 'pool 3'])
      // Right, with all members and with those that must be.
      const least = Object.fromEntries(Object.entries(members).filter(([member]) => required.includes(member) || member === 'wait'))
      for (const right of [members, { ...least, unknown: [] }]) {
        const fresh = await greet(t, broker.pipe, 'b')
        const reply = await fresh.ask({ id: 8, action, ...right })
        assert.ok(reply.id === 8 && !REFUSALS.has(reply.error) && reply.error !== 'unknown_action', JSON.stringify(reply))
        fresh.socket.destroy()
      }
      const bare = await dial(t, broker.pipe)
      const reply = await bare.ask({ id: 9, action, ...members })
      if (sessionless) assert.equal(reply.ok, true, JSON.stringify(reply))
      else assert.deepEqual([reply.id, reply.ok, reply.error], [9, false, 'session_required'])
    })
  }

  test('has no member twice', async t => {
    const { raws } = await speak(t, 'a')
    for (const [action, { members }] of Object.entries(actions)) {
      for (const [member, value] of Object.entries(members)) {
        const all = JSON.stringify({ action, ...members }).slice(0, -1)
        const reply = await raws[0].ask(`${all},"${member}":${JSON.stringify(value)}}`)
        assert.equal(reply.error, 'invalid_json', `${action} ${member}: ${JSON.stringify(reply)}`)
      }
    }
  })
})

describe('replies', { timeout: TIMEOUT }, () => {
  test('are those of the page', async t => {
    const { raws } = await speak(t, 'a')
    const [raw] = raws
    const ask = async (/** @type {string} */ action, /** @type {object} */ members = {}) => {
      const { id, ok, ...reply } = await raw.ask({ id: 1, action, ...members })
      assert.deepEqual([id, ok], [1, true], JSON.stringify(reply))
      return reply
    }
    assert.deepEqual(await ask('definePool', { pool: 'p', size: 2 }), { size: 2, created: true })
    assert.deepEqual(await ask('definePool', { pool: 'p', size: 2, policy: 'lowest' }), { size: 2, created: false })
    assert.deepEqual(await ask('addToPool', { pool: 'p', size: 1 }), { size: 3 })
    const { leases, waited } = await ask('acquire', { pools: [{ pool: 'pool', match: { role: 'admin' } }, { pool: 'p' }], ttl: 5000 })
    assert.equal(typeof waited, 'number')
    const [{ token, expires, ...lease }, second] = leases
    assert.deepEqual(lease, { pool: 'pool', number: 3, value: { role: 'admin' } })
    assert.ok(expires > 4000 && expires <= 5000 && second.token > token && second.pool === 'p')
    const { values } = await ask('listPool', { pool: 'pool' })
    const { heldFor, ...held } = values[2]
    assert.equal(held.state, 'held')
    assert.deepEqual([held.pid, held.test, held.number, typeof heldFor], [process.pid, null, 3, 'number'])
    assert.deepEqual(values.slice(0, 2), [
      { number: 1, value: 'x', state: 'free' },
      { number: 2, value: 'y', state: 'free' }
    ])
    assert.ok((await ask('renew', { token, ttl: 9000 })).expires > 5000)
    assert.deepEqual(await ask('discard', { token, reason: 'x' }), { discarded: true })
    assert.deepEqual(await ask('discard', { token }), { discarded: false })
    assert.deepEqual(await ask('release', { token }), { released: false })
    const lock = await ask('lock', { name: 'l' })
    assert.deepEqual([Object.keys(lock).sort(), lock.token > second.token], [['token', 'waited'], true])
    const permits = await ask('semaphore', { name: 's', permits: 3, amount: 2 })
    assert.deepEqual(await ask('release', { token: permits.token, amount: 1 }), { released: true })
    assert.deepEqual(await ask('release', { token: permits.token }), { released: true })
    assert.deepEqual(await ask('reserve', { values: ['a', 'b', 'a'] }), { reserved: [0, 1] })
    assert.deepEqual(await ask('reserve', { values: ['b', 'c'], name: 'other' }), { reserved: [0, 1] })
    assert.deepEqual(await ask('unreserve', { values: ['c', 'a'] }), { released: 1 })
    const once = await ask('once', { key: 'k' })
    assert.equal(once.run, true)
    assert.deepEqual(await ask('fulfil', { token: once.token, value: { made: 1 }, ttl: 5000 }), {})
    const { waited: _, version: first, ...made } = await ask('once', { key: 'k' })
    assert.deepEqual(made, { value: { made: 1 } })
    assert.deepEqual((await ask('waitFor', { key: 'k' })).value, { made: 1 })
    const { version } = await ask('get', { key: 'k', version: true })
    assert.ok(Number.isSafeInteger(version) && version > 0)
    const refresh = await ask('once', { key: 'k', refresh: 60_000 })
    assert.deepEqual([refresh.value, typeof refresh.token, 'run' in refresh], [{ made: 1 }, 'number', false])
    assert.deepEqual(await ask('fail', { token: refresh.token, reason: 1 }), {})
    const watched = await ask('watch', { key: 'k', after: 0 })
    assert.deepEqual([watched.version, watched.value], [version, { made: 1 }])
    assert.deepEqual(await ask('set', { key: 'k', value: 2, ifVersion: version - 1 }), { set: false, version })
    const changed = await ask('set', { key: 'k', value: 2, ifVersion: version, keepTTL: true })
    assert.deepEqual([changed.set, changed.version > version], [true, true])
    assert.equal((await ask('watch', { key: 'nothing', after: 3 })).version, 0)
    assert.deepEqual(await ask('incr', { key: 'n', by: 1.5 }), { value: 1.5 })
    assert.deepEqual(await ask('append', { list: 'l', items: [1, 'x'] }), { length: 2 })
    assert.deepEqual(await ask('collect', { list: 'l', from: 1 }), { items: ['x'], length: 2 })
    assert.deepEqual(await ask('collect', { list: 'l', from: 5 }), { items: [], length: 2 })
    assert.deepEqual(await ask('push', { queue: 'q', items: [1, 2], maxAttempts: 1 }), { length: 2 })
    const { token: taken, waited: __, ...item } = await ask('take', { queue: 'q' })
    assert.deepEqual(item, { item: 1, attempt: 1 })
    assert.deepEqual(await ask('ack', { token: taken }), { acked: true })
    assert.deepEqual(await ask('ack', { token: taken }), { acked: false })
    const last = await ask('take', { queue: 'q' })
    assert.equal((await ask('take', { queue: 'q', wait: 0 })).none, true)
    assert.deepEqual(await ask('nack', { token: last.token, reason: { why: 'x' } }), { nacked: true })
    assert.deepEqual(await ask('nack', { token: last.token }), { nacked: false })
    assert.equal((await ask('take', { queue: 'q', untilDone: true })).done, true)
    const done = await ask('done', { queue: 'q' })
    assert.deepEqual([done.acked, done.failures], [1, [{ item: 2, attempts: 1, reason: { why: 'x' }, worker: 'a', test: null }]])
    assert.deepEqual(await ask('limit', { name: 'rate', max: 10, per: 1000 }), { created: true })
    assert.deepEqual(await ask('limit', { name: 'rate', max: 10, per: 1000, burst: 1 }), { created: false })
    assert.equal(typeof (await ask('throttle', { name: 'rate' })).waited, 'number')
    assert.equal((await ask('barrier', { name: 'b', parties: 1 })).index, 0)
    assert.deepEqual(await ask('cancel', { request: 12_345 }), { cancelled: false })
  })

  test('give values byte for byte', async t => {
    const { raws } = await speak(t, 'a')
    const text = '{"b":1.50,"a":[ 1e2 ,"\\u00e9\\/"],"b2":12345678901234567890}'
    raws[0].send(`{"id":1,"action":"definePool","pool":"raw","values":[${text}]}`)
    await raws[0].line()
    for (const request of [
      '{"id":1,"action":"acquire","pools":[{"pool":"raw"}]}',
      '{"id":1,"action":"listPool","pool":"raw"}',
      `{"id":1,"action":"push","queue":"q","items":[${text}]}`,
      '{"id":1,"action":"take","queue":"q"}',
      `{"id":1,"action":"append","list":"l","items":[${text}]}`,
      '{"id":1,"action":"collect","list":"l"}',
      `{"id":1,"action":"set","key":"k","value":${text}}`,
      '{"id":1,"action":"once","key":"k"}',
      '{"id":1,"action":"waitFor","key":"k"}',
      '{"id":1,"action":"watch","key":"k","after":0}'
    ]) {
      raws[0].send(request)
      const line = await raws[0].line()
      if (!/"(push|append|set)"/.test(request)) assert.ok(line?.includes(text), `${request} gave ${line}`)
    }
  })
})
