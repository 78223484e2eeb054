// @ts-check
'use strict'

/** `ephemeral-broker/get-port`. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { describe, test } = require('node:test')
const { rootOnly } = require('./support')
const { TIMEOUT, setUp, soon, startBroker } = require('./support-cooperate')

/** @typedef {InstanceType<typeof import('./support-cooperate').TestWorker>} TestWorker */

/** @param {TestWorker} worker @param {import('../get-port.js').GetPortOptions} [options] */
const getPort = (worker, options) => worker.do(({ getPort }, options) => getPort(options), options)

/** @param {import('node:test').TestContext} t @param {net.ListenOptions} options */
async function listen(t, options) {
  const server = net.createServer().listen(options)
  t.after(() => server.close())
  await once(server, 'listening')
  return /** @type {net.AddressInfo} */ (server.address()).port
}

describe('getPort', { timeout: TIMEOUT }, () => {
  test('gives no port twice, over processes and threads and the client of the package', async t => {
    const { client, workers } = await setUp(t, 'process', 'process', 'thread')
    const each = workers.map(worker => worker.do(({ getPort }) => Promise.all(Array.from({ length: 30 }, () => getPort()))))
    const ports = [...(await Promise.all(each)).flat(), ...(await Promise.all(Array.from({ length: 30 }, () => client.getPort())))]
    assert.equal(new Set(ports).size, 120)
    for (const port of ports) assert.ok(Number.isInteger(port) && port >= 1024 && port <= 65535, String(port))
  })

  test('keeps a port until its worker is gone, also while nobody listens', async t => {
    for (const kind of /** @type {const} */ (['process', 'thread'])) {
      await t.test(`a ${kind}`, async t => {
        const { workers } = await setUp(t, kind, 'process')
        const [holder, asks] = workers
        const port = await getPort(holder)
        await assert.rejects(getPort(asks, { port }), {
          name: 'BrokerError',
          code: 'port_unavailable',
          message: `port_unavailable: none of the ports asked for can be had: ${port} is reserved by a worker`
        })
        await assert.rejects(getPort(holder, { port }), { code: 'port_unavailable' })
        await holder.kill()
        const again = async () => {
          while (true) {
            const got = await getPort(asks, { port }).catch(({ code }) => code)
            if (got !== 'port_unavailable') return got
          }
        }
        assert.equal(await soon(again()), port)
      })
    }
  })

  test('gives one on which the worker can listen, on all addresses and on one', async t => {
    const { workers } = await setUp(t, 'process')
    for (const options of [undefined, {}, { host: '127.0.0.1' }, { host: '0.0.0.0', exclusive: true, backlog: 5 }]) {
      const port = await getPort(workers[0], options)
      assert.equal(await listen(t, { ...options, port }), port)
    }
  })

  test('sees who listens on any address of the machine, or on the host asked for', async t => {
    const { workers } = await setUp(t, 'process')
    const used = await listen(t, { host: '127.0.0.1', port: 0 })
    await assert.rejects(getPort(workers[0], { port: used }), { code: 'port_unavailable', message: new RegExp(`${used} is in use`) })
    await assert.rejects(getPort(workers[0], { port: used, host: '127.0.0.1' }), { code: 'port_unavailable' })
    const other = await getPort(workers[0], { port: [used, 0] })
    assert.notEqual(other, used)
    if (process.platform === 'linux') assert.equal(await getPort(workers[0], { port: used, host: '127.0.0.2' }), used)
  })

  test('says of a port that it is not allowed, where it is not in use', rootOnly, async t => {
    const { workers } = await setUp(t, 'process')
    const result = workers[0].do(({ getPort }) => {
      process.setuid?.(65534)
      return getPort({ port: 81, host: '127.0.0.1' })
    })
    await assert.rejects(result, { code: 'port_unavailable', message: /81 is not allowed to this user/ })
  })

  test('says what is wrong with its options, and with a host that is none of this machine', async t => {
    const { workers } = await setUp(t, 'process')
    await assert.rejects(getPort(workers[0], /** @type {any} */ ({ hots: 'x' })), {
      name: 'TypeError',
      message: /no option "hots"; there are port, host/
    })
    await assert.rejects(getPort(workers[0], /** @type {any} */ (8080)), { name: 'TypeError' })
    await assert.rejects(getPort(workers[0], { port: 70_000 }), { code: 'invalid_option' })
    await assert.rejects(getPort(workers[0], { host: '192.0.2.1' }), { code: 'port_unavailable', message: /"192\.0\.2\.1".*EADDRNOTAVAIL/ })
  })

  test('rejects without a broker', async t => {
    const broker = await startBroker(t, { logLevel: 'silent' })
    const before = process.env.EPHEMERAL_PIPE
    delete process.env.EPHEMERAL_PIPE
    t.after(() => {
      if (before !== undefined) process.env.EPHEMERAL_PIPE = before
    })
    const { getPort } = require('../lib/cooperate/get-port.js')
    await assert.rejects(getPort(), { name: 'BrokerError', code: 'no_pipe' })
    await broker.stop()
  })

  test('is a default export and a name', async () => {
    const module = await import('../lib/cooperate/get-port.js')
    assert.equal(module.default, require('../lib/cooperate/get-port.js'))
    assert.equal(module.getPort, module.default)
    assert.equal(module.default.getPort, module.default)
  })
})
