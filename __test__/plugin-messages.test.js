// @ts-check
'use strict'

/** What test workers and programs say to each other, as in the document of AVA's shared workers. */

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { until, useFolder } = require('./support')
const { ask, begin, program, register, spawnTestWorker, startHost, write } = require('./support-plugin')

useFolder({ after })

const ECHO = 'main.ready(); for await (const message of main.subscribe()) message.reply(message.data)'

describe('the programs of the document', () => {
  test('Marco Polo', async t => {
    await startHost(t)
    begin(t)
    const marcoPolo = write(
      t,
      `export default ({ negotiateProtocol }) => {
        const main = negotiateProtocol(['ava-4']).ready()
        play(main.subscribe())
      }
      const play = async messages => {
        for await (const message of messages) {
          if (message.data === 'Marco') {
            const response = message.reply('Polo')
            play(response.replies())
          }
        }
      }`
    )
    const shared = register(marcoPolo)
    await shared.available
    let count = 0
    let replies = shared.publish('Marco').replies()
    for (;;) {
      const { value: message } = await replies.next()
      assert.equal(message?.data, 'Polo')
      if (++count === 20) break
      await replies.return()
      replies = /** @type {NonNullable<typeof message>} */ (message).reply('Marco').replies()
    }
  })

  test('Bingo: everybody hears it, in threads and in processes', async t => {
    const { broker } = await startHost(t)
    const bingo = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        if (message.data === 'Bingo!') main.broadcast('Bingo!')
      }`
    )
    const source = `
      const shared = register(${JSON.stringify(bingo)})
      await shared.available
      const heard = shared.subscribe().next()
      say('listening')
      say((await heard).value.data)
    `
    const workers = [1, 2, 3, 4].map(() => spawnTestWorker(t, broker, source))
    for (const { said } of workers) assert.equal(await said(), 'listening')
    begin(t)
    const shared = register(bingo)
    await shared.available
    const heard = Promise.all(workers.map(({ said }) => said()))
    shared.publish('Bingo!')
    assert.deepEqual(await heard, ['Bingo!', 'Bingo!', 'Bingo!', 'Bingo!'])
    for (const { exited } of workers) assert.equal((await exited).code, 0)
  })

  test('counters, with a teardown that is called by hand and one that is not', async t => {
    await startHost(t)
    const file = write(
      t,
      `const counters = new Map()
      let deleted = 0
      export default async ({ negotiateProtocol }) => {
        const main = negotiateProtocol(['ava-4']).ready()
        asked(main)
        for await (const worker of main.testWorkers()) {
          counters.set(worker, 0)
          const teardown = worker.teardown(() => {
            deleted++
            counters.delete(worker)
          })
          waitForTen(worker.subscribe(), teardown)
        }
      }
      const asked = async main => {
        for await (const message of main.subscribe()) if (message.data === '?') message.reply([counters.size, deleted])
      }
      const waitForTen = async (messages, teardown) => {
        for await (const { testWorker, data } of messages) {
          if (data === '?') continue
          const count = counters.get(testWorker) + 1
          if (count === 10) teardown()
          else counters.set(testWorker, count)
        }
      }`
    )
    const first = begin(t)
    const shared = register(file)
    await shared.available
    for (let i = 0; i < 10; i++) shared.publish('one')
    assert.deepEqual(await ask(shared, '?'), [0, 1])
    await first.teardown()
    const second = begin(t)
    const again = register(file)
    await again.available
    assert.deepEqual(await ask(again, '?'), [1, 1])
    await second.teardown()
    begin(t)
    const third = register(file)
    await third.available
    assert.deepEqual(await ask(third, '?'), [1, 2])
  })
})

describe('messages', () => {
  test('have ids that are unique in the host, on both sides', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        message.reply([message.id, message.testWorker.id, main.broadcast('noise').id])
      }`
    )
    const ids = []
    for (let i = 0; i < 2; i++) {
      const begun = begin(t)
      for (const filename of [file, `${file}#2`]) {
        const shared = register(filename)
        await shared.available
        for (let j = 0; j < 3; j++) {
          const published = shared.publish(j)
          const { value } = await published.replies().next()
          const [received, worker, broadcast] = /** @type {any} */ (value).data
          assert.equal(received, published.id)
          assert.equal(worker, begun.id)
          ids.push(published.id, value?.id, broadcast)
        }
      }
      await begun.teardown()
    }
    assert.equal(new Set(ids).size, 2 * 2 * 3 * 3)
    for (const id of ids) assert.equal(typeof id, 'string')
  })

  test('say whom they came from', async t => {
    await startHost(t)
    const begun = begin(t, '/tests/a file.js')
    const file = program(
      t,
      `main.ready()
      const connected = new Map()
      ;(async () => { for await (const worker of main.testWorkers()) connected.set(worker.id, worker) })()
      for await (const { reply, testWorker, ...message } of main.subscribe()) {
        testWorker.publish({ file: testWorker.file, same: connected.get(testWorker.id) === testWorker, message })
      }`
    )
    const shared = register(file)
    await shared.available
    const messages = shared.subscribe()
    const next = messages.next()
    const { id } = shared.publish('who?')
    const { value } = await next
    assert.deepEqual(value?.data, { file: pathToFileURL('/tests/a file.js').href, same: true, message: { id, data: 'who?' } })
    assert.equal(begun.file, pathToFileURL('/tests/a file.js').href)
  })

  test('are the same object in all subscriptions, and replies are in none of them', async t => {
    await startHost(t)
    begin(t)
    const file = program(
      t,
      `main.ready()
      for await (const worker of main.testWorkers()) {
        const seen = []
        for (const messages of [main.subscribe(), main.subscribe(), worker.subscribe()]) {
          ;(async () => { for await (const message of messages) seen.push(message) })()
        }
        const published = worker.publish('begin')
        for await (const message of published.replies()) {
          message.reply([seen.length, new Set(seen).size, seen.includes(message)])
        }
      }`
    )
    const shared = register(file)
    const [one, two, three] = [shared.subscribe(), shared.subscribe(), shared.subscribe()]
    const results = await Promise.all([one.next(), two.next(), three.next()])
    const begun = results[0].value
    assert.equal(begun?.data, 'begin')
    assert.ok(results.every(({ value }) => value === begun))
    shared.publish('a')
    shared.publish('b')
    assert.deepEqual((await begun?.reply('reply').replies().next())?.value?.data, [6, 2, false])
  })

  test('go to replies() of their own message only', async t => {
    await startHost(t)
    begin(t)
    const shared = register(program(t, ECHO))
    await shared.available
    const published = [1, 2, 3].map(data => shared.publish(data))
    const [a, b, c] = published.map(message => message.replies())
    const all = shared.subscribe().next()
    assert.deepEqual(
      (await Promise.all([a.next(), b.next(), c.next()])).map(({ value }) => value?.data),
      [1, 2, 3]
    )
    assert.equal(await Promise.race([all, ask(shared, 'last')]), 'last')
  })

  test('come in order, each in a turn of its own, though they come in one piece', async t => {
    await startHost(t)
    begin(t)
    const file = program(
      t,
      `main.ready()
      const messages = main.subscribe()
      const order = []
      for await (const message of messages) {
        if (message.data === 'order?') { message.reply(order); break }
        order.push(message.data)
        // More than a chain of promises would take if the next one came in the same turn.
        ;(async () => { for (let i = 0; i < 50; i++) await null; order.push(-message.data) })()
      }`
    )
    const shared = register(file)
    await shared.available
    for (let i = 1; i <= 100; i++) shared.publish(i)
    const order = await ask(shared, 'order?')
    assert.deepEqual(order, Array.from({ length: 100 }, (_, i) => [i + 1, -(i + 1)]).flat())
  })

  test('of a burst are each seen by who subscribes because of the one before', async t => {
    await startHost(t)
    begin(t)
    const shared = register(
      program(t, 'main.ready(); for await (const worker of main.testWorkers()) for (let i = 0; i < 30; i++) worker.publish(i)')
    )
    const seen = []
    for (let i = 0; i < 30; i++) {
      // A new subscription for each: what comes in between would be missed.
      const messages = shared.subscribe()
      const { value } = await messages.next()
      await messages.return()
      seen.push(value?.data)
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, i) => i)
    )
  })
})

describe('iterators', () => {
  test('subscribe at the first next(), have a buffer each and replay nothing', async t => {
    await startHost(t)
    begin(t)
    const shared = register(
      program(
        t,
        'main.ready(); for await (const { data, testWorker } of main.subscribe()) { testWorker.publish(data); testWorker.publish("done") }'
      )
    )
    await shared.available
    const [late, early] = [shared.subscribe(), shared.subscribe()]
    const first = early.next()
    shared.publish('a')
    assert.equal((await first).value?.data, 'a')
    const second = late.next()
    assert.equal((await second).value?.data, 'done')
    assert.equal((await early.next()).value?.data, 'done')
    shared.publish('b')
    for (const messages of [early, late])
      assert.deepEqual([(await messages.next()).value?.data, (await messages.next()).value?.data], ['b', 'done'])
  })

  test('end where they are told to, also while one waits', async t => {
    await startHost(t)
    begin(t)
    const shared = register(program(t, ECHO))
    const messages = shared.subscribe()
    const waiting = messages.next()
    assert.deepEqual(await messages.return(), { value: undefined, done: true })
    assert.deepEqual(await waiting, { value: undefined, done: true })
    assert.deepEqual(await messages.next(), { value: undefined, done: true })
    const never = shared.subscribe()
    await never.return()
    assert.deepEqual(await never.next(), { value: undefined, done: true })
    await assert.rejects(shared.subscribe().throw(new Error('mine')), /mine/)
  })

  test('of a broadcast go on when a test worker has gone, those of one worker end', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      const state = { broadcast: [], workers: 0, messages: 0, replies: 0, subscriptions: 0, main: 0 }
      const count = async (messages, name) => { for await (const _ of messages); state[name]++ }
      const published = main.broadcast('nobody hears it')
      ;(async () => { for await (const worker of main.testWorkers()) {
        state.workers++
        count(worker.subscribe(), 'subscriptions')
        count(worker.publish('hello').replies(), 'replies')
        ;(async () => { for await (const reply of main.broadcast('call').replies()) state.broadcast.push(reply.data) })()
      } })()
      count(main.subscribe(), 'main')
      for await (const message of main.subscribe()) if (message.data === '?') message.reply(state)`
    )
    const answer = async () => {
      const begun = begin(t)
      const shared = register(file)
      const calls = shared.subscribe()
      for (;;) {
        const { value } = await calls.next()
        if (value?.data === 'call') {
          value.reply('answer')
          break
        }
      }
      await calls.return()
      const state = await ask(shared, '?')
      await begun.teardown()
      return state
    }
    const ended = { messages: 0, main: 0 }
    assert.deepEqual(await answer(), { ...ended, broadcast: ['answer'], workers: 1, replies: 0, subscriptions: 0 })
    assert.deepEqual(await answer(), { ...ended, broadcast: ['answer', 'answer'], workers: 2, replies: 1, subscriptions: 1 })
    assert.deepEqual(await answer(), { ...ended, broadcast: ['answer', 'answer', 'answer'], workers: 3, replies: 2, subscriptions: 2 })
  })

  test('of test workers yield those that connect after they have begun, when the test worker knows that it is connected', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      const names = []
      const begin = async () => { for await (const worker of main.testWorkers()) { names.push(worker.file); worker.publish('welcome') } }
      for await (const message of main.subscribe()) {
        if (message.data === 'begin') begin()
        else message.reply(names)
      }`
    )
    const first = begin(t, '/first.js')
    const shared = register(file)
    await shared.available
    shared.publish('begin')
    assert.deepEqual(await ask(shared, '?'), [])
    await first.teardown()
    begin(t, '/second.js')
    const again = register(file)
    await again.available
    // Nothing came before this: the first message waits for who was told just now.
    const { value } = await again.subscribe().next()
    assert.equal(value?.data, 'welcome')
    assert.deepEqual(await ask(again, '?'), [pathToFileURL('/second.js').href])
  })

  test('let a program go on with what a test worker said before it ended', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      const seen = []
      const slow = async () => { for await (const { data } of main.subscribe()) { if (data !== '?') seen.push(data); await new Promise(resolve => setTimeout(resolve, 1)) } }
      slow()
      for await (const message of main.subscribe()) if (message.data === '?') message.reply(seen)`
    )
    const first = begin(t)
    const shared = register(file)
    await shared.available
    for (let i = 0; i < 50; i++) shared.publish(i)
    await first.teardown()
    begin(t)
    const again = register(file)
    await again.available
    await until(async () => (await ask(again, '?')).length === 50)
  })
})
