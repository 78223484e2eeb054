// @ts-check
'use strict'

/** `--watch`: what is run when, with which servers, and how it ends. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { makeWatched, startWatching } = require('./support-run-signals/watching.js')
const { run } = require('..')

/** @typedef {ReturnType<typeof makeWatched>} Watched */
/** @typedef {ReturnType<typeof startWatching>} Watching */

const skip = process.platform === 'win32' ? 'the tests are shell scripts' : false

/**
 * Watches a checkout while something is done, and ends it.
 * @param {string} name
 * @param {Parameters<typeof makeWatched>[1] & { args?: string[] }} how
 * @param {(watched: Watched, watching: Watching) => Promise<void>} act
 */
async function watching(name, { args, ...more }, act) {
  const watched = makeWatched(name, more)
  const started = startWatching(watched, args)
  try {
    await act(watched, started)
    started.child.kill('SIGINT')
    assert.deepEqual(await started.exit, { code: 130, signal: null }, started.output())
    await started.gone()
  } catch (error) {
    started.child.kill('SIGKILL')
    throw new Error(`${/** @type {Error} */ (error).message}\n${started.output()}`, { cause: error })
  } finally {
    watched.dispose()
  }
}

describe('--watch', { skip, concurrency: 2, timeout: 120_000 }, () => {
  it('runs all tests, then what changes ask for, with the same server', () =>
    watching('basics', {}, async (watched, { waits }) => {
      await waits()
      assert.deepEqual(watched.told('test').sort(), ['a', 'b', 'c'])

      watched.write('tests/b.sh', `${watched.read('tests/b.sh')}# changed\n`)
      await waits()
      assert.deepEqual(watched.told('test'), ['b'], 'only the test whose file changed')

      watched.write('lib/source.txt', 'new')
      await waits()
      assert.deepEqual(watched.told('test').sort(), ['a', 'b', 'c'], 'all, for any may depend on it')

      watched.write('tests/d.sh', watched.read('tests/a.sh'))
      await waits()
      assert.deepEqual(watched.told('test'), ['d'], 'a new test')

      watched.remove('tests/a.sh')
      await waits()
      assert.deepEqual(watched.told('test').sort(), ['b', 'c', 'd'], 'a test that is gone is not run')
      assert.equal(watched.told('server').length, 1, 'the server was started again')
    }))

  it('runs first what was changed itself', () =>
    watching('first', {}, async (watched, { waits }) => {
      await waits()
      watched.told('test')
      watched.write('tests/c.sh', `${watched.read('tests/c.sh')}# changed\n`)
      watched.write('source.txt', 'new')
      await waits()
      const told = watched.told('test')
      assert.deepEqual([told[0], told.length], ['c', 3])
    }))

  it('runs again for what changes during a cycle', () =>
    watching('during', {}, async (watched, { waits, reached }) => {
      watched.hold()
      await reached(/^test-/)
      watched.write('tests/b.sh', `${watched.read('tests/b.sh')}# changed\n`)
      watched.release()
      await waits()
      const told = watched.told('test')
      assert.deepEqual([told.slice(0, 3).sort(), told.slice(3)], [['a', 'b', 'c'], ['b']])
    }))

  const ignored = { '.gitignore': 'build/\n*.tmp\n', 'build/out.js': '1', 'node_modules/x/index.js': '1' }
  it('does not run for what git ignores, node_modules, the output folder, a report, or git itself', () =>
    watching(
      'ignored',
      { files: ignored, args: ['--reporter', 'list', '--reporter', 'json=report.json'] },
      async (watched, { waits, cycles }) => {
        await waits()
        for (const file of ['build/out.js', 'build/deep/new.js', 'node_modules/x/index.js', 'x.tmp', '.ephemeral-broker/x', '.git/x']) {
          watched.write(file, 'changed')
        }
        watched.write('tests/a.sh', `${watched.read('tests/a.sh')}# changed\n`)
        await waits()
        watched.write('tests/a.sh', `${watched.read('tests/a.sh')}# again\n`)
        await waits()
        assert.deepEqual(watched.told('test').slice(3), ['a', 'a'])
        // What a watcher tells late belongs to the next cycle.
        const before = cycles()
        assert.ok(before >= 3 && before <= 6, String(before))
      }
    ))

  it('asks the cache: what has passed with these inputs is not run', () =>
    watching(
      'cached',
      { config: { server: undefined, cache: { inputs: ['tests/**', 'lib/**'] } }, files: { 'lib/x': '1' } },
      async (watched, { waits, output }) => {
        await waits()
        watched.write('lib/x', '2')
        await waits()
        assert.equal(watched.told('test').length, 6)
        watched.write('lib/x', '1')
        await waits()
        assert.deepEqual(watched.told('test'), [])
        assert.match(output(), /3 unchanged/)
        watched.write('README', 'no input')
        watched.write('lib/x', '3')
        await waits()
        assert.equal(watched.told('test').length, 3)
      }
    ))

  it('does not go on for ever where a test rewrites what it depends on', () =>
    watching(
      'rewrites',
      { files: { 'tests/a.sh': 'echo "test $1" >> "$STORY"; date +%s%N > snapshot\n' } },
      async (watched, { waits, cycles, output }) => {
        await waits()
        // What a watcher tells late belongs to the next cycle.
        const before = cycles()
        assert.ok(before >= 3 && before <= 6, String(before))
        assert.match(output(), /^snapshot changes each time that tests run/m)
        watched.told('test')
        watched.write('snapshot', 'by hand')
        await waits()
        assert.deepEqual(watched.told('test').sort(), ['a', 'b', 'c'], 'a change by somebody else counts')
        assert.ok(cycles() > before)
      }
    ))

  it('waits for what is wrong to be mended: a list', () =>
    watching(
      'list',
      { config: { files: undefined, list: ['sh', 'list.sh'], run: ['sh', 'tests/{test}.sh', '{test}'] }, files: { 'list.sh': 'exit 1\n' } },
      async (watched, { waits, output }) => {
        await waits()
        assert.match(output(), /list_failed/)
        watched.write('list.sh', 'echo a; echo b\n')
        await waits()
        assert.deepEqual(watched.told('test').sort(), ['a', 'b'])
        watched.write('list.sh', 'exit 1\n')
        await waits()
        watched.write('list.sh', 'echo c\n')
        await waits()
        assert.deepEqual([watched.told('test'), watched.told('server').length], [['c'], 1])
      }
    ))

  it('tests later what changed before a cycle that could not be set up', () =>
    watching(
      'unseen',
      { config: { globalSetup: ['sh', 'setup.sh'] }, files: { 'setup.sh': '[ ! -e "$STORY.broken" ]\n' } },
      async (watched, { waits }) => {
        fs.writeFileSync(`${watched.story}.broken`, '')
        await waits()
        watched.write('tests/a.sh', `${watched.read('tests/a.sh')}# changed\n`)
        await waits()
        assert.deepEqual(watched.told('test'), [])
        fs.rmSync(`${watched.story}.broken`)
        watched.write('tests/b.sh', `${watched.read('tests/b.sh')}# changed\n`)
        await waits()
        assert.deepEqual(watched.told('test').sort(), ['a', 'b', 'c'], 'none of them has run yet')
      }
    ))

  it('waits for what is wrong to be mended: the setup, which is run again then', () =>
    watching(
      'setup',
      { config: { globalSetup: ['sh', 'setup.sh'] }, files: { 'setup.sh': 'echo "setup 1" >> "$STORY"; exit 1\n' } },
      async (watched, { waits, output }) => {
        await waits()
        assert.match(output(), /setup_failed/)
        assert.deepEqual(watched.told('test'), [])
        watched.write('setup.sh', 'echo "setup 2" >> "$STORY"\n')
        await waits()
        assert.equal(watched.told('test').length, 3)
        watched.write('setup.sh', 'echo "setup 3" >> "$STORY"\n')
        await waits()
        assert.equal(watched.told('test').length, 3)
        assert.deepEqual(watched.told('setup'), ['1', '2'], 'what is set up stays so')
      }
    ))

  it('says that a config which has changed is not used', () =>
    watching('config', {}, async (watched, { waits, output }) => {
      await waits()
      watched.write('ephemeral-broker.json', JSON.stringify({ ...watched.config, workers: 2 }))
      await waits()
      assert.match(output(), /^ephemeral-broker\.json has changed: end this and start it again to use it\.$/m)
    }))

  it('ends in the midst of a cycle, too', () =>
    watching('midst', {}, async (watched, { reached, output }) => {
      watched.hold()
      await reached(/^test-/)
      assert.equal(output().includes('Waiting'), false)
    }))
})

describe('run() with watch', { skip, timeout: 60_000 }, () => {
  it('tells of each cycle, and settles with the last when it is aborted', async () => {
    const watched = makeWatched('api')
    const control = new AbortController()
    /** @type {import('../run.js').RunEvent[]} */
    let cycle = []
    /** @type {Array<{ startedAt: number, first: number, tests: string[], duration: number }>} */
    const cycles = []
    const onEvent = (/** @type {import('../run.js').RunEvent} */ event) => {
      if (event.type === 'runStarted') cycle = []
      cycle.push(event)
      if (event.type !== 'runFinished') return
      const { result } = event
      const first = Math.min(...cycle.map(({ at }) => at))
      cycles.push({
        startedAt: result.startedAt,
        first,
        tests: result.tests.map(({ id }) => path.basename(id, '.sh')),
        duration: result.duration
      })
      for (const { attempts } of result.tests)
        for (const { at } of attempts) assert.ok(at >= 0 && at <= result.duration, 'times begin with the cycle')
      if (cycles.length === 1) watched.write('tests/b.sh', `${watched.read('tests/b.sh')}# changed\n`)
      else control.abort('SIGTERM')
    }
    process.env.STORY = watched.story
    try {
      const result = await run(/** @type {any} */ (watched.config), { root: watched.root, watch: true, signal: control.signal, onEvent })
      assert.equal(cycles.length, 2)
      assert.deepEqual([cycles[0].tests.sort(), cycles[1].tests], [['a', 'b', 'c'], ['b']])
      assert.deepEqual([result.exitCode, result.tests.length, result.counts.passed], [0, 1, 1])
      assert.ok(cycles[1].startedAt > cycles[0].startedAt)
      assert.ok(cycles[1].first >= 0)
      assert.ok(result.broker)
      const [server] = watched.told('server')
      assert.throws(() => process.kill(Number(server), 0), { code: 'ESRCH' })
    } finally {
      delete process.env.STORY
      watched.dispose()
    }
  })

  it('rejects with what onEvent throws, and leaves nothing', async () => {
    const watched = makeWatched('throws')
    const onEvent = (/** @type {import('../run.js').RunEvent} */ event) => {
      if (event.type === 'runFinished') throw new Error('boo')
    }
    process.env.STORY = watched.story
    try {
      await assert.rejects(run(/** @type {any} */ (watched.config), { root: watched.root, watch: true, onEvent }), { message: 'boo' })
      const [server] = watched.told('server')
      assert.throws(() => process.kill(Number(server), 0), { code: 'ESRCH' })
      assert.equal(fs.existsSync(path.join(watched.root, '.ephemeral-broker')), true)
    } finally {
      delete process.env.STORY
      watched.dispose()
    }
  })
})
