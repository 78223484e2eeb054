// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { afterEach, beforeEach, describe, it } = require('node:test')
const { Broker, Client } = require('..')

/** @type {NodeJS.ProcessEnv} */
let saved

beforeEach(() => {
  saved = { ...process.env }
  for (const name of Object.keys(process.env)) if (/^(BROKER|CLIENT|EPHEMERAL)_/.test(name)) delete process.env[name]
})

afterEach(() => {
  process.env = saved
})

describe('a broker', () => {
  it('that is told to stop in the tick in which it started does not run on', async () => {
    const broker = new Broker()
    const starting = broker.start()
    await broker.stop()
    await starting
    assert.equal(broker.running, false)
    assert.equal(fs.existsSync(path.dirname(broker.pipe)), false)
    assert.equal(process.env.EPHEMERAL_PIPE, undefined)
  })

  it('that is told to stop, start and stop again has stopped', async () => {
    const broker = new Broker()
    await broker.start()
    broker.stop()
    const starting = broker.start()
    await broker.stop()
    await assert.rejects(starting, { code: 'not_started' })
    assert.equal(broker.running, false)
  })

  it('that stops reports no worker as lost', async () => {
    const broker = new Broker()
    await broker.start()
    let lost = 0
    broker.on('workerLost', () => lost++)
    const client = new Client()
    await client.lease('accounts', 'w')
    await broker.stop()
    assert.equal(lost, 0)
    await client.close()
  })

  it('tells when it is nearly full', async () => {
    const broker = new Broker({ maxItems: 10, requireTTL: false, logLevel: 'silent' })
    await broker.start()
    const full = once(broker, 'nearCapacity')
    const client = new Client()
    await Promise.all(Array.from({ length: 9 }, (_, at) => client.set(String(at), at)))
    assert.deepEqual(await full, [{ items: 9, maxItems: 10, utilization: 0.9 }])
    await client.close()
    await broker.stop()
  })

  it('answers each of several drains', async () => {
    const broker = new Broker()
    await broker.start()
    assert.deepEqual(await Promise.all([broker.drain(60_000), broker.drain(10)]), [true, true])
    await broker.stop()
  })

  it('is found by the processes that it spawns, whatever the secret in its own environment', async () => {
    process.env.EPHEMERAL_SECRET = 'not for this broker'
    for (const secret of [false, true]) {
      const broker = new Broker({ secret })
      await broker.start()
      const code = `new (require(${JSON.stringify(path.join(__dirname, '..'))}).Client)().ping().catch(error => { console.error(error); process.exitCode = 1 })`
      const child = broker.spawn(process.execPath, ['-e', code])
      assert.deepEqual(await once(child, 'exit'), [0, null])
      await broker.stop()
    }
  })

  it('logs what it does when told by the option, also where the environment says otherwise', async () => {
    const code = `
      const { Broker, Client } = require(${JSON.stringify(path.join(__dirname, '..'))})
      const broker = new Broker({ debug: true })
      broker.start().then(async () => { const client = new Client(); await client.ping(); await client.close(); await broker.stop() })`
    const { spawnSync } = require('node:child_process')
    const env = { ...process.env, BROKER_LOG_LEVEL: 'error' }
    const { stderr, stdout } = spawnSync(process.execPath, ['-e', code], { env, encoding: 'utf8' })
    assert.match(stderr, /^\[broker\] started/m)
    assert.equal(stdout, '')
  })
})

describe('a client alone in its process', () => {
  it('goes from one awaited request to the next', async () => {
    const broker = new Broker({ requireTTL: false })
    await broker.start()
    // With nothing else to keep the process: each request must.
    const code = `
      const { Client } = require(${JSON.stringify(path.join(__dirname, '..'))})
      const client = new Client()
      const work = async () => { for (let at = 0; at < 20; at++) { await client.set('n', at); await client.get('n') } await client.set('done', true) }
      work()`
    const child = broker.spawn(process.execPath, ['-e', code])
    assert.deepEqual(await once(child, 'exit'), [0, null])
    const client = new Client()
    assert.equal(await client.get('done'), true)
    await client.close()
    await broker.stop()
  })
})
