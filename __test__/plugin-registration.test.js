// @ts-check
'use strict'

/** Registering shared workers: which is which, what is refused, and the test files that they belong to. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { after, describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { Worker } = require('node:worker_threads')
const { BrokerError } = require('..')
const { registerSharedWorker, testFile } = require('../lib/plugin')
const { connect, until, useFolder } = require('./support')
const { PLUGIN, ask, begin, program, register, spawnTestWorker, startHost, write } = require('./support-plugin')

useFolder({ after })

const DATA = 'main.ready(); for await (const message of main.subscribe()) message.reply(main.initialData)'

describe('a registration', () => {
  test('is refused where it asks for no protocol that there is, at once and with what it asked for', async t => {
    await startHost(t)
    begin(t)
    const filename = program(t, DATA)
    assert.throws(() => registerSharedWorker({ filename, supportedProtocols: ['ava-5', 'mine'] }), {
      code: 'unsupported_protocol',
      message: /ava-5, mine.*ava-4/
    })
    assert.throws(() => registerSharedWorker({ filename, supportedProtocols: [] }), { code: 'unsupported_protocol' })
    const shared = registerSharedWorker({ filename, supportedProtocols: ['mine', 'ava-4'] })
    assert.equal(shared.protocol, 'ava-4')
    await shared.available
  })

  test('says which option is wrong', () => {
    const wrong = (/** @type {any} */ options, /** @type {RegExp} */ message) => {
      assert.throws(
        () => registerSharedWorker(options),
        (/** @type {any} */ error) => error instanceof BrokerError && error.code === 'invalid_option' && message.test(error.message)
      )
    }
    const supportedProtocols = ['ava-4']
    wrong(undefined, /supportedProtocols must be an array/)
    wrong({ filename: '/a.js', supportedProtocols: 'ava-4' }, /supportedProtocols must be an array such as \['ava-4'\], not "ava-4"/)
    wrong({ filename: './a.js', supportedProtocols }, /filename must be a URL, or an absolute path, not "\.\/a\.js"/)
    wrong({ supportedProtocols }, /filename must be .* not undefined/)
    wrong({ filename: '/a.js', supportedProtocols, teardown: 7 }, /teardown must be a function, not 7/)
    for (const file of ['', null, {}]) assert.throws(() => testFile(/** @type {any} */ (file)), { code: 'invalid_option' })
  })

  test('says where the broker should have come from', () => {
    const begun = testFile(__filename)
    assert.throws(() => register('/a.js'), { code: 'no_pipe' })
    return begun.teardown()
  })

  test('is the same object for the same filename, and knows its availability', async t => {
    await startHost(t)
    begin(t)
    const filename = program(t, DATA)
    const shared = register(filename)
    assert.equal(register(filename), shared)
    assert.notEqual(register(`${filename}#2`), shared)
    assert.equal(shared.currentlyAvailable, false)
    assert.throws(() => shared.publish(1), { message: 'Shared worker is not yet available', code: 'not_yet_available' })
    assert.equal(await shared.available, undefined)
    assert.equal(shared.currentlyAvailable, true)
    begin(t)
    assert.notEqual(register(filename), shared)
  })

  test('tells programs apart by the filename as it is written, and gives the first data to each', async t => {
    await startHost(t)
    const file = program(t, DATA)
    const url = pathToFileURL(file)
    const names = [file, url, `${file}#a`, `${file}?b`, new URL('#a', url), `${path.dirname(file)}/./program.mjs`]
    for (const initialData of ['first', 'second']) {
      const begun = begin(t)
      for (const [index, filename] of names.entries()) {
        const shared = register(filename, { initialData: `${initialData} ${index}` })
        await shared.available
        assert.equal(await ask(shared, '?'), `first ${index}`)
      }
      await begun.teardown()
    }
    begin(t)
    const none = register(`${file}#none`)
    await none.available
    assert.equal(await ask(none, '?'), undefined)
  })

  test('takes programs in all forms: modules, CommonJS, what was compiled, async, with ready() later', async t => {
    await startHost(t)
    begin(t)
    const body = `{ const main = negotiateProtocol(['other', 'ava-4']); const again = negotiateProtocol(['ava-4'])
      setTimeout(() => main.ready().ready(), 10)
      for await (const message of main.subscribe()) message.reply([main.protocol, main === again, main.ready() === main]) }`
    const factory = `async ({ negotiateProtocol }) => ${body}`
    const files = [
      write(t, `export default ${factory}`, 'a module.mjs'),
      write(t, `module.exports = ${factory}`, 'common#.cjs'),
      write(t, `exports.default = ${factory}`, '100%.cjs'),
      write(t, `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = ${factory}`, 'compiled.cjs')
    ]
    for (const filename of files) {
      const shared = register(filename)
      await shared.available
      assert.deepEqual(await ask(shared, '?'), ['ava-4', true, true])
    }
  })

  test('of data that cannot be cloned throws at once', async t => {
    await startHost(t)
    begin(t)
    assert.throws(() => register(program(t, DATA), { initialData: () => {} }), { name: 'DataCloneError' })
  })
})

describe('a test file', () => {
  test('runs its teardowns once: the last one first, one after the other, programs side by side, publishing', async t => {
    await startHost(t)
    const file = program(
      t,
      `main.ready()
      const heard = []
      for await (const message of main.subscribe()) {
        if (message.data === '?') message.reply(heard)
        else heard.push(message.data)
      }`
    )
    const begun = begin(t)
    /** @type {string[]} */
    const order = []
    /** @type {() => void} */
    let otherEnded = () => {}
    const other = new Promise(resolve => (otherEnded = () => resolve(undefined)))
    const teardown =
      (/** @type {string} */ name, wait = () => Promise.resolve(/** @type {unknown} */ (undefined))) =>
      async () => {
        order.push(`${name} begins`)
        shared.publish(name)
        await wait()
        order.push(`${name} ends`)
      }
    // What comes last here waits for another program's: they do not wait for each other.
    const shared = register(file, { teardown: teardown('first') })
    register(file, { teardown: teardown('second') })
    register(file, { teardown: teardown('third', () => other) })
    register(`${file}#other`, { teardown: otherEnded })
    await begun.available()
    const twice = begun.teardown()
    assert.equal(begun.teardown(), twice)
    await twice
    assert.deepEqual(order, ['third begins', 'third ends', 'second begins', 'second ends', 'first begins', 'first ends'])
    begin(t)
    const again = register(file)
    await again.available
    assert.deepEqual(await ask(again, '?'), ['third', 'second', 'first'])
  })

  test('runs all teardowns although some throw, and says so', async t => {
    await startHost(t)
    const file = program(t, DATA)
    let ran = 0
    const throwing = (/** @type {string} */ text) => () => {
      ran++
      throw new Error(text)
    }
    const one = testFile(__filename)
    register(file, { teardown: () => ran++ })
    register(file, { teardown: throwing('only') })
    await assert.rejects(one.teardown(), /^Error: only$/)
    const two = testFile(__filename)
    for (const text of ['a', 'b']) register(file, { teardown: throwing(text) })
    await assert.rejects(
      two.teardown(),
      error => error instanceof AggregateError && error.errors.map(({ message }) => message).join() === 'b,a'
    )
    assert.equal(ran, 4)
  })

  test('is available when all that it registered is, also what comes late', async t => {
    await startHost(t)
    const begun = begin(t)
    const slow = program(t, 'setTimeout(() => main.ready(), 50)')
    const first = register(slow)
    const all = begun.available()
    const second = register(`${slow}#2`)
    await all
    assert.deepEqual([first.currentlyAvailable, second.currentlyAvailable], [true, true])
    assert.equal(await testFile('/none.js').available(), undefined)
  })

  test('leaves iterators waiting when it ends, and says so to who publishes then', async t => {
    await startHost(t)
    const begun = begin(t)
    const shared = register(program(t, DATA))
    await shared.available
    let settled = false
    for (const messages of [shared.subscribe(), shared.publish(1).replies(), shared.subscribe()]) {
      const consume = async () => {
        await messages.next()
        await messages.next()
      }
      consume().finally(() => (settled = true))
    }
    await ask(shared, '?')
    await begun.teardown()
    assert.throws(() => shared.publish(1), { code: 'no_longer_available', message: /the test file that registered it has ended/ })
    assert.equal(shared.currentlyAvailable, false)
    // The program is there still, and has heard of its end.
    begin(t)
    const other = register(program(t, DATA))
    await other.available
    assert.equal(settled, false)
  })

  test('is begun by the first registration where nobody began one, and ends with the process', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const events = []
      ;(async () => { for await (const worker of main.testWorkers()) { worker.teardown(() => events.push('gone')); events.push(worker.file) } })()
      for await (const message of main.subscribe()) message.data === '?' ? message.reply(events) : events.push(message.data)`
    )
    begin(t, '/watcher.js')
    const shared = register(file)
    await shared.available
    const worker = spawnTestWorker(
      t,
      broker,
      `const shared = register(${JSON.stringify(file)}, { teardown: async () => { await null; shared.publish('teardown') } })
      await shared.available
      shared.publish('test')`
    )
    const { code, output } = await worker.exited
    assert.equal(code, 0, output)
    const url = pathToFileURL(worker.file).href
    await until(async () => (await ask(shared, '?')).length === 5)
    assert.deepEqual(await ask(shared, '?'), [pathToFileURL('/watcher.js').href, url, 'test', 'teardown', 'gone'])
  })

  test('may be many in one process, in its threads too, and leaves no connection to the broker', async t => {
    const { broker } = await startHost(t)
    const file = program(
      t,
      `main.ready()
      const files = []
      ;(async () => { for await (const worker of main.testWorkers()) files.push(worker.file) })()
      for await (const message of main.subscribe()) message.reply(files)`
    )
    const source = `
      const { testFile } = require(${JSON.stringify(PLUGIN)})
      const { register } = require(${JSON.stringify(require.resolve('./support-plugin/ask.js'))})
      ;(async () => {
        for (const name of require('node:worker_threads').workerData) {
          const file = testFile(name)
          await register(${JSON.stringify(file)}).available
          await file.teardown()
        }
      })()`
    const threads = [0, 1].map(thread => new Worker(source, { eval: true, workerData: [`/${thread}/a.js`, `/${thread}/b.js`] }))
    await Promise.all(threads.map(thread => new Promise(resolve => thread.on('exit', resolve))))
    const begun = begin(t, '/last.js')
    const shared = register(file)
    await shared.available
    const files = await ask(shared, '?')
    assert.deepEqual(
      [...files].sort(),
      ['/0/a.js', '/0/b.js', '/1/a.js', '/1/b.js', '/last.js'].map(name => pathToFileURL(name).href)
    )
    await begun.teardown()
    const watcher = connect(t, broker.pipe)
    await until(async () => (await watcher.stats()).sessions === 1)
  })
})
