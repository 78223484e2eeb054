// @ts-check
'use strict'

/** Which results the cache has, and that none of them is stale. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { cli, folder, runIn, write } = require('./support-run-cache/runs.js')
const { randomOf, seedOf } = require('./support-run-cache/random.js')
const { Story } = require('./support-run-cache/story.js')

/** How many runs: enough that each kind of edit comes with each kind of run. */
const RUNS = Number(process.env.RUN_CACHE_RUNS ?? 80)

describe('whatever is edited, the cache has the results of a run without it', () => {
  test('between runs, and during them', async t => {
    const seed = seedOf()
    t.diagnostic(`RUN_CACHE_SEED=${seed}`)
    const random = randomOf(seed)
    const story = new Story(t)
    for (let step = 0; step < RUNS; step++) {
      try {
        await story.step(random)
      } catch (error) {
        const { message } = /** @type {Error} */ (error)
        throw new Error(`RUN_CACHE_SEED=${seed}, step ${step} (${story.told.slice(-8).join('; ')}): ${message}`, { cause: error })
      }
    }
    const { cached, runs } = story.seen
    t.diagnostic(`${runs} runs, ${cached} results from the cache`)
    assert.ok(cached > RUNS / 4, 'what was there before comes again')
  })
})

/** @typedef {import('../run.js').RunConfig} RunConfig */

/** Tests whose files are `src/…`; `b` fails where the file `bad` is there. @type {RunConfig} */
const TWO = { tests: ['a', 'b'], run: 'sh src/test.sh {test}', cache: { inputs: ['src/**'] }, gracePeriod: '1s' }
const FILES = { 'src/test.sh': '[ "$1" != b ] || [ ! -e bad ]\n', 'src/x': '1' }
const HITS = { a: 'cached', b: 'cached' }
const RUNS_BOTH = { a: 'passed', b: 'passed' }

describe('a result counts again', () => {
  test('whatever does not matter is another', async t => {
    const root = folder(t, { ...FILES, 'other/file': '' })
    const server = { command: 'echo up; exec sleep 100', port: /** @type {const} */ (false), ready: { log: 'up' } }
    const base = { ...TWO, server, globalSetup: 'true' }
    assert.deepEqual((await runIn(root, base)).statuses, RUNS_BOTH)
    /** @type {Record<string, RunConfig>} */
    const others = {
      nothing: {},
      workers: { workers: 3 },
      reporters: { reporter: ['dot', 'junit'] },
      retries: { retries: { count: 3, delay: 1 } },
      'times of tests': { timeout: '1m', slow: '1s', gracePeriod: '3s', globalTimeout: '5m' },
      'times of servers': { server: { ...server, ready: { log: 'up', timeout: '10s' }, gracePeriod: '2s', maxRestarts: 9 } },
      'the time of setups': { setupTimeout: '1m' },
      order: { priority: 7, tests: ['b', 'a'] },
      limits: { groups: { tests: { max: 1 } }, maxFailures: 3, failOnFlaky: true },
      tags: { tags: ['x'] },
      'what becomes of leaks that did not happen': { leaks: 'fail' },
      'directories that are kept': { dir: { keep: 'failure' } },
      shards: { shardBy: 'hash' },
      profiles: { profiles: { ci: {} } }
    }
    for (const [what, other] of Object.entries(others)) assert.deepEqual((await runIn(root, { ...base, ...other })).statuses, HITS, what)
    write(root, { 'other/file': 'changed', 'src/x': '1' })
    assert.deepEqual((await runIn(root, base)).statuses, HITS, 'files that are no inputs, and one that is written as it was')
  })

  test('for two profiles in turn, after a filtered run, in shards, and from another folder', async t => {
    const profiles = { ci: { env: { MODE: 'ci' } } }
    const root = folder(t, { ...FILES, 'deep/er/x': '', 'ephemeral-broker.json': JSON.stringify({ ...TWO, profiles, reporter: 'json' }) })
    const statuses = async (/** @type {string} */ cwd, /** @type {string[]} */ ...args) => {
      const { code, stderr } = await cli(cwd, ['run', ...args])
      assert.equal(code, 0, stderr)
      const { tests } = JSON.parse(fs.readFileSync(path.join(root, '.ephemeral-broker/report.json'), 'utf8'))
      return tests.map((/** @type {any} */ { status }) => status).join(' ')
    }
    assert.equal(await statuses(root, 'tests:a'), 'passed')
    assert.equal(await statuses(root), 'cached passed')
    assert.equal(await statuses(root, '--profile', 'ci'), 'passed passed')
    assert.equal(await statuses(root), 'cached cached')
    assert.equal(await statuses(root, '--profile', 'ci'), 'cached cached')
    const shards = [await statuses(root, '--shard', '1/2'), await statuses(root, '--shard', '2/2')]
    assert.deepEqual(shards, ['cached', 'cached'])
    assert.equal(await statuses(path.join(root, 'deep/er')), 'cached cached')
    assert.equal(await statuses(path.dirname(root), '--config', path.join(root, 'ephemeral-broker.json')), 'cached cached')
    // Repeated runs are to find what passes now and then.
    assert.equal(await statuses(root, '--repeat', '2'), 'passed passed passed passed')
    assert.equal(await statuses(root, '--full'), 'passed passed')
    assert.equal(await statuses(root, '--no-cache'), 'passed passed')
    const explained = await cli(root, ['run', '--full', '--explain', '--reporter', 'list'])
    assert.match(explained.stdout, /tests:a \(--full/)
  })
})

test('a server that may have read a file while it held something else proves nothing later either', async t => {
  // `a` lasts until the change has been seen, at a check for the sake of `c`; `b` begins after that, so only what it relies on is older.
  const tests = [
    { name: 'a', run: 'cp src/x kept; echo other > src/x; cp kept src/x; sleep 4.5' },
    { name: 'c', run: 'sleep 1' },
    { name: 'b', run: 'true' }
  ]
  const server = { command: 'echo up; exec sleep 100', port: /** @type {const} */ (false), ready: { log: 'up' } }
  const overrides = [{ where: { test: ':b$' }, dependsOn: ['tests:a'] }]
  const root = folder(t, FILES)
  /** @type {RunConfig} */
  const config = { tests, workers: 2, server, overrides, cache: TWO.cache, gracePeriod: '1s' }
  const passed = { a: 'passed', b: 'passed', c: 'passed' }
  assert.deepEqual((await runIn(root, config)).statuses, passed)
  assert.deepEqual((await runIn(root, config)).statuses, passed)
})

describe('a test is run again, and told why', () => {
  test('after each change that may matter', async t => {
    const root = folder(t, { ...FILES, 'template/file': '1', 'package-lock.json': '1', tool: '1' })
    let config = { ...TWO, dir: { template: 'template' }, cache: { inputs: ['src/**'], toolchain: ['cat tool'] } }
    const rerun = async (/** @type {RegExp} */ why, /** @type {RunConfig} */ change = {}) => {
      config = /** @type {any} */ ({ ...config, ...change })
      const { result, statuses } = await runIn(root, config)
      assert.deepEqual(statuses, RUNS_BOTH, String(why))
      for (const test of result.tests) assert.match(String(test.why), why)
      assert.deepEqual((await runIn(root, config)).statuses, HITS, String(why))
    }
    await rerun(/^no result yet$/)
    write(root, { 'src/x': '2', 'src/y': '' })
    await rerun(/^changed: src\/x; added: src\/y$/)
    fs.rmSync(path.join(root, 'src/y'))
    fs.chmodSync(path.join(root, 'src/x'), 0o755)
    await rerun(/^changed: src\/x; removed: src\/y$|^changed: src\/x$/)
    write(root, { 'template/file': '2' })
    await rerun(/template\/file/)
    write(root, { 'package-lock.json': '2' })
    await rerun(/^lockfile package-lock\.json changed$/)
    write(root, { tool: '2' })
    await rerun(/^toolchain changed: .*cat.*tool/)
    t.after(() => delete process.env.RUN_CACHE_TEST)
    process.env.RUN_CACHE_TEST = 'x'
    await rerun(/^environment: RUN_CACHE_TEST changed$/)
    process.env.RUN_CACHE_TEST = 'y'
    await rerun(/^environment: RUN_CACHE_TEST changed$/)
    await rerun(/command changed/, { run: 'sh src/test.sh {test} more' })
    await rerun(/configuration changed/, { env: { A: '1' } })
    await rerun(/configuration changed/, { values: { host: 'x' } })
    await rerun(/configuration changed/, { pools: { accounts: 2 } })
    await rerun(/configuration changed/, { isolation: 'test' })
    await rerun(/configuration changed/, { dir: { template: 'template', files: { seed: '[]' } } })
    await rerun(/configuration changed/, { workerSetup: 'true' })
    await rerun(/configuration changed/, {
      services: [{ name: 's', command: 'echo up; exec sleep 100', port: false, ready: { log: 'up' } }]
    })
    await rerun(/changed/, { group: 'another' })
  })

  test('a link in the template counts with what it leads to, an empty folder is no empty file', async t => {
    const root = folder(t, { ...FILES, elsewhere: '1', 'template/keep': '' })
    const config = { ...TWO, dir: { template: 'template' } }
    fs.symlinkSync(path.join(root, 'elsewhere'), path.join(root, 'template/link'))
    fs.mkdirSync(path.join(root, 'template/empty'))
    assert.deepEqual((await runIn(root, config)).statuses, RUNS_BOTH)
    assert.deepEqual((await runIn(root, config)).statuses, HITS)
    write(root, { elsewhere: '2' })
    assert.deepEqual((await runIn(root, config)).statuses, RUNS_BOTH)
    fs.rmdirSync(path.join(root, 'template/empty'))
    write(root, { 'template/empty': '' })
    assert.deepEqual((await runIn(root, config)).statuses, RUNS_BOTH)
  })

  test('a result that nobody minded a leak of is none for who minds', async t => {
    const root = folder(t, { 'src/test.sh': 'sleep 100 >/dev/null 2>&1 &\n' })
    const config = { ...TWO, tests: ['a'] }
    assert.deepEqual((await runIn(root, { ...config, leaks: 'off' })).statuses, { a: 'passed' })
    assert.deepEqual((await runIn(root, { ...config, leaks: 'fail' })).statuses, { a: 'failed' })
  })

  test('the variables that count: all but those of the terminal and the session, or those that are named', async t => {
    const root = folder(t, FILES)
    t.after(() => {
      for (const name of ['NODE_WORLD', 'TERM_WORLD', 'npm_world']) delete process.env[name]
    })
    const changing = async (/** @type {string} */ name, /** @type {string[] | null} */ env = null) => {
      delete process.env[name]
      const config = { ...TWO, cache: { inputs: ['src/**'], ...(env ? { env } : {}) } }
      await runIn(root, config)
      process.env[name] = String(Math.random())
      return (await runIn(root, config)).statuses.a
    }
    assert.deepEqual(
      [await changing('NODE_WORLD'), await changing('TERM_WORLD'), await changing('npm_world')],
      ['passed', 'cached', 'cached']
    )
    assert.deepEqual([await changing('NODE_WORLD', ['TERM_*']), await changing('TERM_WORLD', ['TERM_*'])], ['cached', 'passed'])
    assert.deepEqual([await changing('NODE_WORLD', []), await changing('npm_world', ['npm_world'])], ['cached', 'passed'])
  })
})

describe('only clean passes are kept', () => {
  test('not what failed, was flaky, leaked or was skipped', async t => {
    const root = folder(t, { 'src/x': '' })
    const config = {
      cache: { inputs: ['src/**'] },
      tests: [
        { name: 'clean', run: 'true' },
        { name: 'failed', run: 'false' },
        { name: 'flaky', run: '[ "$EPHEMERAL_ATTEMPT" = 2 ]' },
        { name: 'leaky', run: 'sleep 100 >/dev/null 2>&1 & exit 0' },
        { name: 'skipped', run: 'exit 77' }
      ],
      retries: 1
    }
    const first = { clean: 'passed', failed: 'failed', flaky: 'flaky', leaky: 'passed', skipped: 'skipped' }
    assert.deepEqual((await runIn(root, config)).statuses, first)
    const { result, statuses } = await runIn(root, config)
    assert.deepEqual(statuses, { ...first, clean: 'cached' })
    assert.match(String(result.tests[1].why), /failed last time/)
  })

  test('a failure takes an earlier pass away', async t => {
    const root = folder(t, FILES)
    await runIn(root, TWO)
    write(root, { bad: '' })
    assert.deepEqual((await runIn(root, TWO)).statuses, HITS, 'the file is no input')
    assert.deepEqual((await runIn(root, TWO, { full: true })).statuses, { a: 'passed', b: 'failed' })
    assert.deepEqual((await runIn(root, TWO)).statuses, { a: 'cached', b: 'failed' })
  })

  test('cache.verify finds a test that depends on more than its inputs', async t => {
    const root = folder(t, FILES)
    await runIn(root, TWO)
    const verify = { ...TWO, cache: { inputs: ['src/**'], verify: 1 } }
    assert.deepEqual((await runIn(root, verify)).statuses, RUNS_BOTH)
    write(root, { bad: '' })
    const { result, statuses } = await runIn(root, verify)
    assert.deepEqual(statuses, { a: 'passed', b: 'failed' })
    // A test failed, which is graver than that the cache was wrong.
    assert.deepEqual([result.exitCode, result.errors.map(({ code }) => code)], [1, ['cache_wrong']])
    assert.match(result.errors[0].message, /tests:b/)
  })

  test('not what passed while a file was changed', async t => {
    const root = folder(t, { 'src/test.sh': 'while [ -e hold ]; do sleep 0.01; done\n', 'src/x': '1', hold: '' })
    const config = { ...TWO, workers: 1 }
    const { result } = await runIn(root, config, {
      onEvent: event => {
        if (event.type !== 'testStarted') return
        write(root, { 'src/x': '2' })
        fs.rmSync(path.join(root, 'hold'), { force: true })
      }
    })
    assert.match(result.notes.join(), /src\/x.*not recorded/)
    write(root, { 'src/x': '1' })
    assert.deepEqual((await runIn(root, config)).statuses, RUNS_BOTH)
  })

  test('not what passed while a file was there that is gone', async t => {
    const root = folder(t, { 'src/test.sh': 'while [ -e hold ]; do sleep 0.01; done\n', 'src/x': '1', hold: '' })
    const { result } = await runIn(root, TWO, {
      onEvent: event => {
        if (event.type !== 'testStarted' || !fs.existsSync(path.join(root, 'hold'))) return
        write(root, { 'src/new': '' })
        fs.rmSync(path.join(root, 'src/new'))
        fs.rmSync(path.join(root, 'hold'))
      }
    })
    assert.match(result.notes.join(), /came and went in .*src.*not recorded/)
    assert.deepEqual((await runIn(root, TWO)).statuses, RUNS_BOTH)
  })

  test('of a run that was stopped, what had passed by then', async t => {
    const root = folder(t, { 'src/test.sh': '[ "$1" = a ] || [ ! -e hold ] || sleep 100\n', hold: '' })
    const config = { ...TWO, workers: 1 }
    const stopping = new AbortController()
    const stopped = await runIn(root, config, {
      signal: stopping.signal,
      onEvent: event => event.type === 'testStarted' && event.id.endsWith('b') && stopping.abort('SIGINT')
    })
    assert.deepEqual([stopped.statuses, stopped.result.exitCode], [{ a: 'passed', b: 'not_run' }, 130])
    fs.rmSync(path.join(root, 'hold'))
    assert.deepEqual((await runIn(root, config)).statuses, { a: 'cached', b: 'passed' })
  })
})

describe('the file of the cache', () => {
  test('that is damaged, cut or foreign is none, and written anew', async t => {
    const root = folder(t, FILES)
    const file = path.join(root, '.ephemeral-broker/cache/results.json')
    await runIn(root, TWO)
    const whole = fs.readFileSync(file, 'utf8')
    for (const text of ['', '{', whole.slice(0, -9), '[]', '"x"', whole.replace('"format":1', '"format":99'), '\0\0']) {
      fs.writeFileSync(file, text)
      const { result, statuses } = await runIn(root, TWO)
      assert.deepEqual([statuses, result.exitCode], [RUNS_BOTH, 0], text)
      assert.match(result.notes.join(), /results\.json is not used/)
      assert.deepEqual((await runIn(root, TWO)).statuses, HITS)
    }
  })

  test('two runs at once lose nothing of each other', async t => {
    const root = folder(t, FILES)
    const names = Array.from({ length: 6 }, (_, index) => `t${index}`)
    const runs = names.map(name => runIn(root, { ...TWO, tests: [name] }))
    for (const { result } of await Promise.all(runs)) assert.equal(result.exitCode, 0)
    const { result } = await runIn(root, { ...TWO, tests: names })
    assert.equal(result.counts.cached, names.length)
  })

  test('that cannot be written is no failure, and told', async t => {
    const root = folder(t, { ...FILES, '.ephemeral-broker/cache': 'a file where the folder should be' })
    const { result, statuses } = await runIn(root, TWO)
    assert.deepEqual([statuses, result.exitCode], [RUNS_BOTH, 0])
    assert.match(result.notes.join(), /the cache cannot be written in .*\.ephemeral-broker/)
  })

  test('an output folder that cannot be written is no failure either', async t => {
    const root = folder(t, { ...FILES, file: '', 'tmp/keep': '' })
    const config = JSON.stringify({ ...TWO, output: 'file/output', reporter: 'list' })
    write(root, { 'ephemeral-broker.json': config })
    // What it writes elsewhere goes with the folder.
    const { code, stdout, stderr } = await cli(root, ['run'], { TMPDIR: path.join(root, 'tmp') })
    assert.deepEqual([code, /2 passed/.test(stdout)], [0, true], stdout + stderr)
    assert.match(stdout, /file\/output/)
  })
})
