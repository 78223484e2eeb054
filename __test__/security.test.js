// @ts-check
'use strict'

/** Who may connect, what is displaced or removed, and what is left behind: by real processes of this user and another. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { after, describe, test } = require('node:test')
const support = require('./support')
const { NOBODY, connect, failsWith, freePath, isWindows, rootOnly, run, startBroker, startHost, unixOnly, until } = support
const { Broker, checkReadiness, cleanupPipe, makePipePath } = require('..')

const folder = support.useFolder({ after })
const mode = (/** @type {string} */ file) => fs.lstatSync(file).mode & 0o777
/** What brokers left in the folder for sockets. */
const leftovers = () => fs.readdirSync(folder).filter(name => name.startsWith('ephemeral-broker'))

describe('a private place', () => {
  test('the socket is alone in a directory of mode 0700, whatever the umask', unixOnly, async t => {
    const umask = process.umask(0)
    t.after(() => process.umask(umask))
    const { pipe } = await startBroker(t)
    const directory = path.dirname(pipe)
    assert.equal(mode(directory), 0o700)
    assert.deepEqual(fs.readdirSync(directory), [path.basename(pipe)])
    assert.equal(fs.lstatSync(directory).uid, process.getuid?.())
  })

  test('names cannot be guessed', () => {
    const names = new Set(Array.from({ length: 100 }, () => makePipePath()))
    assert.equal(names.size, 100)
    for (const name of names) assert.match(name, /[0-9a-f]{16}/)
    assert.equal(makePipePath('mine'), makePipePath('mine'))
  })

  test('an id cannot lead elsewhere', () => {
    for (const id of ['', '.', '..', '../x', 'a/b', 'a\\b', '.hidden', 'a b', 'ü', 'a\0', 'x'.repeat(33)]) {
      assert.throws(() => makePipePath(id), failsWith('invalid_option'), JSON.stringify(id))
      assert.throws(() => new Broker({ pipeId: id }), failsWith('invalid_option'), JSON.stringify(id))
    }
  })

  test('another user can never connect, not for a moment', { skip: rootOnly.skip || unixOnly.skip }, async t => {
    const umask = process.umask(0)
    t.after(() => process.umask(umask))
    const spy = run(
      t,
      `const [fs, net] = [require('node:fs'), require('node:net')]
       const seen = {}
       let over = false
       process.stdin.once('data', () => (over = true))
       await say('ready')
       while (!over) {
         for (const name of fs.readdirSync(${JSON.stringify(folder)})) {
           const socket = net.connect(${JSON.stringify(folder)} + '/' + name + '/broker.sock')
           const outcome = await new Promise(resolve => socket.once('connect', () => resolve('connected')).once('error', error => resolve(error.code)))
           seen[outcome] = (seen[outcome] ?? 0) + 1
           if (outcome === 'EACCES' && seen.EACCES === 100) await say('enough')
           socket.destroy()
         }
         await new Promise(resolve => setImmediate(resolve))
       }
       await say(JSON.stringify(seen))
       process.exit()`,
      { uid: NOBODY }
    )
    assert.equal(await spy.line(), 'ready')
    let enough = false
    const told = spy.line().then(() => (enough = true))
    while (!enough) {
      const broker = new Broker()
      await broker.start()
      await broker.stop()
    }
    await told
    spy.tell('over')
    const { connected = 0, EACCES } = JSON.parse(await spy.line())
    assert.equal(connected, 0)
    assert.ok(EACCES >= 100)
  })

  test('another user who comes as far as the socket is turned away without a byte', { skip: rootOnly.skip || unixOnly.skip }, async t => {
    const { pipe } = await startBroker(t, { logLevel: 'silent' })
    fs.chmodSync(path.dirname(pipe), 0o755)
    fs.chmodSync(pipe, 0o777)
    const other = run(
      t,
      `const socket = require('node:net').connect(${JSON.stringify(pipe)})
       let heard = ''
       socket.on('data', data => (heard += data)).on('error', () => {}).on('close', () => say('closed, heard: ' + heard))
       socket.on('connect', () => { console.log('connected'); socket.write('{"action":"ping"}\\n') })`,
      { uid: NOBODY }
    )
    assert.deepEqual([await other.line(), await other.line()], ['connected', 'closed, heard: '])
    assert.equal((await connect(t, pipe).stats()).connections, 1)
  })

  test('our client trusts no other user’s broker', { skip: rootOnly.skip || unixOnly.skip }, async t => {
    const pipe = freePath(folder)
    const other = run(
      t,
      `require('node:net').createServer(socket => socket.on('data', data => say('heard ' + data)).on('error', () => {}))
         .listen(${JSON.stringify(pipe)}, () => say('listens'))`,
      { uid: NOBODY }
    )
    assert.equal(await other.line(), 'listens')
    await assert.rejects(connect(t, pipe, { secret: false }).set('k', 'v'), failsWith('broker_unreachable', new RegExp(`${NOBODY}`)))
    const { stdout } = await other.kill()
    assert.equal(stdout, 'listens\n')
  })
})

describe('a live broker', () => {
  test('is not displaced by another process', async t => {
    const { pipe } = await startBroker(t, { pipeId: 'live-1' })
    const client = connect(t, pipe)
    await client.set('k', 'first')
    const rival = run(
      t,
      `await new Broker({ pipeId: 'live-1' }).start().catch(error => say(error.code + ' ' + error.message)); await say('over')`
    )
    assert.match(await rival.line(), /^pipe_in_use pipe_in_use: .*live-1/)
    assert.equal((await rival.ended).code, 0)
    assert.equal(await connect(t, pipe).get('k'), 'first')
  })

  test('is not displaced by another in the same process', async t => {
    const first = await startBroker(t, { pipeId: 'live-2' })
    await connect(t, first.pipe).set('k', 'first')
    const second = new Broker({ pipeId: 'live-2' })
    await assert.rejects(second.start(), failsWith('pipe_in_use'))
    await second.stop()
    assert.equal(await connect(t, first.pipe).get('k'), 'first')
    await first.stop()
    await second.start()
    t.after(() => second.stop())
    await assert.rejects(connect(t, second.pipe).get('k'), failsWith('not_found'))
  })

  test('is not in the way of others that start at the same time', async t => {
    // Each start looks for what killed brokers left, while others make their directories.
    const body = `for (let round = 0; round < 50; round++) {
      const brokers = Array.from({ length: 20 }, () => new Broker())
      await Promise.all(brokers.map(broker => broker.start()))
      await Promise.all(brokers.map(broker => broker.stop()))
    }`
    const hosts = [1, 2, 3].map(() => run(t, body))
    for (const { code, stderr } of await Promise.all(hosts.map(host => host.ended))) assert.equal(code, 0, stderr)
    assert.deepEqual(leftovers(), [])
  })
})

describe('what a killed host leaves', unixOnly, () => {
  test('is an empty socket in its private directory, which the next start removes', async t => {
    const host = await startHost(t, { pipeId: 'killed-1' })
    await connect(t, host.pipe).set('k', 'v')
    await host.kill()
    const directory = path.dirname(host.pipe)
    assert.equal(mode(directory), 0o700)
    assert.deepEqual(fs.readdirSync(directory), ['broker.sock'])
    assert.equal(fs.statSync(host.pipe).size, 0)
    assert.equal(await checkReadiness(host.pipe, 100), false)
    const live = await startHost(t, { pipeId: 'live-3' })
    await startBroker(t)
    await until(() => !fs.existsSync(directory))
    assert.ok((await connect(t, live.pipe).ping()) > 0)
  })

  test('is not in the way of a broker with the same id', async t => {
    const host = await startHost(t, { pipeId: 'killed-2' })
    await host.kill('SIGTERM')
    const { pipe } = await startBroker(t, { pipeId: 'killed-2' })
    assert.equal(pipe, host.pipe)
    assert.ok((await connect(t, pipe).ping()) > 0)
  })
})

describe('a squatted directory is refused and left alone', unixOnly, () => {
  /** @param {string} id */
  const directoryOf = id => path.dirname(makePipePath(id))
  /** @param {string} id */
  async function isRefused(id) {
    const broker = new Broker({ pipeId: id })
    await assert.rejects(
      broker.start(),
      failsWith('start_failed', new RegExp(`${directoryOf(id)}.*(belongs to somebody else|others may enter)`))
    )
    await broker.stop()
  }

  test('one that others may enter', async t => {
    for (const open of [0o777, 0o755, 0o710, 0o701]) {
      const id = `open-${open.toString(8)}`
      const directory = directoryOf(id)
      fs.mkdirSync(directory)
      fs.chmodSync(directory, open)
      fs.writeFileSync(path.join(directory, 'broker.sock'), 'theirs')
      t.after(() => fs.rmSync(directory, { recursive: true }))
      await isRefused(id)
      assert.equal(mode(directory), open)
      assert.equal(fs.readFileSync(path.join(directory, 'broker.sock'), 'utf8'), 'theirs')
    }
  })

  test('one of another user', rootOnly, async t => {
    const directory = directoryOf('others')
    fs.mkdirSync(directory, 0o700)
    fs.chownSync(directory, NOBODY, NOBODY)
    t.after(() => fs.rmdirSync(directory))
    await isRefused('others')
    await startBroker(t)
    assert.deepEqual([fs.statSync(directory).uid, mode(directory)], [NOBODY, 0o700])
  })

  test('a symbolic link, even to a private directory, and a file', async t => {
    const [target, file] = [path.join(folder, 'target'), directoryOf('file')]
    fs.mkdirSync(target, 0o700)
    fs.symlinkSync(target, directoryOf('link'))
    fs.symlinkSync(path.join(folder, 'nowhere'), directoryOf('dangling'))
    fs.writeFileSync(file, 'theirs')
    t.after(() => {
      for (const id of ['link', 'dangling', 'file']) fs.rmSync(directoryOf(id))
    })
    for (const id of ['link', 'dangling', 'file']) await isRefused(id)
    await startBroker(t)
    assert.equal(fs.readlinkSync(directoryOf('link')), target)
    assert.deepEqual([fs.readdirSync(target), mode(target)], [[], 0o700])
    assert.equal(fs.existsSync(path.join(folder, 'nowhere')), false)
    assert.equal(fs.readFileSync(file, 'utf8'), 'theirs')
  })
})

describe('cleanupPipe', () => {
  test('never removes a live broker’s, of whatever process', async t => {
    const host = await startHost(t)
    const { pipe } = await startBroker(t)
    for (const live of [pipe, host.pipe]) {
      assert.equal(cleanupPipe(live), false)
      assert.ok((await connect(t, live).ping()) > 0)
    }
  })

  test('removes what a killed process left, and nothing else', unixOnly, async t => {
    const host = await startHost(t)
    await host.kill()
    assert.equal(cleanupPipe(host.pipe), true)
    assert.equal(fs.existsSync(path.dirname(host.pipe)), false)
    assert.equal(cleanupPipe(host.pipe), false)

    const plain = freePath(folder)
    const server = run(t, `require('node:net').createServer().listen(${JSON.stringify(plain)}, () => say('listens'))`)
    await server.line()
    assert.equal(cleanupPipe(plain), false)
    await server.kill()
    assert.equal(cleanupPipe(plain), true)
    assert.equal(fs.existsSync(plain), false)

    const [file, link, directory] = ['file', 'link', 'dir'].map(name => path.join(folder, `no-socket-${name}`))
    fs.writeFileSync(file, 'text')
    fs.symlinkSync(file, link)
    fs.mkdirSync(directory)
    for (const it of [file, link, directory, path.join(folder, 'nothing')]) assert.equal(cleanupPipe(it), false, it)
    assert.ok([file, link, directory].every(it => fs.existsSync(it)))
  })

  test('never removes another user’s', { skip: rootOnly.skip || unixOnly.skip }, async t => {
    const pipe = freePath(folder)
    const server = run(t, `require('node:net').createServer().listen(${JSON.stringify(pipe)}, () => say('listens'))`, { uid: NOBODY })
    await server.line()
    await server.kill()
    assert.equal(cleanupPipe(pipe), false)
    assert.ok(fs.lstatSync(pipe).isSocket())
  })
})

describe('a host that ends without stop() leaves nothing', () => {
  const start = `const broker = new Broker({ handleSignals: process.argv[1] === 'handle' }); await say(await broker.start())`
  const client = `const client = new Client(); await client.set('k', 1, 60_000)`
  /** @type {Record<string, [string, number]>} */
  const ends = {
    'at its natural end, after unref()': ['broker.unref()', 0],
    'at its natural end, with a client open': [`broker.unref(); ${client}`, 0],
    'by process.exit()': [`${client}; process.exit(7)`, 7],
    'by process.exit() in a handler of exit': [`broker.unref(); process.on('exit', () => process.exit(8))`, 8],
    'by an exception': [`setImmediate(() => { throw new Error('unexpected') })`, 1],
    'by a rejection': [`${client}; Promise.reject(new Error('unexpected'))`, 1],
    'while it is being stopped': ['broker.stop(); process.exit(9)', 9],
    'while it is being drained': ['broker.drain(); process.exit(9)', 9]
  }
  for (const [name, [end, expected]] of Object.entries(ends)) {
    test(name, async t => {
      const { code, signal, stdout, stderr } = await run(t, `${start}; ${end}`).ended
      assert.deepEqual([code, signal], [expected, null], stderr)
      if (!isWindows) assert.equal(fs.existsSync(path.dirname(stdout.trim())), false)
    })
  }

  test('by a signal that it handles', unixOnly, async t => {
    for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
      const host = run(t, `${start}; ${client}`, { args: ['handle'] })
      const pipe = await host.line()
      await until(async () => (await connect(t, pipe).list()).k)
      assert.equal((await host.kill(signal)).code, 0)
      assert.equal(fs.existsSync(path.dirname(pipe)), false)
    }
  })

  test('a thread that is terminated', async t => {
    const host = run(
      t,
      `const { Worker } = require('node:worker_threads')
       const worker = new Worker('const { Broker } = require(' + JSON.stringify(process.cwd()) + '); new Broker().start().then(pipe => require("node:worker_threads").parentPort.postMessage(pipe))', { eval: true })
       worker.once('message', async pipe => { await worker.terminate(); await say(pipe); process.stdin.once('data', () => process.exit(0)) })`
    )
    const pipe = await host.line()
    if (!isWindows) assert.equal(fs.existsSync(path.dirname(pipe)), false)
    host.tell('over')
    assert.equal((await host.ended).code, 0)
  })
})

test('nothing was left of any of these', unixOnly, async () => {
  const broker = new Broker()
  await broker.start()
  await broker.stop()
  assert.deepEqual(leftovers(), [])
})
