// @ts-check
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { before, describe, it } = require('node:test')
const { installDependencies } = require('../scripts/setup.js')
const toolchains = require('./support-run-adapters/toolchains.js')
const { Example, ofType, root, statuses } = require('./support-run-examples/index.js')

const MINUTE = 60_000
const FOLDERS = ['orchestrator', 'services', 'go']

/**
 * That each worker has a server, a port and a directory of its own, and nothing is left of them.
 * @param {import('./support-run-examples/index.js').Ran} ran
 * @param {number} workers
 */
function assertOwnWorkers({ report, events, output }, workers) {
  const ready = ofType(events, 'workerReady')
  assert.equal(report.workers, workers, output)
  assert.equal(new Set(ready.map(({ worker }) => worker)).size, workers, output)
  for (const of of ['dir', 'url']) {
    assert.equal(new Set(ready.map(event => /** @type {any} */ (event)[of])).size, workers, `${of}: ${JSON.stringify(ready)}`)
  }
  assert.ok(new Set(ofType(events, 'serverStarted').map(({ pid }) => pid)).size >= workers, output)
  for (const { dir } of ready) assert.ok(!fs.existsSync(dir), `${dir} is left`)
}

/**
 * That nothing was run again, and nothing started for it.
 * @param {import('./support-run-examples/index.js').Ran} ran
 * @param {number} total
 */
function assertCached({ code, report, events, output }, total) {
  assert.equal(code, 0, output)
  assert.deepEqual([report.counts.total, report.counts.cached], [total, total], output)
  assert.deepEqual(ofType(events, 'serverStarted'), [])
}

for (const folder of FOLDERS) {
  const file = (/** @type {string} */ name) => fs.readFileSync(path.join(root, 'examples', folder, name), 'utf8')

  it(`${folder} names no host but the public registry in its lock file`, () => {
    for (const [name, { resolved }] of Object.entries(JSON.parse(file('package-lock.json')).packages)) {
      if (resolved !== undefined) assert.match(resolved, /^(?:https:\/\/registry\.npmjs\.org\/.*|\.\.\/\.\.)$/, name)
    }
  })

  it(`what the page of ${folder} shows of its config is in it`, () => {
    const snippets = [...file('README.md').matchAll(/```toml\n([\s\S]*?)```/g)].map(([, text]) => text.trim())
    assert.ok(snippets.length > 0)
    for (const snippet of snippets) assert.ok(file('ephemeral-broker.toml').includes(snippet), snippet)
  })
}

describe('orchestrator', () => {
  before(() => installDependencies(path.join(root, 'examples', 'orchestrator')), { timeout: 5 * MINUTE })
  const limit = { timeout: 3 * MINUTE }
  const files = ['api', 'dashboard', 'known-sites', 'scrape'].map(name => `vitest:e2e/${name}.test.js`)
  const all = (/** @type {string} */ status) => Object.fromEntries(files.map(id => [id, status]))

  it('gives each of four workers a server, a port and data, and runs nothing again that has not changed', limit, async t => {
    const example = new Example(t, 'orchestrator')
    const first = await example.run('--workers', '4', '-v')
    assert.equal(first.code, 0, first.output)
    assert.deepEqual(statuses(first.report), all('passed'))
    assertOwnWorkers(first, 4)
    for (const worker of [0, 1, 2, 3]) assert.match(first.output, new RegExp(`server of worker ${worker} ready in [\\d.]+ m?s`))
    assertCached(await example.run('--workers', '4'), 4)

    // A helper is all tests' own.
    fs.appendFileSync(example.path('e2e/helpers.js'), '// changed\n')
    const again = await example.run('--explain')
    assert.deepEqual(statuses(again.report), all('passed'), again.output)
    assert.match(again.output, /api\.test\.js \(changed: e2e\/helpers\.js\)/)

    const full = await example.run('--full', '--workers', '2', '--timeout', '60s')
    assert.deepEqual(statuses(full.report), all('passed'), full.output)
    assertOwnWorkers(full, 2)
  })

  it('keeps what one worker writes from the others', limit, async t => {
    const example = new Example(t, 'orchestrator')
    const { code, events, output } = await example.run('--keep-dirs')
    const dirs = ofType(events, 'workerReady').map(({ dir }) => dir)
    t.after(() => {
      for (const dir of new Set(dirs.map(each => path.dirname(each)))) fs.rmSync(dir, { recursive: true, force: true })
    })
    assert.equal(code, 0, output)
    const sites = dirs.map(dir => fs.readFileSync(path.join(dir, 'sites.jsonc'), 'utf8'))
    for (const [name, count] of /** @type {const} */ ([
      ['two.example', 1],
      ['example.com', 1],
      ['127.0.0.1', 1]
    ])) {
      assert.equal(sites.filter(text => text.includes(`"${name}`)).length, count, `${name}: ${sites}`)
    }
    assert.equal(sites.filter(text => text === '[]').length, 1, `${sites}`)
  })

  it('shows what the server wrote while a test failed, but no secrets', limit, async t => {
    const example = new Example(t, 'orchestrator')
    assert.equal((await example.run()).code, 0)
    const file = 'e2e/known-sites.test.js'
    const passing = example.read(file)
    example.edit(file, "expect(await stored('sites.jsonc')).toBe('[]')", "console.log('key', process.env.OPENROUTER_API_KEY)")
    example.edit(file, ".toEqual(['two.example'])", '.toEqual([])')
    example.edit('src/app.js', 'console.log(`learned', 'console.log(process.env.OPENROUTER_API_KEY, `learned')
    const failed = await example.run('--file', 'known-sites')
    assert.equal(failed.code, 1, failed.output)
    assert.match(failed.output, /output of server\n(?:.*\n)*? +│ \[hidden\] learned one\.example\n/)
    const [{ status, attempts }] = failed.report.tests
    assert.equal(status, 'failed')
    assert.match(String(attempts[0].output), /key \[hidden\]/)
    assert.match(attempts[0].serverLogs[0].output, /learned one\.example/)
    assert.doesNotMatch(failed.output + example.leftBehind(), /sk-or-example-only/)

    // What failed runs again though nothing has changed; what has changed since, besides.
    assert.equal((await example.run('-f', 'known-sites', '-w', '1')).code, 1)
    fs.writeFileSync(example.path(file), passing)
    const mended = await example.run()
    assert.deepEqual(statuses(mended.report), all('passed'), mended.output)
  })

  it('gives a server that is never healthy as long as --timeout says', limit, async t => {
    const example = new Example(t, 'orchestrator')
    example.edit('src/app.js', "c.json({ status: 'ok' })", "c.json({ status: 'starting' }, 503)")
    const { code, output, report } = await example.run('-w', '1', '--file', 'api', '--timeout', '2s')
    assert.equal(code, 3, output)
    assert.deepEqual(statuses(report), { 'vitest:e2e/api.test.js': 'error' })
    assert.match(output, /not ready .*2(?:\.0)? s/)
  })

  it('has the commands of its package', limit, async t => {
    const example = new Example(t, 'orchestrator')
    const one = await example.npm('test:file', 'api')
    assert.equal(one.code, 0, one.output)
    assert.match(one.output, /✓ 1 test: 1 passed .* on 1 worker\n/)
    assert.match((await example.npm('test')).output, /✓ 4 tests: 3 passed, 1 unchanged/)
    assert.match((await example.npm('test:full')).output, /✓ 4 tests: 4 passed/)
    assert.match(example.read('.ephemeral-broker/report.html'), /<html/)
    assert.equal((await example.npm('test:clean')).code, 0)
    assert.ok(!fs.existsSync(example.path('.ephemeral-broker')))
  })
})

describe('services', () => {
  /** @type {import('./support-run-adapters/toolchains.js').Toolchain} */
  let pytest
  before(
    () => {
      pytest = toolchains.pytest('8')
      installDependencies(path.join(root, 'examples', 'services'))
    },
    { timeout: 5 * MINUTE }
  )

  /** @param {import('node:test').TestContext} t */
  function copy(t) {
    if (pytest.path === null) return void t.skip(pytest.why)
    const bin = path.dirname(pytest.path)
    return new Example(t, 'services', { besides: ['python'], env: { PATH: `${bin}${path.delimiter}${process.env.PATH}` } })
  }
  const limit = { timeout: 3 * MINUTE }

  it('tests four services at the same time, each in order, and nothing again that has not changed', limit, async t => {
    const example = copy(t)
    if (!example) return
    const first = await example.run('--parallel', '4')
    assert.equal(first.code, 0, first.output)
    const groups = Object.entries(first.report.groups).map(([name, { passed, total }]) => `${name} ${passed}/${total}`)
    assert.deepEqual(groups.sort(), ['auth 2/2', 'orders 1/1', 'payments 1/1', 'users 2/2'])
    assert.match(first.output, /✓ All services passed\n/)
    const started = ofType(first.events, 'serverStarted')
    assert.deepEqual(started.map(({ server }) => server).sort(), ['auth', 'orders', 'payments', 'users', 'users'])
    assert.equal(new Set(started.map(({ worker }) => worker)).size, 4)
    for (const group of ['auth', 'users']) {
      const [one, two] = first.report.tests.filter(test => test.group === group).map(({ attempts: [attempt] }) => attempt)
      assert.equal(one.worker, two.worker)
      assert.ok(one.at + one.duration <= two.at, `${group}: ${JSON.stringify([one, two])}`)
    }
    assert.match(example.read('.ephemeral-broker/report.html'), /<html/)
    assert.match(example.read('.ephemeral-broker/junit.xml'), /<testsuite name="payments"/)
    assertCached(await example.run('-j', 'auto'), 6)
    assert.deepEqual(await example.node('run.mjs', 'users', 'payments'), { code: 0, output: 'users: 2/2 passed\npayments: 1/1 passed\n' })
  })

  it('keeps all workers together within the rate, and lends an account to one test at a time', limit, async t => {
    const example = copy(t)
    if (!example) return
    example.edit('ephemeral-broker.toml', 'perSecond = 10', 'perSecond = 4')
    const { code, output, report, events } = await example.run('--parallel', '4')
    assert.equal(code, 0, output)
    const waits = ofType(events, 'waited').filter(({ resource }) => resource === 'limit api')
    assert.ok(waits.length > 0 && waits.every(({ id, worker }) => id !== null && worker !== null), JSON.stringify(waits))
    const accounts = report.broker?.pools.find(({ name }) => name === 'accounts')
    assert.ok(accounts && accounts.peak >= 1 && accounts.peak <= 3, JSON.stringify(report.broker))
  })

  it('tests one service, without others beside it', limit, async t => {
    const example = copy(t)
    if (!example) return
    const alone = await example.run('--service', 'users', '--parallel', '0', '--verbose')
    assert.equal(alone.code, 0, alone.output)
    assert.deepEqual([Object.keys(alone.report.groups), alone.report.workers], [['users'], 1])
    assert.deepEqual(
      ofType(alone.events, 'serverStarted').map(({ server }) => server),
      ['users']
    )
    const each = await example.run('--service', 'users', '--parallel-mode', 'test', '-j', '2')
    assert.deepEqual([each.code, each.report.counts.passed], [0, 4], each.output)
    const two = await example.run('--service', 'users', '--service', 'orders', '--parallel', '4', '--parallel-mode', 'service')
    assert.deepEqual(statuses(two.report), {
      'users:services/users/modules/test_create.py': 'cached',
      'users:services/users/modules/test_unique.py': 'cached',
      'orders:services/orders/modules/test_orders.py': 'passed'
    })
  })

  it('writes the report that is asked for', limit, async t => {
    const example = copy(t)
    if (!example) return
    const { code, report } = await example.run('--parallel', 'auto', '--output', 'html', '--service', 'payments')
    assert.equal(code, 0)
    assert.equal(report, null)
    assert.match(example.read('.ephemeral-broker/report.html'), /test_payments\.py/)
  })

  it('shows the log of the service that failed, and goes on with the others', limit, async t => {
    const example = copy(t)
    if (!example) return
    example.edit('services/payments/service.py', 'def pay(body, key):', 'def pay(body, key):\n    raise RuntimeError("the bank is closed")')
    const { code, report, output } = await example.run('--parallel', '2')
    assert.equal(code, 1, output)
    const groups = Object.entries(report.groups).map(([name, { passed, total }]) => `${name} ${passed}/${total}`)
    assert.deepEqual(groups.sort(), ['auth 2/2', 'orders 1/1', 'payments 0/1', 'users 2/2'])
    for (const line of ['✓ auth: 2/2 passed', '✗ payments: 0/1 passed']) assert.ok(output.includes(line), output)
    assert.match(output, /output of payments[\s\S]*RuntimeError: the bank is closed/)
  })
})

describe('go', () => {
  /** @type {import('./support-run-adapters/toolchains.js').Toolchain} */
  let go
  before(
    () => {
      go = toolchains.go()
    },
    { timeout: 5 * MINUTE }
  )
  const limit = { timeout: 5 * MINUTE }

  /** @param {import('node:test').TestContext} t */
  function copy(t) {
    return go.path === null ? void t.skip(go.why) : new Example(t, 'go')
  }

  it('runs each test against the server of its worker, and none again that has not changed', limit, async t => {
    const example = copy(t)
    if (!example) return
    const first = await example.run()
    assert.equal(first.code, 0, first.output)
    assert.deepEqual([first.report.counts.total, first.report.counts.passed], [6, 6])
    assertOwnWorkers(first, 4)
    const accounts = first.report.broker?.pools.find(({ name }) => name === 'accounts')
    assert.ok(accounts && accounts.peak >= 1 && accounts.peak <= 2, JSON.stringify(first.report.broker))
    assertCached(await example.run(), 6)
    const named = await example.run('--file', 'TestAddsNotes', '--full', '-w', '1')
    assert.deepEqual(statuses(named.report), { 'go:example.com/notes/e2e > TestAddsNotes': 'passed' }, named.output)
  })

  it('shows what the server wrote while a test failed', limit, async t => {
    const example = copy(t)
    if (!example) return
    example.edit('cmd/server/main.go', 's.file+".new", text', 's.file+"/new", text')
    const { code, output, report } = await example.run('TestAddsNotes', 'TestBeginsEmpty')
    assert.equal(code, 1, output)
    assert.deepEqual(statuses(report), {
      'go:example.com/notes/e2e > TestAddsNotes': 'failed',
      'go:example.com/notes/e2e > TestBeginsEmpty': 'passed'
    })
    assert.match(output, /output of server[\s\S]*POST \/api\/notes/)
    assert.match(report.tests[0].attempts[0].serverLogs[0].output, /notes\.json\/new/)
  })
})
