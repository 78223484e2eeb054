// @ts-check
'use strict'

/** Servers: started, known to be ready or dead at once, restarted, heard, and never somebody else's. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const http = require('node:http')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const { ASK, SERVER, freePorts, project, runCli, shellTests, until } = require('./support-run')

/**
 * @typedef {import('./support-run').CliRun} CliRun
 * @typedef {import('../run.js').RunEvent} RunEvent
 * @typedef {RunEvent['type']} Type
 */

/**
 * @template {Type} T
 * @param {CliRun} run
 * @param {T} type
 */
function eventsOf({ events }, type) {
  return /** @type {Array<Extract<RunEvent, { type: T }>>} */ (events.filter(event => event.type === type))
}

/** @param {CliRun} run @param {string[]} types */
function orderOf({ events }, types) {
  return events.map(({ type }) => type).filter(type => types.includes(type))
}

/**
 * A server of somebody else, which must survive.
 * @param {{ after: (end: () => unknown) => void }} scope
 * @param {number} port
 * @param {string} [host]
 */
async function stranger(scope, port, host = '127.0.0.1') {
  let asked = 0
  const server = http.createServer((_, response) => {
    asked++
    response.end('stranger')
  })
  server.listen({ port, host })
  await once(server, 'listening')
  scope.after(() => server.close())
  return {
    asked: () => asked,
    async assertAlive() {
      const response = await fetch(`http://${host}:${port}/`)
      assert.equal(await response.text(), 'stranger')
    }
  }
}

describe('a server that cannot be had', { concurrency: 4 }, () => {
  test('because it ends at once is told of at once, with its output, and no test passes', async t => {
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['sh', '-c', 'echo no database >&2; sleep 300 & exit 3'], ready: { url: '/health', timeout: '60s' } },
        tests: shellTests({ a: 'exit 0', b: 'exit 0', c: 'exit 0' })
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 3)
    assert.deepEqual(run.statuses, { a: 'error', b: 'error', c: 'error' })
    const [failed] = eventsOf(run, 'serverFailed')
    assert.match(failed.reason, /ended with exit code 3 before it was ready/)
    assert.equal(failed.output, 'no database\n')
    assert.equal(failed.restarting, false)
    const [started] = eventsOf(run, 'serverStarted')
    assert.ok(failed.at - started.at < 10_000, 'the ready timeout was waited for')
    const order = orderOf(run, ['serverStarted', 'serverFailed', 'serverReady', 'testStarted', 'testFinished'])
    assert.equal(order[0], 'serverStarted')
    assert.ok(order.indexOf('serverFailed') < order.indexOf('testFinished'))
    assert.ok(!order.includes('serverReady') && !order.includes('testStarted'))
    const [error] = run.report.errors
    assert.deepEqual([error.code, error.output], ['server_failed', 'no database\n'])
    assert.match(fs.readFileSync(String(error.log), 'utf8'), /no database/)
    assert.match(run.test('a').reason ?? '', /exit code 3/)
    assert.match(run.stdout, /no database/)
  })

  test('because it is never ready is ended, and it is said what was missing', async t => {
    const made = project(
      t,
      {},
      {
        gracePeriod: 300,
        server: {
          command: ['sh', '-c', "trap '' TERM; echo starting; while :; do sleep 1; done"],
          ready: { url: '/health', log: 'up', timeout: 400 }
        },
        tests: shellTests({ a: 'exit 0' })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'error' }])
    const [{ reason, output }] = eventsOf(run, 'serverFailed')
    assert.match(reason, /not ready within 0.4 s .*\/health.*\/up\//)
    assert.equal(output, 'starting\n')
  })

  test('because there is no such program makes no empty suite that passes', async t => {
    const made = project(t, {}, { server: '/no/such/server', tests: shellTests({ a: 'exit 0' }) })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'error' }])
    assert.match(run.test('a').reason ?? '', /\/no\/such\/server/)
  })

  test('by one worker leaves its tests to the others', async t => {
    const names = ['a', 'b', 'c', 'd']
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['sh', '-c', `[ $EPHEMERAL_WORKER = 1 ] && exit 5; exec node ${SERVER}`], ready: '/health' },
        tests: shellTests(Object.fromEntries(names.map(name => [name, `node ${ASK} /who`])))
      }
    )
    const run = await runCli(made)
    assert.deepEqual(run.statuses, { a: 'passed', b: 'passed', c: 'passed', d: 'passed' })
    assert.equal(run.code, 3, 'a worker was lost')
    assert.deepEqual(
      eventsOf(run, 'workerLost').map(({ worker, replaced }) => [worker, replaced]),
      [[1, false]]
    )
    assert.ok(run.report.tests.every(({ attempts }) => attempts.every(({ worker }) => worker === 0)))
  })

  for (const [scope, workers] of /** @type {['run' | 'worker', number][]} */ ([
    ['worker', 1],
    ['worker', 3],
    ['run', 3]
  ])) {
    test(`costs only the tests that need it: ${scope}, workers: ${workers}`, async t => {
      const made = project(
        t,
        {},
        {
          workers,
          services: [{ name: 'db', command: ['sh', '-c', 'echo no disk; exit 5'], ready: '/health', for: ['data'], scope }],
          projects: [
            { name: 'data', tests: shellTests({ a: 'exit 0', b: 'exit 0', c: 'exit 0', d: 'exit 0' }) },
            { name: 'plain', tests: shellTests({ e: 'exit 0', f: 'exit 0', g: 'exit 0', h: 'exit 0' }) }
          ]
        }
      )
      const run = await runCli(made)
      const [error, passed] = ['error', 'passed']
      assert.deepEqual(run.statuses, { a: error, b: error, c: error, d: error, e: passed, f: passed, g: passed, h: passed })
      assert.equal(run.code, 3)
      assert.match(run.test('d').reason ?? '', /^server_failed: server db.* ended with exit code 5 before it was ready$/)
      assert.deepEqual(eventsOf(run, 'workerLost'), [])
      const starts = eventsOf(run, 'serverFailed').length
      assert.ok(starts >= 1 && starts <= workers, String(starts))
    })
  }
})

describe('a server that dies', { concurrency: 4 }, () => {
  test('between tests is started again', async t => {
    const made = project(t, {})
    made.write('ephemeral-broker.json', {
      workers: 1,
      server: { command: ['node', SERVER], ready: '/health' },
      tests: shellTests({ first: `node ${ASK} "/exit-after?pid=$$"`, second: `sleep 0.1; node ${ASK} /who` }),
      overrides: [{ where: { test: ':first$' }, priority: 1 }]
    })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [0, { first: 'passed', second: 'passed' }])
    assert.equal(eventsOf(run, 'serverReady').length, 2)
    assert.equal(run.test('first').attempts.length, 1)
    assert.equal(eventsOf(run, 'serverFailed').length, 1)
  })

  test('in the midst of a test has the test run again, which is no flakiness', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health' },
        tests: shellTests({ victim: `if [ -e tried ]; then node ${ASK} /who; else touch tried; node ${ASK} '/exit?code=7'; sleep 60; fi` })
      }
    )
    const run = await runCli(made, ['--fail-on-flaky'])
    assert.deepEqual([run.code, run.statuses], [0, { victim: 'passed' }])
    const [lost, passed] = run.test('victim').attempts
    assert.deepEqual([lost.status, passed.status, passed.attempt], ['error', 'passed', 2])
    assert.match(lost.reason ?? '', /ended with exit code 7$/)
    assert.match(lost.serverLogs[0].output, /going down/)
    assert.deepEqual(
      eventsOf(run, 'serverFailed').map(({ restarting, reason }) => [restarting, reason]),
      [[true, lost.reason]]
    )
    assert.deepEqual(
      eventsOf(run, 'workerLost').map(({ replaced }) => replaced),
      [true]
    )
  })

  test('during a test that passes all the same proves nothing: it is run again', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health' },
        tests: shellTests({ blind: `echo once >> tries; node ${ASK} '/exit?code=7'; sleep 0.5; exit 0` })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { blind: 'error' }])
    assert.deepEqual(
      run.test('blind').attempts.map(({ status }) => status),
      ['error', 'error', 'error']
    )
    assert.equal(made.lines('tries').length, run.test('blind').attempts.length)
  })

  test('more often than maxRestarts is given up, and no test that needs it passes', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health', maxRestarts: 1 },
        tests: shellTests({ a: `node ${ASK} '/exit?code=1'; sleep 5`, b: `node ${ASK} '/exit?code=1'; sleep 5` })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'error', b: 'error' }])
    assert.equal(eventsOf(run, 'serverReady').length, 2)
    assert.match(run.test('b').reason ?? '', /after 1 restart/)
  })

  test('for the whole run is started again once for all', async t => {
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['node', SERVER], ready: '/health', scope: 'run' },
        tests: shellTests({
          killer: `[ -e killed ] || { touch killed; node ${ASK} '/exit?code=7'; sleep 5; }`,
          other: `[ -e killed ] && node ${ASK} /who || sleep 5`,
          third: `node ${ASK} /who`
        })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [0, { killer: 'passed', other: 'passed', third: 'passed' }])
    assert.equal(eventsOf(run, 'serverReady').length, 2)
  })

  test('or is unwell, as health says, is started again before the next test', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health', health: '/health' },
        tests: shellTests({ a: `node ${ASK} /ill`, b: `node ${ASK} /health /who; node ${ASK} /ill`, c: 'exit 0' })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed], [0, 3])
    const starts = eventsOf(run, 'serverReady').length
    assert.ok(starts >= 2, `${starts} starts`)
    assert.match(eventsOf(run, 'serverFailed')[0].reason, /not healthy: \/health: answered 503/)
  })
})

describe('a server is ready', { concurrency: 4 }, () => {
  /** @type {Record<string, Partial<import('../run.js').ServerConfig>>} */
  const ways = {
    'when its URL answers': { ready: '/health' },
    'when its URL answers with such a status': { ready: { url: '/moved', status: 302 } },
    'when its port is open': {},
    'when it says so': { ready: { log: 'listening on \\d+' } },
    'on 127.0.0.1 alone': { ready: '/health', env: { LISTEN_HOST: '127.0.0.1' } },
    'on ::1 alone': { ready: '/health', env: { LISTEN_HOST: '::1' } },
    'on ::1 alone, by its port': { env: { LISTEN_HOST: '::1' } },
    'on all addresses': { ready: '/health', env: { LISTEN_HOST: '::' } }
  }
  for (const [name, server] of Object.entries(ways)) {
    test(`${name}, and tests reach it`, async t => {
      const made = project(t, {}, { server: { command: ['node', SERVER], ...server }, tests: shellTests({ a: `node ${ASK} /who > who` }) })
      const run = await runCli(made)
      assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }], run.stdout)
      const [started] = eventsOf(run, 'serverStarted')
      assert.equal(JSON.parse(made.read('who')).pid, started.pid)
      assert.deepEqual(
        orderOf(run, ['serverStarted', 'serverReady', 'workerReady', 'testStarted', 'testFinished', 'serverStopped', 'runFinished']),
        ['serverStarted', 'serverReady', 'workerReady', 'testStarted', 'testFinished', 'serverStopped', 'runFinished']
      )
    })
  }
})

describe('a stranger', { concurrency: 4 }, () => {
  test('on the base port is left alone, and not taken for ours', async t => {
    const base = await freePorts(4)
    const other = await stranger(t, base)
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['node', SERVER], ready: '/health', port: base },
        tests: shellTests({ a: `node ${ASK} /who; sleep 0.3`, b: `node ${ASK} /who; sleep 0.3` })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed], [0, 2])
    for (const { worker, port } of eventsOf(run, 'serverStarted')) assert.equal(port, worker === 0 ? base + 2 : base + 1)
    assert.equal(other.asked(), 0)
    await other.assertAlive()
  })

  for (const [name, env] of /** @type {Array<[string, Record<string, string>]>} */ ([
    ['and the server ends', {}],
    ['and the server moves to another port', { WHEN_TAKEN: 'move' }],
    ['and the server listens beside it', { LISTEN_HOST: '::', IPV6_ONLY: '1' }]
  ])) {
    for (const ready of ['/health', { port: true }, { log: '^listening' }]) {
      test(`who takes the port first is never adopted: ${name}, ready by ${JSON.stringify(ready)}`, async t => {
        const made = project(t, {})
        made.write('ephemeral-broker.json', {
          server: { command: ['node', SERVER], ready, env: { ...env, GAP: made.path('gap') } },
          tests: shellTests({ a: `node ${ASK} /who > who` })
        })
        /** @type {Awaited<ReturnType<typeof stranger>> | undefined} */
        let other
        const run = await runCli(made, [], {
          meanwhile: async () => {
            await until(() => fs.existsSync(made.path('gap')), 'the port that the server will take')
            other = await stranger(t, Number(made.read('gap')))
            made.write('gap.taken', '')
          }
        })
        assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }], `${run.stdout}\n${run.stderr}`)
        const ours = eventsOf(run, 'serverStarted').at(-1)
        assert.equal(JSON.parse(made.read('who')).pid, ours?.pid)
        assert.notEqual(ours?.port, Number(made.read('gap')))
        await other?.assertAlive()
      })
    }
  }

  test('is let be with owned = false', async t => {
    const port = await freePorts()
    const made = project(
      t,
      {},
      {
        // As a container's: the command does not listen itself.
        server: { command: ['sh', '-c', 'touch asked; exec sleep 300'], port, owned: false, ready: '/' },
        tests: shellTests({ a: `node ${ASK} / > who` })
      }
    )
    const run = await runCli(made, [], {
      meanwhile: async () => {
        await until(() => fs.existsSync(made.path('asked')), 'the start')
        await stranger(t, port)
      }
    })
    assert.deepEqual([run.code, made.read('who')], [0, 'stranger\n'])
  })

  test('run in the same folder on the same base port is no obstacle', async t => {
    const base = await freePorts(8)
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['node', SERVER], ready: '/health', port: base },
        // Both runs are there before one goes on.
        tests: shellTests({
          a: `node ${ASK} /who >> who; touch a-$RUN; until [ -e a-1 ] && [ -e a-2 ]; do sleep 0.05; done; node ${ASK} /who >> who`,
          b: `node ${ASK} /who >> who; touch b-$RUN; until [ -e b-1 ] && [ -e b-2 ]; do sleep 0.05; done; node ${ASK} /who >> who`
        })
      }
    )
    const runs = await Promise.all(['1', '2'].map(RUN => runCli(made, [], { env: { RUN }, leftovers: true })))
    for (const run of runs) assert.deepEqual([run.code, run.report.counts.passed], [0, 2], run.stdout)
    const started = runs.flatMap(run => eventsOf(run, 'serverReady').map(({ url }) => url))
    assert.equal(new Set(started).size, 4)
    assert.deepEqual(fs.readdirSync(made.tmp), [])
  })
})

describe('what a server writes', { concurrency: 4 }, () => {
  test('meanwhile is shown with a test that failed, and nothing else; all of it is on disk', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: { command: ['node', SERVER], ready: '/health' },
        tests: shellTests({ before: `node ${ASK} /before`, failing: `node ${ASK} /meanwhile; exit 1`, after: `node ${ASK} /after` }),
        overrides: [
          { where: { test: ':before$' }, priority: 2 },
          { where: { test: ':failing$' }, priority: 1 }
        ]
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 1)
    const [{ name, output, log }] = run.test('failing').attempts[0].serverLogs
    assert.deepEqual([name, output], ['server', 'asked for /meanwhile\n'])
    assert.match(fs.readFileSync(String(log), 'utf8'), /\/before\n.*\/meanwhile\n.*\/after\n/s)
    assert.deepEqual(run.test('before').attempts[0].serverLogs, [])
    assert.match(run.stdout, /asked for \/meanwhile/)
    assert.doesNotMatch(run.stdout, /asked for \/after/)
  })
})

test('who answers where a server is asked for must be of the run', async t => {
  const port = await freePorts()
  const other = await stranger(t, port)
  const answers = { url: `http://127.0.0.1:${port}/`, timeout: 5000 }
  for (const ready of [answers, { port, timeout: 5000 }]) {
    const made = project(t, {}, { server: { command: 'sleep 300', ready }, tests: shellTests({ a: 'true' }) })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'error' }])
    assert.match(run.stdout, /is listened on by process \d+, who does not belong to the server/)
  }
  await other.assertAlive()
})

test('readiness and health may be asked for by its own URL', async t => {
  const server = { command: `node ${SERVER}`, ready: 'http://localhost:{port}/', health: 'http://localhost:{port}/' }
  const run = await runCli(project(t, {}, { server, tests: shellTests({ a: 'true' }) }))
  assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }])
})

test('with --url no server is started, and tests are told of it', async t => {
  const port = await freePorts()
  const other = await stranger(t, port)
  const made = project(
    t,
    {},
    { server: { command: 'touch started' }, tests: shellTests({ a: `node ${ASK} / > who; echo $EPHEMERAL_URL >> who` }) }
  )
  const url = `http://127.0.0.1:${port}`
  const run = await runCli(made, ['--url', url])
  assert.deepEqual([run.code, made.read('who')], [0, `stranger\n${url}\n`])
  assert.deepEqual(eventsOf(run, 'serverStarted'), [])
  assert.throws(() => made.read('started'))
  await other.assertAlive()
})
