// @ts-check
'use strict'

/** `run()`: what it tells, what it gives back, and who may call it. */

const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { BrokerError, defineConfig, run } = require('..')
const { cli, folder, runIn } = require('./support-run-cache/runs.js')
const { Shapes } = require('./support-run-cache/shapes.js')

const ROOT = path.join(__dirname, '..')

/** @typedef {import('../run.js').RunEvent} RunEvent */

const shapes = new Shapes()

/**
 * Each is as it is declared, in its order: a test starts, its attempts end, it ends; the run is around all of it.
 * @param {RunEvent[]} events
 */
function check(events) {
  assert.deepEqual(
    events.flatMap(event => shapes.faults('RunEvent', event)),
    []
  )
  assert.deepEqual([events[0].type, events.at(-1)?.type], ['runStarted', 'runFinished'])
  /** @type {Map<string, string[]>} */
  const lives = new Map()
  for (const event of events) {
    const life = lifeOf(event)
    if (life === null) continue
    const [id, step] = life
    lives.set(id, [...(lives.get(id) ?? []), step])
  }
  for (const [id, steps] of lives) assert.match(steps.join(' '), /^(started (slow )?attempted )*finished$/, id)
  return events
}

/** @param {RunEvent} event @returns {[id: string, step: string] | null} */
function lifeOf(event) {
  switch (event.type) {
    case 'testStarted':
      return [`${event.repeat} ${event.id}`, 'started']
    case 'attemptFinished':
      return [`${event.repeat} ${event.id}`, 'attempted']
    case 'testFinished':
      return [`${event.result.repeat} ${event.result.id}`, 'finished']
    default:
      return null
  }
}

/** @param {RunEvent[]} events */
const typesOf = events => new Set(events.map(({ type }) => type))

const SERVER = `
const fs = require('node:fs'), path = require('node:path')
require('node:http').createServer((request, response) => {
  response.end('ok')
  if (request.url === '/die') process.exit(3)
}).listen(process.env.PORT, '127.0.0.1', () => console.log('listening'))`

describe('events', () => {
  test('each type is told by some run, with exactly the members that run.d.ts says, in order', { timeout: 60_000 }, async t => {
    const root = folder(t, { 'server.js': SERVER, 'flaky.sh': '[ "$EPHEMERAL_ATTEMPT" = 2 ] || exit 1' })
    const aborting = new AbortController()
    const everything = await runIn(root, {
      workers: 2,
      server: { command: ['node', 'server.js'], ready: '/' },
      services: [{ name: 'cache', command: 'echo up; exec sleep 100', port: false, ready: { log: 'up' }, scope: 'run' }],
      globalSetup: 'true',
      globalTeardown: 'echo no >&2; exit 1',
      workerSetup: 'true',
      workerTeardown: 'true',
      rateLimits: { slowly: { perSecond: 5, burst: 1 } },
      slow: '50ms',
      retries: 1,
      gracePeriod: '1s',
      overrides: [{ where: { test: 'limited' }, limits: ['slowly'] }],
      tests: [
        { name: 'limited 1', run: 'true' },
        { name: 'limited 2', run: 'true' },
        { name: 'flaky', run: 'sh flaky.sh' },
        { name: 'failed', run: 'echo wrong; exit 1' },
        { name: 'slow', run: 'sleep 0.2' },
        { name: 'deadly', run: ['node', '-e', 'fetch(process.env.EPHEMERAL_URL + "/die").finally(() => setTimeout(() => {}, 5000))'] }
      ]
    })
    check(everything.events)
    assert.deepEqual([everything.result.exitCode, everything.result.errors[0].code], [1, 'teardown_failed'])
    const stopped = await runIn(
      root,
      {
        tests: [
          { name: 'long', run: 'sleep 100' },
          { name: 'waits', run: 'true' }
        ],
        workers: 1,
        gracePeriod: '1s'
      },
      { signal: aborting.signal, onEvent: event => event.type === 'testStarted' && aborting.abort('SIGTERM') }
    )
    check(stopped.events)
    const lost = await runIn(root, { server: { command: 'echo broken; exit 1' }, tests: [{ name: 'x', run: 'true' }] })
    check(lost.events)
    assert.equal(lost.statuses.x, 'error')
    // Only the command shows output as it comes.
    fs.writeFileSync(
      path.join(root, 'ephemeral-broker.json'),
      JSON.stringify({ tests: [{ name: 'says', run: 'echo hello' }], reporter: 'jsonl' })
    )
    await cli(root, ['run', '--stream'])
    const lines = fs.readFileSync(path.join(root, '.ephemeral-broker/events.jsonl'), 'utf8').trim().split('\n')
    const streamed = check(lines.map(line => JSON.parse(line)))
    const all = [...everything.events, ...stopped.events, ...lost.events, ...streamed]
    assert.deepEqual(
      shapes.eventTypes().filter(type => !typesOf(all).has(/** @type {any} */ (type))),
      []
    )
  })

  test('what onEvent throws ends the run, and is what it rejects with', async t => {
    const root = folder(t)
    const config = { tests: [{ name: 'a', run: 'sleep 100' }] }
    const onEvent = (/** @type {RunEvent} */ { type }) => {
      if (type === 'testStarted') throw new TypeError('mine')
    }
    await assert.rejects(run(config, { root, onEvent }), { name: 'TypeError', message: 'mine' })
  })
})

describe('what it gives back', () => {
  test('tests, counts, groups, and what the broker saw', async t => {
    const root = folder(t)
    const { result, events } = await runIn(root, {
      group: 'odd',
      rateLimits: { any: { perSecond: 100 } },
      pools: { accounts: ['ann'] },
      tests: [
        { name: 'a', run: 'true' },
        { name: 'b', run: 'exit 1', group: '__proto__' },
        { name: 'c', run: 'exit 77', tags: ['x'] }
      ]
    })
    assert.deepEqual(shapes.faults('RunResult', result), [])
    assert.deepEqual(result, /** @type {any} */ (events.at(-1)).result)
    assert.deepEqual([result.ok, result.exitCode, result.runId.length], [false, 1, 12])
    const none = { flaky: 0, cached: 0, timed_out: 0, error: 0, not_run: 0 }
    assert.deepEqual(result.counts, { total: 3, passed: 1, failed: 1, skipped: 1, ...none })
    const odd = { passed: 1, total: 2, counts: { total: 2, passed: 1, failed: 0, skipped: 1, ...none } }
    assert.deepEqual(
      Object.entries(result.groups).map(([name, { passed, total }]) => [name, passed, total]),
      [
        ['odd', 1, 2],
        ['__proto__', 0, 1]
      ]
    )
    assert.deepEqual(result.groups.odd, odd)
    assert.deepEqual(result.broker?.pools, [{ name: 'accounts', size: 1, peak: 0 }])
    assert.deepEqual(
      result.tests.map(({ id, tags, attempts }) => [id, tags, attempts[0].exitCode]),
      [
        ['tests:a', [], 0],
        ['tests:b', [], 1],
        ['tests:c', ['x'], 77]
      ]
    )
  })

  test('wrong configs, lists and setups reject, each with its code', async t => {
    const root = folder(t)
    /** @type {Array<[string, any, RegExp]>} */
    const wrong = [
      ['invalid_config', { testss: [] }, /unknown key "testss"; did you mean "tests"/],
      ['invalid_config', { tests: ['a'], run: 'true', dir: { template: 'nowhere' }, cache: true }, /dir\.template .*nowhere/],
      ['invalid_config', path.join(root, 'nowhere.toml'), /nowhere\.toml/],
      ['list_failed', { list: 'echo oh >&2; exit 3', run: 'true' }, /exit code 3[\s\S]*oh/],
      ['list_failed', { tests: ['a', 'a'], run: 'true' }, /listed twice/],
      ['setup_failed', { tests: ['a'], run: 'true', secrets: { command: 'exit 4' } }, /exit code 4/],
      ['setup_failed', { tests: ['a'], run: 'true', cache: { toolchain: ['exit 5'] } }, /exit code 5/]
    ]
    for (const [code, config, message] of wrong) {
      await assert.rejects(run(config, { root }), error => {
        assert.ok(error instanceof BrokerError, String(error))
        assert.equal(error.code, code, error.message)
        assert.match(error.message, message)
        return true
      })
    }
  })

  test('a signal that was given before it began', async t => {
    const root = folder(t)
    const { result, statuses } = await runIn(root, { tests: ['a'], run: 'touch ran' }, { signal: AbortSignal.abort('SIGINT') }).catch(
      error => ({ result: error, statuses: null })
    )
    assert.ok(!fs.existsSync(path.join(root, 'ran')))
    if (statuses) assert.deepEqual([statuses.a, result.exitCode], ['not_run', 130])
    else assert.equal(result.code, 'aborted')
  })
})

test('servers that end while others begin: nobody innocent is killed', { timeout: 60_000 }, async t => {
  const root = folder(t)
  const tests = Array.from({ length: 12 }, (_, index) => `t${index}`)
  const service = { name: 'said', command: 'echo up; exec sleep 1000', port: /** @type {const} */ (false), ready: { log: 'up' } }
  for (let times = 0; times < 12; times++) {
    const { result } = await runIn(root, { tests, workers: 3, isolation: 'test', run: 'A=1 sh -c "echo hi | cat"', services: [service] })
    const wrong = result.tests.filter(({ status }) => status !== 'passed').map(({ attempts }) => attempts.map(({ reason }) => reason))
    assert.deepEqual([wrong, result.errors, result.exitCode], [[], [], 0])
  }
})

describe('who calls it', () => {
  test('two at once in one process know nothing of each other, nor does the process', async t => {
    const before = { ...process.env }
    const config = (/** @type {string} */ name) => ({
      tests: [`${name}1`, `${name}2`],
      workers: 2,
      pools: { [name]: 1 },
      run: [
        'node',
        '-e',
        `new (require(${JSON.stringify(ROOT)}).Client)().acquire(${JSON.stringify(name)}).then(lease => lease.release(), error => { console.error(error); process.exit(1) })`
      ]
    })
    const [one, two] = await Promise.all([runIn(folder(t), config('a')), runIn(folder(t), config('b'))])
    assert.deepEqual(
      [one.statuses, two.statuses],
      [
        { a1: 'passed', a2: 'passed' },
        { b1: 'passed', b2: 'passed' }
      ]
    )
    assert.deepEqual({ ...process.env }, before)
  })

  test('from ESM, with a config that has functions', async t => {
    const root = folder(t, {
      'ephemeral-broker.config.mjs':
        "const many = n => Array.from({ length: n }, (_, i) => 't' + i)\nexport default async () => ({ tests: many(3), run: 'true' })\n",
      'main.mjs': `import { run, defineConfig, BrokerError } from ${JSON.stringify(path.join(ROOT, 'index.js'))}
const { counts } = await run()
const own = await run(defineConfig({ tests: ['a'], run: 'exit 1' }))
const wrong = await run({ list: 'exit 1', run: 'true' }).catch(error => error instanceof BrokerError && error.code)
console.log(JSON.stringify([counts.passed, own.exitCode, wrong]))`
    })
    const { status, stdout, stderr } = spawnSync(process.execPath, ['main.mjs'], { cwd: root, encoding: 'utf8' })
    assert.deepEqual([status, stdout], [0, '[3,1,"list_failed"]\n'], stderr)
  })

  test('in Jest', { timeout: 60_000 }, async t => {
    const root = folder(t, {
      'package.json': '{}',
      'run.test.js': `const { run, BrokerError } = require(${JSON.stringify(ROOT)})
test('a run in a VM context', async () => {
  const types = []
  const result = await run({ tests: ['a', 'b'], run: 'true' }, { root: __dirname, onEvent: ({ type }) => types.push(type) })
  expect(result.counts.passed).toBe(2)
  expect(types.at(-1)).toBe('runFinished')
  await expect(run({ list: 'exit 1', run: 'true' }, { root: __dirname })).rejects.toThrow(BrokerError)
})`
    })
    const jest = path.join(ROOT, 'node_modules/jest/bin/jest.js')
    const { status, stderr } = spawnSync(process.execPath, [jest, '--watchman=false', '--rootDir', root], { cwd: root, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  test('its types, with those of the libraries checked too', { timeout: 60_000 }, () => {
    const flags =
      '--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --module nodenext --target es2023 --types node'.split(' ')
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '--ignoreConfig', ...flags, '--lib', 'es2023,esnext.disposable', '__test__/types/run.ts'], {
      cwd: ROOT
    })
  })

  test('defineConfig gives back what it is given', () => {
    const config = { run: 'true' }
    assert.equal(defineConfig(config), config)
  })
})

test('the reporters of the config write where that is asked for', t => {
  const root = folder(t)
  const script = `
    const { run } = require(${JSON.stringify(path.join(__dirname, '..'))})
    const config = { tests: ['a'], run: ['node', '-e', '0'], reporter: ['list', 'junit'] }
    run(config, { root: process.cwd(), reporters: process.argv[1] === 'yes' })`
  const said = (/** @type {string} */ asked) => execFileSync(process.execPath, ['-e', script, asked], { cwd: root, encoding: 'utf8' })
  assert.equal(said('no'), '')
  assert.ok(!fs.existsSync(path.join(root, '.ephemeral-broker/junit.xml')))
  assert.match(said('yes'), /PASS .* tests:a\n/)
  assert.match(fs.readFileSync(path.join(root, '.ephemeral-broker/junit.xml'), 'utf8'), /<testcase [^>]*name="a"/)
})

test('an option that is mistyped, or is none, is told before anything runs', async t => {
  const root = folder(t)
  const config = { tests: ['a'], run: ['touch', 'ran'] }
  /** @type {Array<[options: object, said: RegExp]>} */
  const cases = [
    [{ filter: ['a'] }, /unknown option "filter"; did you mean "filters"\?/],
    [{ filters: 'a' }, /filters is "a"; allowed is a list of texts/],
    [{ shard: { index: 3, count: 2 } }, /shard is an object; allowed is \{ index, count \} with an index from 1 to count/],
    [{ signal: {} }, /signal is an object; allowed is an AbortSignal/],
    [{ onEvent: 'x', full: 1 }, /onEvent is "x"; allowed is a function[\s\S]*full is 1; allowed is true or false/]
  ]
  for (const [options, said] of cases) {
    await assert.rejects(run(config, { root, ...options }), (/** @type {any} */ error) => {
      assert.deepEqual([error instanceof BrokerError, error.code], [true, 'invalid_config'])
      assert.match(error.message, said)
      return true
    })
  }
  assert.ok(!fs.existsSync(path.join(root, 'ran')))
  const { signal } = new AbortController()
  assert.ok((await run(config, { root, grep: /A/i, filters: undefined, signal })).ok)
})
