// @ts-check
'use strict'

/** Questions that the broker passes on to its host's JavaScript. */

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { connect, dial, startBroker, until, useFolder } = require('./support')
const { askHost } = require('../lib/host-calls.js')

useFolder({ after })

const question = { id: 2, action: 'host', value: { kind: 'nothing that there is', text: '"漢\n' } }
const hello = { id: 1, action: 'hello', protocol: 1, pid: 4242, name: 'worker-3' }

describe('a question to the host', () => {
  test('is answered by its program, however it refuses', async t => {
    const broker = await startBroker(t)
    const client = connect(t, broker.pipe)
    await assert.rejects(askHost(client, { kind: 'nothing' }), { code: 'invalid_request', message: /the host knows nothing of this kind/ })
    const raw = await dial(t, broker.pipe)
    await raw.ask(hello)
    const reply = await raw.ask(question)
    assert.deepEqual([reply.id, reply.ok, reply.value.error.code], [2, true, 'invalid_request'])
  })

  test('needs a session and something to ask', async t => {
    const broker = await startBroker(t)
    const raw = await dial(t, broker.pipe)
    assert.equal((await raw.ask(question)).error, 'session_required')
    const introduced = await dial(t, broker.pipe)
    await introduced.ask(hello)
    const { error, message } = await introduced.ask({ id: 3, action: 'host' })
    assert.deepEqual([error, message], ['invalid_request', 'invalid_request: value is missing: what the host is asked for'])
  })

  test('holds up nobody while the host does something else', async t => {
    const broker = await startBroker(t)
    const client = connect(t, broker.pipe)
    await client.ping()
    const answer = askHost(client, { kind: 'nothing' }).catch(error => error.code)
    // These leave after it, on the same connection, and block the host's thread, which is this one.
    client.setSync('key', 1)
    assert.equal(client.getSync('key'), 1)
    assert.equal(await answer, 'invalid_request')
  })

  test('of a worker that has gone is answered to nobody', async t => {
    const broker = await startBroker(t)
    const raw = await dial(t, broker.pipe)
    await raw.ask(hello)
    raw.send(...Array.from({ length: 200 }, (_, index) => ({ ...question, id: index + 10 })))
    raw.end()
    await until(async () => (await broker.inspect()).sessions.length === 0)
    const client = connect(t, broker.pipe)
    await assert.rejects(askHost(client, { kind: 'nothing' }), { code: 'invalid_request' })
  })
})
