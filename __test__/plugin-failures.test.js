// @ts-check
'use strict'

/** Programs that fail: reported once by the host, with their stack; nobody waits for them in vain; the next registration loads them anew. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { after, describe, test } = require('node:test')
const { run, until, useFolder } = require('./support')
const { PLUGIN, ask, begin, program, register, spawnTestWorker, startHost, write } = require('./support-plugin')

useFolder({ after })

const GONE = { message: 'The shared worker is no longer available', code: 'no_longer_available' }

/** Programs that never become available: their source, and what is said. @type {Record<string, [string, RegExp]>} */
const STILLBORN = {
  'without a default export': ['export const factory = () => {}', /TypeError: the shared worker .*program\.mjs has no factory/],
  'with a default export that is no function': [
    'export default { ready: true }',
    /TypeError: the shared worker .*program\.mjs has no factory/
  ],
  'for another protocol': [
    "export default ({ negotiateProtocol }) => negotiateProtocol(['ava-9']).ready()",
    /program\.mjs asks for the protocols ava-9: only ava-4/
  ],
  'for another protocol, which it keeps to itself': [
    "export default ({ negotiateProtocol }) => { try { negotiateProtocol(['ava-9']) } catch {} }",
    /program\.mjs asks for the protocols ava-9: only ava-4/
  ],
  'whose factory throws': ["export default () => { throw new TypeError('boom') }", /^TypeError: boom\n +at .*program\.mjs:1/],
  'whose factory rejects': [
    "export default async () => { await null; throw new Error('late boom') }",
    /^Error: late boom\n +at .*program\.mjs:1/
  ],
  'that throw what is no error': ["export default () => { throw { odd: 'thing' } }", /\{ odd: 'thing' \}/],
  'that cannot be parsed': ['export default ({', /SyntaxError/],
  'that end the process': [
    'export default () => process.exit(3)',
    /program\.mjs has ended: process\.exit\(3\) was called in it\n(.*\n)*.*program\.mjs:1/
  ]
}

describe('programs', () => {
  for (const [name, [source, text]] of Object.entries(STILLBORN)) {
    test(`${name}: everybody is told, the host once`, async t => {
      const { broker, failures } = await startHost(t)
      const filename = write(t, source)
      const registered = [1, 2, 3].map(() => {
        begin(t)
        return register(filename)
      })
      const waiting = registered.map(shared => shared.subscribe().next())
      for (const next of waiting) next.catch(() => {})
      for (const shared of registered) {
        await assert.rejects(shared.available, error => {
          const { message, cause } = /** @type {Error & { cause: Error }} */ (error)
          assert.equal(message, GONE.message)
          assert.match(String(cause.stack), text)
          return true
        })
        assert.equal(shared.currentlyAvailable, false)
        assert.throws(() => shared.publish(1), GONE)
        await assert.rejects(shared.subscribe().next(), GONE)
      }
      for (const next of waiting) await assert.rejects(next, GONE)
      await until(() => failures.length > 0)
      assert.equal(failures.length, 1)
      assert.equal(failures[0].filename, filename)
      assert.ok(failures[0].error instanceof Error)
      assert.match(String(failures[0].error.stack), text)
      const { sharedWorkerErrors } = await broker.stop()
      assert.deepEqual(sharedWorkerErrors, [{ filename, message: failures[0].error.message, stack: failures[0].error.stack }])
    })
  }

  test('that are not there: their name is in the error', async t => {
    const { failures } = await startHost(t)
    begin(t)
    const filename = `${write(t, '')}.missing.mjs`
    await assert.rejects(register(filename).available, error => /** @type {any} */ (error).cause.code === 'ERR_MODULE_NOT_FOUND')
    await until(() => failures.length > 0)
    assert.match(failures[0].error.message, /missing\.mjs/)
  })
})

/** What ends a program in the middle of a run. @type {Record<string, string>} */
const CRASHES = {
  'an uncaught exception': "setImmediate(() => { throw new Error('boom') })",
  'an unhandled rejection': "Promise.reject(new Error('boom'))",
  'an error in a loop over messages': "throw new Error('boom')",
  'a teardown that throws': "message.testWorker.teardown(() => { throw new Error('boom') })"
}

describe('a crash in mid-run', () => {
  for (const [name, crash] of Object.entries(CRASHES)) {
    test(`by ${name}`, async t => {
      const { failures } = await startHost(t)
      const begun = begin(t)
      const filename = program(
        t,
        `main.ready()
        for await (const message of main.subscribe()) {
          if (message.data === 'crash') { ${crash} } else message.reply(message.data)
        }`
      )
      const shared = register(filename)
      await shared.available
      const messages = shared.subscribe()
      const waiting = messages.next()
      const replies = shared.publish('crash').replies().next()
      waiting.catch(() => {})
      replies.catch(() => {})
      if (name.startsWith('a teardown')) return void (await checkTeardown(t, failures, begun, filename))
      await assert.rejects(waiting, GONE)
      await assert.rejects(replies, GONE)
      assert.deepEqual(await messages.next(), { value: undefined, done: true })
      assert.throws(
        () => shared.publish(1),
        error => /boom/.test(/** @type {any} */ (error).cause.message)
      )
      assert.deepEqual(
        failures.map(({ error }) => error.message),
        ['boom']
      )
      assert.match(String(failures[0].error.stack), /program\.mjs/)
      // What was available before stays so.
      await shared.available
      assert.equal(register(filename), shared)
      begin(t)
      const anew = register(filename)
      await anew.available
      assert.equal(await ask(anew, 'again'), 'again')
    })
  }

  /**
   * @param {import('node:test').TestContext} t
   * @param {Array<{ error: Error }>} failures
   * @param {{ teardown: () => Promise<void> }} begun
   * @param {string} filename
   */
  async function checkTeardown(t, failures, begun, filename) {
    begin(t)
    const other = register(filename)
    await other.available
    const waiting = other.subscribe().next()
    waiting.catch(() => {})
    await begun.teardown()
    await assert.rejects(waiting, GONE)
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['boom']
    )
  }

  test('lets what was said before arrive first, however much that is', async t => {
    await startHost(t)
    const filename = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        for (let i = 0; i < 20; i++) message.reply('x'.repeat(1e6) + i)
        throw new Error('boom')
      }`
    )
    begin(t)
    const shared = register(filename)
    await shared.available
    /** @type {string[]} */
    const seen = []
    await assert.rejects(async () => {
      for await (const { data } of shared.publish('go').replies()) seen.push(data.slice(1e6))
    }, GONE)
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => String(i))
    )
  })

  test('by process.exit(): what was said before arrives first, and the host knows where it was called', async t => {
    const { failures } = await startHost(t)
    const filename = program(
      t,
      `main.ready()
      for await (const message of main.subscribe()) {
        message.reply('last words')
        process.exit()
      }`
    )
    begin(t)
    const shared = register(filename)
    await shared.available
    const replies = shared.publish('go').replies()
    assert.equal((await replies.next()).value?.data, 'last words')
    await assert.rejects(replies.next(), GONE)
    await until(() => failures.length > 0)
    assert.match(String(failures[0].error.stack), /process\.exit\(0\) was called(.*\n)*.*program\.mjs/)
  })

  test('runs the teardowns of test workers', async t => {
    await startHost(t)
    const filename = program(t, "main.ready(); for await (const _ of main.subscribe()) throw new Error('boom')")
    const begun = begin(t)
    let ran = 0
    const shared = register(filename, { teardown: () => ran++ })
    await shared.available
    await assert.rejects(shared.publish('go').replies().next(), GONE)
    await begun.teardown()
    assert.equal(ran, 1)
  })

  test('which the program survives by a handler of its own is none', async t => {
    const { failures } = await startHost(t)
    const filename = program(
      t,
      `let caught = ''
      process.on('uncaughtException', error => { caught = error.message })
      main.ready()
      for await (const message of main.subscribe()) {
        if (message.data === '?') message.reply(caught)
        else setImmediate(() => { throw new Error('expected') })
      }`
    )
    begin(t)
    const shared = register(filename)
    await shared.available
    shared.publish('throw')
    await until(async () => (await ask(shared, '?')) === 'expected')
    assert.deepEqual(failures, [])
  })
})

describe('a failure', () => {
  test('of each start is reported once, and a program that was mended is loaded', async t => {
    const { broker, failures } = await startHost(t)
    const filename = write(t, "export default () => { throw new Error('broken') }")
    for (let i = 0; i < 3; i++) {
      const begun = begin(t)
      await assert.rejects(register(filename).available, GONE)
      await begun.teardown()
    }
    assert.equal(failures.length, 1)
    fs.writeFileSync(filename, "export default ({ negotiateProtocol }) => void negotiateProtocol(['ava-4']).ready()")
    begin(t)
    await register(filename).available
    assert.equal((await broker.stop()).sharedWorkerErrors.length, 1)
  })

  test('that nobody listens for is printed, once', async t => {
    const filename = write(t, "export default () => { throw new Error('broken') }")
    const host = run(
      t,
      `const { register } = require(${JSON.stringify(require.resolve('./support-plugin/ask.js'))})
      const { testFile } = require(${JSON.stringify(PLUGIN)})
      const { Broker } = require(${JSON.stringify(require.resolve('..'))})
      const broker = new Broker()
      await broker.start()
      for (let i = 0; i < 2; i++) {
        const file = testFile('/a.js')
        await register(${JSON.stringify(filename)}).available.catch(() => {})
        await file.teardown()
      }
      say(JSON.stringify((await broker.stop()).sharedWorkerErrors.length))`
    )
    const { stdout, stderr } = await host.ended
    assert.equal(stdout.trim(), '1')
    assert.equal(stderr.match(/Error: broken/g)?.length, 1, stderr)
    assert.match(stderr, /the shared worker .*program\.mjs failed\n.*Error: broken\n +at /)
  })

  test('that a test worker does not ask about is no unhandled rejection of it', async t => {
    const { broker, failures } = await startHost(t)
    const filename = write(t, "export default () => { throw new Error('broken') }")
    const worker = spawnTestWorker(t, broker, `register(${JSON.stringify(filename)})`)
    assert.deepEqual(await worker.exited, { code: 0, signal: null, output: '' })
    assert.equal(failures.length, 1)
  })
})
