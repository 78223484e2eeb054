// @ts-check
'use strict'

/** The socket of a program: where it lies, who gets in, and who does not. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { after, describe, test } = require('node:test')
const { connect, unixOnly, until, useFolder } = require('./support')
const { ask, begin, program, register, startHost } = require('./support-plugin')
const { askHost } = require('../lib/host-calls.js')
const { serialize } = require('../lib/structured-clone.js')

useFolder({ after })

const ECHO = 'main.ready(); for await (const message of main.subscribe()) message.reply(message.data)'

/**
 * @param {number} type
 * @param {Uint8Array} [body]
 * @param {number} [length] what it claims to be
 */
function frame(type, body = Buffer.alloc(0), length = body.length + 1) {
  const header = Buffer.alloc(5)
  header.writeUInt32LE(length)
  header[4] = type
  return Buffer.concat([header, body])
}

describe("a program's socket", () => {
  test("lies in the broker's own folder, and goes with it", unixOnly, async t => {
    const { broker } = await startHost(t)
    const folder = path.dirname(broker.pipe)
    const before = fs.readdirSync(folder)
    begin(t)
    const file = program(t, ECHO)
    await Promise.all([register(file).available, register(`${file}#2`).available])
    assert.equal(fs.readdirSync(folder).length, before.length + 2)
    assert.equal(fs.statSync(folder).mode & 0o777, 0o700)
    await broker.stop()
    assert.equal(fs.existsSync(folder), false)
  })

  test('goes with a program that has failed', unixOnly, async t => {
    const { broker, failures } = await startHost(t)
    const folder = path.dirname(broker.pipe)
    const before = fs.readdirSync(folder)
    begin(t)
    await register(program(t, "throw new Error('boom')")).available.catch(() => {})
    await until(() => failures.length === 1 && fs.readdirSync(folder).length === before.length)
  })

  test('ends connections that know no token or talk nonsense, and those alone', async t => {
    const { broker, failures } = await startHost(t)
    const file = program(t, ECHO)
    begin(t)
    const shared = register(file)
    await shared.available
    const client = connect(t, broker.pipe)
    const { address, token } = await askHost(client, { kind: 'sharedWorker', action: 'open', filename: file })
    const known = frame(1, Buffer.from(token, 'hex'))
    const hello = frame(2, serialize({ id: 'x', file: 'file:///x.js', initialData: serialize(1) }))
    const attached = frame(4)
    const message = frame(5, Buffer.concat([Buffer.alloc(16), Buffer.from('{}')]))
    /** @type {Record<string, Buffer[]>} */
    const hostile = {
      'a wrong token': [frame(1, Buffer.alloc(32, 7))],
      'a short token': [frame(1, Buffer.alloc(31))],
      'no token': [hello],
      'a huge frame before the token': [frame(1, Buffer.alloc(0), 34)],
      'a frame of nothing': [frame(1, Buffer.alloc(0), 0)],
      HTTP: [Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
      'a frame of more than 256 MB': [known, frame(2, Buffer.alloc(0), 256 * 1024 * 1024 + 1)],
      'garbage after the token': [known, frame(2, Buffer.from('garbage'))],
      'a hello of the wrong kind': [known, frame(2, serialize({ id: 7 }))],
      'an unknown type': [known, frame(77)],
      'a message before the hello': [known, message],
      'attached before the hello': [known, attached],
      'two hellos': [known, hello, hello],
      'a detach of nobody': [known, hello, frame(6)],
      'a message that is too short': [known, hello, attached, frame(5, Buffer.alloc(15))],
      'data that nobody can read': [known, hello, attached, frame(5, Buffer.concat([Buffer.alloc(16), Buffer.from([0xff, 0x0f, 0x99])]))],
      'text that is none': [known, hello, attached, frame(5, Buffer.concat([Buffer.alloc(16), Buffer.from('{')]))]
    }
    for (const [name, bytes] of Object.entries(hostile)) {
      const socket = net.connect(address)
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.resume()
      const closed = once(socket, 'close')
      socket.write(Buffer.concat(bytes))
      await Promise.race([closed, new Promise((_, reject) => setTimeout(reject, 5000, new Error(`${name} is not ended`)).unref())])
      assert.equal(await ask(shared, name), name)
    }
    // What comes in the smallest of pieces is as good as any.
    const slow = net.connect(address)
    t.after(() => slow.destroy())
    slow.setNoDelay(true)
    for (const byte of Buffer.concat([known, hello])) {
      slow.write(Buffer.from([byte]))
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.deepEqual((await once(slow, 'data'))[0], frame(3))
    assert.deepEqual(failures, [])
  })

  test('takes in who comes while the program is busy and nobody more can wait, when it is not any more', unixOnly, async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        message.reply('busy')
        await new Promise(resolve => setTimeout(resolve, 10))
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
      }`
    )
    begin(t)
    const shared = register(file)
    await shared.available
    const client = connect(t, broker.pipe)
    const { address } = await askHost(client, { kind: 'sharedWorker', action: 'open', filename: file })
    await ask(shared, 'block')
    await new Promise(resolve => setTimeout(resolve, 100))
    /** @type {net.Socket[]} */
    const sockets = []
    t.after(() => sockets.forEach(socket => void socket.destroy()))
    const full = () =>
      new Promise(resolve => {
        for (let i = 0; i < 256; i++) {
          const socket = net.connect(address)
          socket.on('error', () => resolve(true))
          socket.on('connect', () => i === 255 && resolve(false))
          sockets.push(socket)
        }
      })
    while (!(await full()));
    const start = performance.now()
    begin(t)
    await register(file).available
    assert.ok(performance.now() - start > 100, 'it had to wait')
  })
})
