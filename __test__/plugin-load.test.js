// @ts-check
'use strict'

/** Many messages, many test workers, and programs that are in nobody's way. */

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { connect, until, useFolder } = require('./support')
const { ask, begin, program, register, spawnTestWorker, startHost } = require('./support-plugin')

useFolder({ after })

const PROCESSES = 8
const MESSAGES = 12_500

const TEST_WORKERS = 1000
/** In processes that are killed; so many are of one process each time. */
const KILLED = 333
const OF_ONE = 9
/** How many processes there are at a time. */
const LANES = 4

describe('a program', () => {
  test('gets 100,000 messages of 8 processes, each in order, none lost, and answers them', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const counts = new Map()
      let disorder = 0
      for await (const message of main.subscribe()) {
        const { data, testWorker } = message
        if (data === '?') { message.reply([[...counts.values()], disorder]); continue }
        const count = counts.get(testWorker.id) ?? 0
        if (data.index !== count) disorder++
        counts.set(testWorker.id, count + 1)
        testWorker.publish(data.index)
      }`
    )
    const source = `
      const shared = register(${JSON.stringify(file)})
      await shared.available
      let next = 0
      const answered = (async () => {
        for await (const { data } of shared.subscribe()) {
          if (data !== next++) throw new Error('expected ' + (next - 1) + ', not ' + data)
          if (next === ${MESSAGES}) break
        }
      })()
      for (let index = 0; index < ${MESSAGES}; index++) {
        shared.publish({ index })
        // Some in one tick, some in ticks of their own.
        if (index % 500 > 400) await new Promise(resolve => setImmediate(resolve))
      }
      await answered`
    const workers = Array.from({ length: PROCESSES }, () => spawnTestWorker(t, broker, source))
    for (const { exited } of workers) assert.deepEqual(await exited, { code: 0, signal: null, output: '' })
    begin(t)
    const shared = register(file)
    await shared.available
    assert.deepEqual(await ask(shared, '?'), [Array(PROCESSES).fill(MESSAGES), 0])
  })

  test('sees each of 1,000 test workers once, a third of them killed, and tears each down once', async t => {
    const { broker, failures } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const seen = new Map()
      const of = id => seen.get(id) ?? seen.set(id, { connected: 0, torn: 0, said: 0, ended: 0 }).get(id)
      const follow = async worker => {
        for await (const _ of worker.subscribe()) of(worker.id).said++
        of(worker.id).ended++
      }
      ;(async () => { for await (const worker of main.testWorkers()) {
        of(worker.id).connected++
        worker.teardown(async () => { await null; of(worker.id).torn++ })
        follow(worker)
        worker.publish('hello')
      } })()
      for await (const message of main.subscribe()) {
        if (message.data !== '?') continue
        const kinds = {}
        for (const [id, counts] of seen) {
          if (id === message.testWorker.id) continue
          const kind = Object.values(counts).join()
          kinds[kind] = (kinds[kind] ?? 0) + 1
        }
        message.reply(kinds)
      }`
    )
    const one = `
      const one = async () => {
        const file = testFile('/t.js')
        const shared = register(${JSON.stringify(file)})
        await shared.subscribe().next()
        shared.publish('something')
        return file
      }`
    const killed = async () => {
      const worker = spawnTestWorker(
        t,
        broker,
        `${one}\nfor (let i = 0; i < ${OF_ONE}; i++) await one()\nsetTimeout(() => say('all'), 10)\nsetInterval(() => {}, 1000)`
      )
      await worker.said()
      worker.child.kill('SIGKILL')
      await worker.exited
    }
    const orderly = (/** @type {number} */ count) =>
      spawnTestWorker(t, broker, `${one}\nfor (let i = 0; i < ${count}; i++) { const file = await one(); await file.teardown() }`).exited
    let left = KILLED / OF_ONE
    const lane = async () => {
      while (left-- > 0) await killed()
    }
    const rest = TEST_WORKERS - KILLED
    const counts = [Math.floor(rest / 2), Math.ceil(rest / 2)]
    await Promise.all([...counts.map(orderly), ...Array.from({ length: LANES }, lane)])
    const watcher = begin(t)
    const shared = register(file)
    await shared.available
    // Connected, torn down, spoken, ended: once each.
    const all = { '1,1,1,1': TEST_WORKERS }
    await until(async () => JSON.stringify(await ask(shared, '?')) === JSON.stringify(all))
    await watcher.teardown()
    const client = connect(t, broker.pipe)
    await until(async () => (await client.stats()).sessions === 1)
    assert.deepEqual(failures, [])
    assert.deepEqual((await broker.stop()).sharedWorkerErrors, [])
  })

  test('that blocks its thread for 2 s delays neither the broker nor another program', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        if (message.data === 'block') {
          message.testWorker.publish('blocking')
          setTimeout(() => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000); message.reply('done') }, 10)
        } else message.reply(message.data)
      }`
    )
    begin(t)
    const [blocked, other] = [register(file), register(`${file}#other`)]
    await Promise.all([blocked.available, other.available])
    const client = connect(t, broker.pipe)
    await client.set('key', 'value')
    const begun = blocked.subscribe().next()
    let done = false
    const end = ask(blocked, 'block').then(() => (done = true))
    await begun
    let worst = 0
    let rounds = 0
    for (; !done; rounds++) {
      const start = performance.now()
      await client.get('key')
      await ask(other, rounds)
      if (!done) worst = Math.max(worst, performance.now() - start)
    }
    await end
    // Less than the block: a machine that does something else for a while is no fault of ours.
    assert.ok(worst < 1500, `${worst} ms`)
    assert.ok(rounds > 20, `${rounds} rounds`)
  })
})
