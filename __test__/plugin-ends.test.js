// @ts-check
'use strict'

/** Test workers come and go: what their end sets off in a program, and what keeps a process alive until then. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { after, describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { testFile } = require('../lib/plugin')
const { run, until, useFolder } = require('./support')
const { PLUGIN, ask, begin, program, register, spawnTestWorker, startHost, write } = require('./support-plugin')

useFolder({ after })

/** A program that tells what becomes of its test workers. */
const OBSERVER = `
  main.ready()
  const events = []
  const follow = async (name, messages) => { for await (const { data } of messages) events.push(name + ' said ' + data); events.push(name + ' ended') }
  ;(async () => {
    for await (const worker of main.testWorkers()) {
      const name = worker.file.split('/').pop()
      follow(name, worker.subscribe())
      follow(name + ' replies', worker.publish('hello').replies())
      worker.teardown(() => { events.push(name + ' first teardown'); main.broadcast(name + ' has gone') })
      worker.teardown(async () => {
        events.push(name + ' second teardown')
        await new Promise(resolve => setTimeout(resolve, 20))
        events.push(name + ' second teardown ends')
      })
    }
  })()
  for await (const message of main.subscribe()) if (message.data === '?') message.reply(events)`

describe('a test worker that ends', () => {
  for (const how of ['killed', 'in an orderly way', 'by process.exit()']) {
    test(`${how}: teardowns run, the last one first and one after the other, then its iterators end`, async t => {
      const { broker } = await startHost(t)
      const file = program(t, OBSERVER)
      begin(t, '/watcher.js')
      const watcher = register(file)
      await watcher.available
      const heard = (async () => {
        for await (const { data } of watcher.subscribe()) if (data.endsWith('gone')) return data
      })()
      const worker = spawnTestWorker(
        t,
        broker,
        `const file = testFile('/other.js')
        const shared = register(${JSON.stringify(file)})
        await shared.available
        await ask(shared, '?')
        shared.publish('bye')
        say('connected')
        if (${JSON.stringify(how)} === 'killed') setInterval(() => {}, 1000)
        else if (${JSON.stringify(how)} === 'in an orderly way') await file.teardown()
        else setTimeout(() => process.exit(), 20)`
      )
      await worker.said()
      if (how === 'killed') {
        await until(async () => (await ask(watcher, '?')).includes('other.js said bye'))
        worker.child.kill('SIGKILL')
      }
      const events = () => ask(watcher, '?').then((/** @type {string[]} */ all) => all.filter(event => event.startsWith('other')))
      await until(async () => (await events()).includes('other.js replies ended'))
      assert.deepEqual(await events(), [
        'other.js said ?',
        'other.js said bye',
        'other.js second teardown',
        'other.js second teardown ends',
        'other.js first teardown',
        'other.js ended',
        'other.js replies ended'
      ])
      assert.equal(await heard, 'other.js has gone')
    })
  }

  test('killed: what it said and nobody has looked at is dropped', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const seen = []
      let torn
      const gone = new Promise(resolve => { torn = resolve })
      const slow = async () => {
        for await (const { data, testWorker } of main.subscribe()) {
          if (data === '?') continue
          if (seen.length === 0) testWorker.teardown(torn)
          seen.push(data)
          await gone
        }
      }
      slow()
      let arrived = 0
      for await (const message of main.subscribe()) {
        if (message.data === '?') message.reply({ seen, arrived })
        else arrived++
      }`
    )
    begin(t)
    const shared = register(file)
    await shared.available
    const worker = spawnTestWorker(
      t,
      broker,
      `const shared = register(${JSON.stringify(file)})
      await shared.available
      for (let i = 0; i < 50; i++) shared.publish(i)
      setInterval(() => {}, 1000)`
    )
    await until(async () => (await ask(shared, '?')).arrived === 50)
    worker.child.kill('SIGKILL')
    await worker.exited
    shared.publish('after it')
    await until(async () => (await ask(shared, '?')).seen.length > 1)
    assert.deepEqual((await ask(shared, '?')).seen, [0, 'after it'])
  })

  test('cannot be given teardowns any more, and what is opened of it then ends', async t => {
    const { failures } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const known = []
      ;(async () => { for await (const worker of main.testWorkers()) {
        const entry = { worker }
        known.push(entry)
        worker.teardown(() => { entry.gone = true })
      } })()
      for await (const message of main.subscribe()) {
        if (message.data === 'gone?') { message.reply(known[0].gone === true); continue }
        const { worker } = known[0]
        let error
        try { worker.teardown(() => {}) } catch (thrown) { error = thrown }
        const published = worker.publish('nobody is there')
        const ends = [published.replies(), worker.subscribe()].map(async messages => (await messages.next()).done)
        message.reply([error.code, error.message, await Promise.all(ends)])
      }`
    )
    const first = begin(t, '/first.js')
    await register(file).available
    await first.teardown()
    begin(t)
    const shared = register(file)
    await shared.available
    await until(() => ask(shared, 'gone?'))
    const [code, message, ends] = await ask(shared, 'what now?')
    assert.equal(code, 'test_worker_gone')
    assert.match(message, new RegExp(`${first.id} \\(${pathToFileURL('/first.js').href}\\) is gone`))
    assert.deepEqual(ends, [true, true])
    assert.deepEqual(failures, [])
  })

  test('runs no teardown twice: not one that was called, nor one that is running', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      const ran = []
      ;(async () => { for await (const worker of main.testWorkers()) {
        const add = (name, wait) => worker.teardown(async () => { ran.push(name); await wait; ran.push(name + ' ends') })
        add('first')
        const second = add('second')
        const slow = add('slow', new Promise(resolve => setTimeout(resolve, 50)))
        second()
        second()
        worker.publish('ready')
        ;(async () => { for await (const { data } of worker.subscribe()) if (data === "slow") slow() })()
      } })()
      for await (const message of main.subscribe()) if (message.data === '?') message.reply(ran)`
    )
    const first = begin(t)
    const shared = register(file)
    await shared.subscribe().next()
    shared.publish('slow')
    await first.teardown()
    begin(t)
    const again = register(file)
    await again.available
    await until(async () => (await ask(again, '?')).filter((/** @type {string} */ name) => name === 'first ends').length === 1)
    const ran = await ask(again, '?')
    // The second test worker's own second one has run too.
    assert.deepEqual(
      ran.filter((/** @type {string} */ name) => !name.startsWith('second')),
      ['slow', 'slow ends', 'first', 'first ends']
    )
    assert.equal(ran.filter((/** @type {string} */ name) => name === 'second').length, 2)
  })
})

test('who asks for that waits until programs are done with a test file', async t => {
  await startHost(t)
  const mark = `${write(t, '')}.mark`
  const file = program(
    t,
    `main.ready()
    for await (const worker of main.testWorkers()) {
      worker.teardown(async () => {
        await new Promise(resolve => setTimeout(resolve, 100))
        ;(await import('node:fs')).writeFileSync(${JSON.stringify(mark)}, 'done')
      })
      worker.publish('ready')
    }`
  )
  const begun = begin(t)
  await register(file).subscribe().next()
  await begun.teardown({ finished: 10_000 })
  assert.equal(fs.readFileSync(mark, 'utf8'), 'done')
})

describe('stop()', () => {
  test('waits for the teardowns of test workers that are still there', async t => {
    const { broker } = await startHost(t)
    const mark = `${write(t, '')}.mark`
    const file = program(
      t,
      `main.ready()
      for await (const worker of main.testWorkers()) {
        worker.teardown(async () => {
          await new Promise(resolve => setTimeout(resolve, 100))
          ;(await import('node:fs')).writeFileSync(${JSON.stringify(mark)}, 'done')
        })
        worker.publish('ready')
      }`
    )
    begin(t)
    const shared = register(file)
    await shared.subscribe().next()
    const waiting = shared.subscribe().next()
    waiting.catch(() => {})
    const { sharedWorkerErrors } = await broker.stop()
    assert.deepEqual(sharedWorkerErrors, [])
    assert.equal(fs.readFileSync(mark, 'utf8'), 'done')
    await assert.rejects(waiting, { code: 'no_longer_available' })
    assert.equal(shared.currentlyAvailable, false)
  })

  test('waits no longer than 5 s, and tells; other programs have their time', async t => {
    const { broker } = await startHost(t)
    const body = (/** @type {string} */ teardown) =>
      program(t, `main.ready(); for await (const worker of main.testWorkers()) { worker.teardown(${teardown}); worker.publish('ready') }`)
    const files = [body('() => new Promise(() => {})'), body('() => {}'), body('() => { for (;;); }')]
    begin(t)
    for (const file of files) await register(file).subscribe().next()
    const start = performance.now()
    const { sharedWorkerErrors } = await broker.stop()
    const took = performance.now() - start
    // One after the other would be 10 s.
    assert.ok(took > 4900 && took < 9900, `${took} ms`)
    assert.deepEqual(sharedWorkerErrors.map(({ filename }) => filename).sort(), [files[0], files[2]].sort())
    for (const { message } of sharedWorkerErrors) assert.match(message, /was not done with its teardowns after 5 s/)
  })

  test("runs the program's own teardowns last, the exit handlers of its thread after them", async t => {
    const { broker } = await startHost(t)
    const log = `${write(t, '')}.log`
    const file = program(
      t,
      `const { appendFileSync } = await import('node:fs')
      const note = text => appendFileSync(${JSON.stringify(log)}, text + '\\n')
      const later = async text => { await new Promise(resolve => setImmediate(resolve)); note(text) }
      main.teardown(() => later('own, first'))
      main.teardown(() => { note('own, that throws'); throw new Error('too late') })
      const early = main.teardown(() => note('own, run early'))
      process.on('exit', () => note('exit'))
      main.ready()
      await early()
      for await (const worker of main.testWorkers()) {
        worker.teardown(() => later('of the test worker'))
        worker.publish('ready')
      }`
    )
    begin(t)
    await register(file).subscribe().next()
    const { sharedWorkerErrors } = await broker.stop()
    const expected = ['own, run early', 'of the test worker', 'own, that throws', 'own, first', 'exit']
    assert.deepEqual(fs.readFileSync(log, 'utf8').trim().split('\n'), expected)
    assert.deepEqual(
      sharedWorkerErrors.map(({ message }) => message),
      ['too late']
    )
  })

  test('reports what such a teardown throws', async t => {
    const { broker } = await startHost(t)
    begin(t)
    const shared = register(
      program(
        t,
        "main.ready(); for await (const worker of main.testWorkers()) { worker.teardown(() => { throw new Error('late') }); worker.publish('ready') }"
      )
    )
    await shared.subscribe().next()
    const { sharedWorkerErrors } = await broker.stop()
    assert.deepEqual(
      sharedWorkerErrors.map(({ message }) => message),
      ['late']
    )
  })

  test('and a start after it load programs anew', async t => {
    const { broker } = await startHost(t)
    const file = program(t, 'main.ready(); for await (const message of main.subscribe()) message.reply(main.initialData)')
    for (const initialData of [1, 2]) {
      const begun = begin(t)
      const shared = register(file, { initialData })
      await shared.available
      assert.equal(await ask(shared, '?'), initialData)
      await begun.teardown()
      await broker.stop()
      await broker.start()
    }
  })
})

describe('a program that reads nothing', () => {
  test('does not keep a test file from its end, which says what was not taken', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        message.reply('begun')
        setImmediate(() => setImmediate(() => { for (;;); }))
      }`
    )
    const begun = testFile(__filename)
    const shared = register(file)
    await shared.available
    await ask(shared, 'block')
    for (let i = 0; i < 10; i++) shared.publish('x'.repeat(1e6))
    await assert.rejects(begun.teardown(), { code: 'timeout', message: /has not taken what was published to it, within 5 s/ })
  })
})

describe('a process', () => {
  const ends = async (/** @type {import('node:test').TestContext} */ t, /** @type {string} */ source) => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      "await new Promise(resolve => setTimeout(resolve, 300)); main.ready(); for await (const message of main.subscribe()) if (message.data === 'reply') setTimeout(() => message.reply('late'), 300)"
    )
    const worker = spawnTestWorker(t, broker, `const program = ${JSON.stringify(file)}\nconst shared = register(program)\n${source}`)
    const { code, output } = await worker.exited
    assert.equal(code, 0, output)
    return output
  }

  test('is kept by availability that is pending', async t => {
    assert.match(await ends(t, "shared.available.then(() => console.log('available'))"), /available/)
  })

  test('is kept by an iterator that waits', async t => {
    assert.match(await ends(t, "await shared.available; console.log(await ask(shared, 'reply'))"), /late/)
  })

  test('is not kept by a registration, nor by an iterator that does not wait', async t => {
    const output = await ends(
      t,
      `await shared.available
      const messages = shared.subscribe()
      const waiting = messages.next()
      await messages.return()
      await waiting
      process.on('exit', () => console.log('nothing to do'))`
    )
    assert.match(output, /nothing to do/)
  })

  test('is not kept after the teardown, whatever waits', async t => {
    const output = await ends(
      t,
      `const file = testFile('/late.js')
      const late = register(program)
      await late.available
      late.subscribe().next()
      late.publish('nothing').replies().next()
      await file.teardown()
      process.on('exit', () => console.log('nothing to do'))`
    )
    assert.match(output, /nothing to do/)
  })

  test('is kept until what it published is written, though the program is busy', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      let bytes = 0
      for await (const message of main.subscribe()) {
        if (message.data === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
        else if (message.data === '?') message.reply(bytes)
        else bytes += message.data.length
      }`
    )
    const worker = spawnTestWorker(
      t,
      broker,
      `const shared = register(${JSON.stringify(file)})
      await shared.available
      shared.publish('block')
      setTimeout(() => { for (let i = 0; i < 20; i++) shared.publish('x'.repeat(1e6)) }, 50)`
    )
    assert.equal((await worker.exited).code, 0)
    begin(t)
    const shared = register(file)
    await shared.available
    await until(async () => (await ask(shared, '?')) === 20e6)
  })

  test('is heard to the end before its teardowns run, though the broker stops right then and the program is busy', async t => {
    const { broker } = await startHost(t)
    const log = write(t, '', 'log.txt')
    const file = program(
      t,
      `main.ready()
      const { appendFileSync } = await import('node:fs')
      const log = text => appendFileSync(${JSON.stringify(log)}, text)
      for await (const worker of main.testWorkers()) {
        let heard = 0
        worker.teardown(() => log(String(heard)))
        for await (const { data } of worker.subscribe()) {
          if (data !== 'block') heard++
          else {
            log('blocked, ')
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
          }
        }
      }`
    )
    const begun = begin(t)
    const shared = register(file)
    await shared.available
    shared.publish('block')
    await until(() => fs.readFileSync(log, 'utf8') !== '')
    for (let count = 0; count < 5; count++) shared.publish(count)
    await begun.teardown()
    await broker.stop()
    assert.equal(fs.readFileSync(log, 'utf8'), 'blocked, 5')
  })

  test('that hosts programs is not kept by them', async t => {
    const file = program(t, 'main.ready()')
    const host = run(
      t,
      `const { register } = require(${JSON.stringify(require.resolve('./support-plugin/ask.js'))})
      const { testFile } = require(${JSON.stringify(PLUGIN)})
      const broker = new Broker()
      await broker.start()
      broker.unref()
      const begun = testFile('/a.js')
      await register(${JSON.stringify(file)}).available
      await begun.teardown()
      await say('end')`
    )
    assert.equal((await host.ended).code, 0)
  })
})
