// @ts-check
'use strict'

/** What all integrations have in common: the broker of a run, and the client that knows its test. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { afterEach, beforeEach, describe, it } = require('node:test')
const { connect, startBroker, until } = require('./support')
const { Broker } = require('..')
const { hostBroker } = require('../lib/integrations/host.js')
const { Scope, worker } = require('../lib/integrations/worker.js')
const { leakError } = require('../lib/integrations/leaks.js')
const { leakLines, summaryLine } = require('../lib/integrations/summary.js')
const { makeProject } = require('./support-integrations/project.js')

const CORE = path.join(__dirname, '..', 'lib', 'integrations')
const CLI = path.join(__dirname, '..', 'bin', 'ephemeral-broker.js')
const where = { runner: 'Mule', hook: 'stable' }
const timeout = 30_000

/**
 * What a program prints to standard error.
 * @param {import('node:test').TestContext} t
 */
function captureErrors(t) {
  let text = ''
  t.mock.method(process.stderr, 'write', (/** @type {string} */ chunk) => {
    text += chunk
    return true
  })
  return () => text
}

/** A worker as a test file has it: of its own, though all of them are in this realm. @param {() => InstanceType<typeof Scope> | null} [running] */
function freshWorker(running) {
  const WORKER = Symbol.for('ephemeral-broker.worker')
  delete (/** @type {any} */ (globalThis)[WORKER])
  return worker({ runner: 'Mule', check: 'that the stable has a broker', name: () => 'mule-1', running })
}

describe('a worker', { timeout }, () => {
  /** @type {Broker} */
  let broker
  /** @type {ReturnType<typeof freshWorker>} */
  let mule

  beforeEach(async () => {
    broker = new Broker({ requireTTL: false, pools: { things: 1, accounts: [{ user: 'ada' }, { user: 'grace' }] } })
    await broker.start()
    mule = freshWorker()
  })

  afterEach(async () => {
    await mule.endFile()
    await broker.stop()
  })

  it('gives back what a test took, and tells the host', async () => {
    mule.begin('forgets')
    const thing = await mule.broker.acquire('things')
    const lock = await mule.broker.lock('door')
    const number = await mule.broker.lease('numbers', 'me')
    assert.equal(await mule.end(), null)

    assert.equal(number, 1)
    assert.ok(thing.signal.aborted && lock.signal.aborted)
    assert.equal(await thing.release(), false)
    const { leaked, leakedCount } = await broker.stop()
    assert.equal(leakedCount, 3)
    assert.deepEqual(
      leaked.map(({ kind, name, worker, test }) => [kind, name, worker, test]),
      [
        ['pool', 'things', 'mule-1', 'forgets'],
        ['lock', 'door', 'mule-1', 'forgets'],
        ['pool', 'numbers', 'me', 'forgets']
      ]
    )
  })

  it('leaves alone what a test releases, what is taken outside of tests, and what a test takes of a file', async () => {
    const outside = await mule.broker.acquire('things')
    const number = await mule.broker.lease('numbers', 'me')
    mule.begin('tidy')
    await (await mule.broker.acquire('accounts')).release()
    await mule.broker.withLock('door', () => {})
    assert.equal(await mule.broker.lease('numbers', 'me'), number, 'renewed, not taken')
    await mule.end()

    assert.equal(outside.signal.aborted, false)
    assert.equal(await mule.broker.lease('numbers', 'other'), number + 1, 'still held')
    await mule.broker.release('other')
    await mule.endFile()
    const { pools } = await broker.inspect()
    assert.ok(pools.every(({ held }) => held === 0))
    assert.equal((await broker.stop()).leakedCount, 0)
  })

  it('gives back what is granted after the test that asked for it', async t => {
    const client = connect(t, String(process.env.EPHEMERAL_PIPE))
    const other = await client.acquire('things')
    const scope = mule.begin('times out')
    const late = mule.broker.acquire('things')
    const before = (await broker.inspect()).pools.find(({ name }) => name === 'things')
    assert.equal(before?.waiting, 1)
    await mule.end(scope)
    await other.release()
    const thing = await late
    if (!thing.signal.aborted) await once(thing.signal, 'abort')
    await (await client.acquire('things')).release()
    const { leaked } = await broker.stop()
    assert.deepEqual(
      leaked.map(({ test }) => test),
      ['times out']
    )
  })

  it('knows tests that run side by side', async () => {
    const [first, second] = ['first', 'second'].map(title => new Scope(title))
    const take = async () => {
      await new Promise(resolve => setImmediate(resolve))
      return mule.broker.acquire('accounts')
    }
    const [, kept] = await Promise.all([mule.run(first, take), mule.run(second, take)])
    await mule.end(first)
    assert.equal(kept.signal.aborted, false)
    await mule.end(second)
    const { leaked } = await broker.stop()
    assert.deepEqual(
      leaked.map(({ test, number }) => [test, number]),
      [
        ['first', 1],
        ['second', 2]
      ]
    )
  })

  it('has what is its own until it ends, whatever files it runs', async () => {
    mule.begin('first')
    const account = await mule.broker.forWorker('accounts')
    const again = await mule.broker.forWorker('accounts')
    await mule.end()
    await mule.endFile()
    const next = freshWorker()
    next.begin('in another file')
    const later = await next.broker.forWorker('accounts')
    await next.end()
    assert.deepEqual([again, later], [account, account])
    assert.equal(next.broker.slot, 1)
    await assert.rejects(
      next.broker.forWorker('accounts', /** @type {any} */ ({ signal: AbortSignal.timeout(1) })),
      /forWorker takes no signal/
    )
    await assert.rejects(next.broker.forWorker('nothing'), { code: 'not_found' })
    await next.endFile()
    assert.equal((await broker.stop()).leakedCount, 0)
  })

  it('can be spied on', async t => {
    const acquire = t.mock.method(mule.broker, 'acquire', () => 'spied')
    assert.equal(mule.broker.acquire('things'), 'spied')
    acquire.mock.restore()
    assert.equal((await mule.broker.acquire('things')).number, 1)
  })

  it('says in which line of a test the call is that fails', async () => {
    const ask = async () => {
      await mule.broker.get('nothing')
    }
    const lines = (/** @type {unknown} */ error) => String(/** @type {Error} */ (error).stack).split('\n')
    await assert.rejects(ask(), error => {
      const [said, first] = lines(error)
      return (
        said === 'BrokerError: not_found: no value under "nothing"' && /^ {4}at ask \(.*integration-core\.test\.js:\d+:\d+\)$/u.test(first)
      )
    })
    // Not where the lock is asked for.
    await assert.rejects(mule.broker.withLock('door', ask), error => / at ask /u.test(lines(error)[1]))
  })

  it('says what to check where there is no broker, and only when it is asked for something', async () => {
    await broker.stop()
    const lost = freshWorker()
    assert.equal(lost.isUsed, false)
    assert.equal(Object.prototype.toString.call(lost.broker), '[object Object]')
    assert.throws(() => lost.broker.get('x'), {
      code: 'no_pipe',
      message:
        "no_pipe: this Mule worker finds no broker, because EPHEMERAL_PIPE is not set: check that the stable has a broker, or run the tests with 'npx ephemeral-broker start -- <command>'"
    })
  })

  it('fails a test that leaks where it was told to', async t => {
    process.env.EPHEMERAL_LEAKS = 'fail'
    t.after(() => delete process.env.EPHEMERAL_LEAKS)
    mule.begin('forgets')
    await mule.broker.acquire('things')
    const error = await mule.end()
    assert.equal(error?.code, 'leaked')
    assert.match(String(error?.message), /^leaked: not released: things 1, taken in 'forgets' by mule-1 pid \d+\. Release it/)
    mule.begin('tidy')
    await (await mule.broker.acquire('things')).release()
    assert.equal(await mule.end(), null)
  })
})

describe('a host', { timeout }, () => {
  it('declares what its options and the config file say, the options first', async t => {
    const errors = captureErrors(t)
    const files = {
      'ephemeral-broker.config.js': `module.exports = { pools: { a: 1, b: 1 }, values: { x: 1, y: 1 }, rateLimits: { api: { perSecond: 50 } }, leaks: 'fail' }`
    }
    const { root } = makeProject(t, { files })
    const host = await hostBroker({ pools: { b: 2 }, seed: { y: 2 } }, { ...where, folder: root })
    const client = connect(t, String(process.env.EPHEMERAL_PIPE))
    assert.equal(process.env.EPHEMERAL_LEAKS, 'fail')
    assert.deepEqual([await client.get('x'), await client.get('y')], [1, 2])
    assert.deepEqual([(await client.listPool('a')).length, (await client.listPool('b')).length], [1, 2])
    await client.throttle('api')
    assert.deepEqual(await host.stop(), { failed: false })
    assert.deepEqual(await host.stop(), { failed: false }, 'twice')
    assert.equal(process.env.EPHEMERAL_LEAKS, undefined)
    assert.equal(process.env.EPHEMERAL_PIPE, undefined)
    assert.equal(errors(), 'ephemeral-broker: at most in use: a 0 of 1, b 0 of 2; nobody waited; no leaks\n')
  })

  it('uses the broker that is there, and what that has already', async t => {
    const outer = await startBroker(t, { pools: { a: 1 } })
    const client = connect(t, String(process.env.EPHEMERAL_PIPE))
    await client.set('y', 'old')
    const errors = captureErrors(t)
    const host = await hostBroker({ pools: { a: 1, b: 2 }, seed: { x: 1, y: 1 } }, where)
    assert.equal(host.pipe, outer.pipe)
    assert.deepEqual([await client.get('x'), await client.get('y')], [1, 'old'])
    assert.equal((await client.listPool('b')).length, 2)
    await host.stop()
    assert.ok(outer.running)
    await assert.rejects(hostBroker({ pools: { a: 7 } }, where), {
      code: 'mismatch',
      message:
        /names cannot be used in stable of Mule: the pool "a" was defined with .*; say it once, here or where that broker is started$/
    })
    assert.equal(errors(), '')
  })

  it('refuses what is wrong, and says what', async () => {
    for (const [options, message] of /** @type {Array<[any, RegExp]>} */ ([
      [{ leaks: 'loud' }, /leaks of ephemeral-broker for Mule must be one of warn, fail, off, not "loud"/],
      [{ seed: ['a'] }, /seed of ephemeral-broker for Mule must be an object, not an array/],
      [{ pools: { a: 'x' } }, /pool "a" of Broker must be/],
      [{ summary: 1 }, /summary of ephemeral-broker for Mule must be true or false, not 1/],
      [
        { nonsense: 1 },
        /ephemeral-broker for Mule has no option "nonsense"; there are pools, seed, rateLimits, leaks, summary, defaultTTL,/
      ],
      [{ rateLimits: { api: { perSecond: 0 } } }, /for Mule: rateLimits\.api\.perSecond is 0; allowed is/],
      [{ rateLimits: { api: { persecond: 5 } } }, /for Mule: rateLimits\.api is a table; allowed is a table with perSecond or perMinute/],
      ['text', /takes an object of options, not "text"/]
    ])) {
      await assert.rejects(hostBroker(options, where), { code: 'invalid_option', message })
    }
    assert.equal(process.env.EPHEMERAL_PIPE, undefined)
  })

  it('names the hook where a broker cannot be started, or used', async t => {
    const other = await startBroker(t, { pipeId: `taken-${process.pid}` })
    const { pipe } = other
    delete process.env.EPHEMERAL_PIPE
    const starting = hostBroker({ pipeId: `taken-${process.pid}` }, where)
    await assert.rejects(starting, {
      code: 'pipe_in_use',
      message: /^pipe_in_use: the broker could not be started in stable of Mule: (?!pipe_in_use)/
    })
    await other.stop()
    process.env.EPHEMERAL_PIPE = pipe
    try {
      const using = hostBroker({ pools: { a: 1 } }, where)
      await assert.rejects(using, {
        code: 'broker_unreachable',
        message: /^broker_unreachable: the broker that EPHEMERAL_PIPE names cannot be used in stable of Mule: (?!broker_unreachable)/
      })
    } finally {
      delete process.env.EPHEMERAL_PIPE
    }
  })

  it('fails a run with leaks where it was told to, and shows each leak once', async t => {
    const errors = captureErrors(t)
    const host = await hostBroker({ pools: { things: 3 }, leaks: 'fail' }, where)
    const mule = freshWorker()
    for (const title of ['first', 'second']) {
      mule.begin(title)
      await mule.broker.acquire('things')
      await mule.end()
      // The broker tells of it from a thread of its own.
      if (title === 'first') await until(() => host.tellLeaks().length === 1)
    }
    await mule.endFile()
    assert.deepEqual(await host.stop(), { failed: true })
    const lines = errors().trim().split('\n')
    assert.equal(lines.length, 3, errors())
    assert.match(lines[0], /^ephemeral-broker: not released: things 1, taken in 'first' by mule-1 pid \d+$/)
    assert.match(lines[1], /'second'/)
    assert.match(lines[2], /^ephemeral-broker: at most in use: things 1 of 3; nobody waited; 2 leaks$/)
  })

  it('speaks of no leaks where it was told not to, and minds nobody who has stopped reading', async t => {
    const errors = captureErrors(t)
    const host = await hostBroker({ pools: { things: 3 }, leaks: 'off' }, where)
    const mule = freshWorker()
    mule.begin('forgets')
    await mule.broker.acquire('things')
    await mule.end()
    await mule.endFile()
    assert.deepEqual(await host.stop(), { failed: false })
    assert.equal(errors(), 'ephemeral-broker: at most in use: things 1 of 3; nobody waited\n')

    const program = `require(${JSON.stringify(path.join(CORE, 'host.js'))}).hostBroker({ pools: { things: 1 } }, { runner: 'x', hook: 'y' })
      .then(host => process.stdin.on('end', () => host.stop()).resume())`
    const child = spawn(process.execPath, ['-e', program], { cwd: makeProject(t, {}).root, stdio: ['pipe', 'ignore', 'pipe'] })
    child.stderr.destroy()
    await once(child.stderr, 'close')
    child.stdin.end()
    assert.deepEqual(await once(child, 'close'), [0, null])
  })

  it('hands a secret on to its workers', async t => {
    const host = await hostBroker({ secret: 'hush-hush', seed: { x: 1 } }, where)
    const client = connect(t, String(process.env.EPHEMERAL_PIPE))
    assert.equal(await client.get('x'), 1)
    await host.stop()
    assert.equal(process.env.EPHEMERAL_SECRET, undefined)
  })

  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    it(`leaves nothing when ${signal} ends its process`, { skip: process.platform === 'win32' && 'there are no signals' }, async t => {
      const { root } = makeProject(t, {})
      const program = `require(${JSON.stringify(path.join(CORE, 'host.js'))}).hostBroker({}, { runner: 'x', hook: 'y' }).then(host => {
        console.log(host.pipe)
        setInterval(() => {}, 1000)
      })`
      const child = spawn(process.execPath, ['-e', program], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
      const [pipe] = await once(child.stdout.setEncoding('utf8'), 'data')
      assert.ok(fs.existsSync(pipe.trim()))
      child.kill(signal)
      assert.deepEqual(await once(child, 'close'), [null, signal])
      assert.equal(fs.existsSync(path.dirname(pipe.trim())), false)
    })
  }
})

describe('start', { timeout }, () => {
  const files = {
    'ephemeral-broker.config.js':
      'module.exports = { pools: { accounts: 2 }, values: { greeting: "hello" }, rateLimits: { api: { perSecond: 9 } } }',
    'test.js': `const { Client } = require('ephemeral-broker')
      const client = new Client()
      client.describe('forgets')
      client.throttle('api').then(() => client.get('greeting')).then(async greeting => {
        await client.acquire('accounts')
        console.log(greeting, process.env.EPHEMERAL_LEAKS)
        process.exit()
      })`
  }

  it('has the pools, values and rates of the config, and tells at the end what it saw', async t => {
    const project = makeProject(t, { files })
    const { code, output } = await project.run({ args: [CLI, 'start', '--', process.execPath, 'test.js'] })
    assert.equal(code, 0, output)
    assert.match(output, /^hello warn$/m)
    assert.match(output, /^ephemeral-broker: not released: accounts 1, taken in 'forgets' by pid-\d+$/m)
    assert.match(output, /^ephemeral-broker: at most in use: accounts 1 of 2; nobody waited; 1 leak$/m)
  })

  it('fails for leaks, or says nothing, as it is told', async t => {
    const project = makeProject(t, { files })
    const run = (/** @type {string[]} */ ...options) => project.run({ args: [CLI, 'start', ...options, '--', process.execPath, 'test.js'] })
    const failed = await run('--leaks', 'fail')
    assert.equal(failed.code, 1, failed.output)
    assert.match(failed.output, /^hello fail$/m)
    const quiet = await run('--leaks', 'off', '--no-summary')
    assert.deepEqual(quiet, { code: 0, output: 'hello off\n' })
    const without = await run('--no-config')
    assert.match(without.output, /not_found/)
    const wrong = await run('--config', 'no-such.toml')
    assert.equal(wrong.code, 2)
    assert.match(wrong.output, /no-such\.toml: there is no such file/)
    // Not the one that is found, in place of the one that is named.
    const strange = await run('--config', 'other.yaml')
    assert.equal(strange.code, 2)
    assert.match(strange.output, /other\.yaml is no config; allowed is a file that ends in \.toml, /)
  })
})

describe('the summary', () => {
  const report = { leaked: [], leakedCount: 0, longestWaits: [], pools: [], sharedWorkerErrors: [] }
  const leak = { kind: /** @type {const} */ ('pool'), name: 'a', number: 1, worker: 'w\u001b[2J', pid: 7, test: 'x\ny', heldFor: 1 }

  it('is none where nothing was shared', () => {
    assert.equal(summaryLine(report), null)
  })

  it('has no name that could harm a terminal', () => {
    assert.deepEqual(leakLines([leak], 3), [
      "ephemeral-broker: not released: a 1, taken in 'x␊y' by w␛[2J pid 7",
      'ephemeral-broker: and 2 more'
    ])
  })

  it('ends, however much a test leaks', () => {
    const { message } = leakError(Array.from({ length: 60 }, () => leak))
    assert.equal(message.split("a 1, taken in 'x␊y'").length - 1, 20)
    assert.match(message, /; and 40 more\. Release it/)
  })

  it('names the longest wait', () => {
    const waits = [{ kind: /** @type {const} */ ('lock'), name: 'door', worker: 'w', test: 'knocks', waited: 1234 }]
    assert.equal(
      summaryLine({ ...report, longestWaits: waits }),
      "ephemeral-broker: longest wait: 1.2 s for lock door in 'knocks'; no leaks"
    )
  })
})
