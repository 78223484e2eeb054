// @ts-check
'use strict'

/** What outlives a test, and what does not want to end: nothing of it is there when the run is over. `runCli` looks for what is left after each run. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const { describe, test } = require('node:test')
const { CLI, SERVER, assertNothingLeft, environment, isAlive, processesWith, project, runCli, shellTests, until } = require('./support-run')

const linuxOnly = { skip: process.platform !== 'linux' && 'looks into /proc', concurrency: 4 }

/** In the background, with grandchildren; its processes have the mark as a word, should they clear their environment. */
const SLEEPERS = 'sh -c "sleep 300 & sleep 301 & wait" "EBR_MARK=$EBR_MARK"'

/** Ways to get out of sight, for the shell. @type {Record<string, string>} */
const DAEMONS = {
  'in the background': `${SLEEPERS} >/dev/null 2>&1 &`,
  'in a session of its own': `setsid ${SLEEPERS} >/dev/null 2>&1 &`,
  'forked twice': `(setsid ${SLEEPERS} >/dev/null 2>&1 &) &`,
  'that ignores SIGTERM and SIGHUP': `(trap '' TERM HUP; exec setsid ${SLEEPERS}) >/dev/null 2>&1 &`,
  'without environment': `(env -i PATH="$PATH" sh -c "while :; do sleep 1; done" "EBR_MARK=$EBR_MARK") &`,
  'in a session of its own, with cleared environment': `env -i PATH="$PATH" setsid sh -c "while :; do sleep 1; done" "EBR_MARK=$EBR_MARK" >/dev/null 2>&1 </dev/null &`,
  'that keeps the pipe': 'sleep 300 &',
  'in a session of its own that keeps the pipe': 'setsid sleep 300 &'
}

describe('a test that leaves a daemon', linuxOnly, () => {
  for (const [name, line] of Object.entries(DAEMONS)) {
    test(name, async t => {
      // The second is there so that the first's daemon would outlive its test for long, if nobody ended it. One that says nothing at all is
      // known to be its test's only where no other test runs; else it ends with the run.
      const workers = name.endsWith('with cleared environment') ? 0 : 2
      const made = project(t, {}, { workers, tests: shellTests({ daemon: `${line}\nexit 0`, other: 'sleep 0.5' }) })
      const run = await runCli(made)
      assert.deepEqual([run.code, run.statuses], [0, { daemon: 'passed', other: 'passed' }])
      const [attempt] = run.test('daemon').attempts
      assert.equal(attempt.leaked, true)
      assert.match(attempt.reason ?? '', /left processes behind: .*sleep/)
      assert.equal(run.test('other').attempts[0].leaked, false)
      assert.match(run.stdout, /left processes behind/)
    })
  }

  test('ends before the next test of its worker begins', async t => {
    const made = project(
      t,
      {},
      {
        workers: 0,
        tests: shellTests({ daemon: 'setsid sleep 300 >/dev/null 2>&1 & echo $! > pid', next: 'kill -0 $(cat pid) && exit 1; exit 0' }),
        overrides: [{ where: { test: ':daemon$' }, priority: 1 }]
      }
    )
    // Several times: what has just been forked is hard to see.
    const run = await runCli(made, ['--repeat', '5'])
    const daemons = run.report.tests.filter(({ name }) => name === 'daemon')
    assert.deepEqual(
      daemons.map(({ attempts: [{ leaked }] }) => leaked),
      [true, true, true, true, true]
    )
    assert.equal(run.report.counts.passed, 10)
  })

  test('fails with leaks = fail, is said nothing of with off, and is ended in any case', async t => {
    const made = project(t, {}, { leaks: 'fail', tests: shellTests({ daemon: 'sleep 300 & exit 0', tidy: 'sleep 0.01 & exit 0' }) })
    const failing = await runCli(made)
    assert.deepEqual([failing.code, failing.statuses], [1, { daemon: 'failed', tidy: 'passed' }])
    assert.match(failing.test('daemon').reason ?? '', /left processes behind/)
    made.write('ephemeral-broker.json', { leaks: 'off', tests: shellTests({ daemon: 'sleep 300 & exit 0' }) })
    const silent = await runCli(made)
    assert.deepEqual([silent.code, silent.test('daemon').attempts[0].leaked], [0, false])
    assert.doesNotMatch(silent.stdout, /sleep/)
  })

  test('or fails, is marked too', async t => {
    const made = project(t, {}, { tests: shellTests({ daemon: 'sleep 300 & exit 3' }) })
    const run = await runCli(made)
    assert.equal(run.code, 1)
    assert.deepEqual(run.test('daemon').attempts[0].leaked, true)
    assert.match(run.test('daemon').reason ?? '', /exit code 3.*sleep 300/)
  })
})

describe('a test that takes too long', linuxOnly, () => {
  for (const [name, line] of Object.entries({
    'with grandchildren': `sh -c 'sh -c "sleep 300; true" & wait' & wait`,
    'that ignores SIGTERM, as its children do': `trap '' TERM; sh -c 'sleep 300; sleep 300' & while :; do sleep 1; done`,
    'that starts another for each that is killed': `trap '' TERM; while :; do sh -c 'trap "" TERM; sleep 60 & sleep 61'; done`,
    'with a daemon': `setsid sh -c "trap '' TERM; sleep 300; true" & setsid sleep 300 >/dev/null 2>&1 & sleep 300`,
    'that is stopped': 'kill -STOP $$; sleep 300',
    'that has closed its output': 'exec >&- 2>&-; sleep 300 & sleep 300'
  })) {
    test(`${name}, is ended with all that it started`, async t => {
      const made = project(t, {}, { timeout: 400, gracePeriod: 300, tests: shellTests({ long: line }) })
      const run = await runCli(made)
      assert.deepEqual([run.code, run.statuses], [1, { long: 'timed_out' }])
      const { duration } = run.test('long')
      assert.ok(duration >= 400 && duration < 10_000, `it took ${duration} ms`)
    })
  }

  test('may say goodbye within its grace', async t => {
    const made = project(
      t,
      {},
      { timeout: 300, gracePeriod: '20s', tests: shellTests({ long: `trap 'echo bye > bye; exit 0' TERM; sleep 300 & wait` }) }
    )
    const run = await runCli(made)
    assert.deepEqual(run.statuses, { long: 'timed_out' })
    assert.equal(made.read('bye'), 'bye\n')
    assert.equal(run.test('long').attempts[0].exitCode, 0)
  })
})

describe('output', linuxOnly, () => {
  test('of 100 MB neither blocks the test nor fills the memory or the disk', async t => {
    const made = project(
      t,
      {},
      { tests: shellTests({ loud: 'echo begun; head -c 100000000 /dev/zero | tr "\\0" x; echo; echo the end; exit 1' }) }
    )
    const run = await runCli(made)
    const [{ output, outputSize, log }] = run.test('loud').attempts
    assert.equal(outputSize, 'begun\n\nthe end\n'.length + 100_000_000)
    assert.ok(output && output.length < 200_000, `${output?.length} kept`)
    assert.match(output, /^begun\n/)
    assert.match(output, /the end\n$/)
    assert.ok(fs.statSync(String(log)).size < 50_000_000)
    assert.match(fs.readFileSync(String(log), 'utf8').slice(-100), /the end\n$/)
  })

  test('that nobody reads any more ends no run without its processes', async t => {
    const made = project(t, {}, { workers: 1, tests: shellTests({ a: 'sleep 0.3', b: 'sleep 300 & sleep 0.3; exit 1', c: 'exit 0' }) })
    const child = spawn(process.execPath, [CLI, 'run', '-v'], {
      cwd: made.dir,
      env: environment(made, {}),
      stdio: ['ignore', 'pipe', 'pipe']
    })
    child.stdout.destroy()
    child.stderr.destroy()
    const [code] = await once(child, 'exit')
    assert.notEqual(code, 0, 'a test failed')
    assertNothingLeft(made)
  })
})

test('a test has no input, and no descriptors of the runner', linuxOnly, async t => {
  const made = project(
    t,
    {},
    {
      server: { command: ['node', SERVER], ready: '/health' },
      tests: shellTests({ a: 'cat; readlink /proc/$$/fd/*; exit 1' })
    }
  )
  const run = await runCli(made)
  const [input, ...descriptors] = run.test('a').attempts[0].output?.trimEnd().split('\n') ?? []
  assert.equal(input, '/dev/null')
  // What whoever started this process left open to all is no matter of the runner.
  const known = fs.readdirSync('/proc/self/fd').map(fd => link(`/proc/self/fd/${fd}`))
  const strange = descriptors.filter(target => !known.includes(target))
  assert.equal(new Set(strange).size, 1, `its output alone, not ${strange}`)
})

/** @param {string} file */
function link(file) {
  try {
    return fs.readlinkSync(file)
  } catch {
    // It was that of the folder.
    return null
  }
}

describe('a server', linuxOnly, () => {
  test('that does not want to end, and what it started, is ended', async t => {
    const made = project(
      t,
      {},
      {
        gracePeriod: 200,
        server: {
          command: ['sh', '-c', `trap '' TERM; setsid sleep 300 >/dev/null 2>&1 & sleep 301 & node ${SERVER} & while :; do sleep 1; done`],
          ready: '/health'
        },
        tests: shellTests({ a: 'exit 0' })
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }])
  })

  test('that dies does not leave what it started', async t => {
    const made = project(
      t,
      {},
      {
        workers: 1,
        server: {
          command: ['sh', '-c', 'setsid sleep 300 >/dev/null 2>&1 & echo $! >> pids; echo up; exec sleep 302'],
          ready: { log: '^up$' },
          port: false,
          maxRestarts: 5
        },
        tests: shellTests({ a: '[ -e killed ] || { touch begun; sleep 300; }' })
      }
    )
    const run = await runCli(made, [], {
      meanwhile: async () => {
        await until(() => fs.existsSync(made.path('begun')), 'the test')
        const server = processesWith(made.marker).find(({ command }) => command === 'sleep 302')
        made.write('killed', '')
        process.kill(Number(server?.pid), 'SIGKILL')
        await until(() => made.lines('pids').length === 2, 'another server')
        assert.equal(isAlive(Number(made.lines('pids')[0])), false)
      }
    })
    assert.deepEqual([run.code, run.statuses], [0, { a: 'passed' }], run.stdout)
    assert.equal(run.test('a').attempts.length, 2)
  })
})

describe('a runner that is killed', linuxOnly, () => {
  test('leaves nothing, a second later', async t => {
    const made = project(
      t,
      {},
      {
        workers: 2,
        server: { command: ['sh', '-c', `setsid sleep 300 >/dev/null 2>&1 & exec node ${SERVER}`], ready: '/health' },
        tests: shellTests({ a: `trap '' TERM; touch a; setsid sleep 300 & sleep 300; sleep 300`, b: 'touch b; sleep 300 & sleep 300' })
      }
    )
    const run = await runCli(made, [], {
      signal: 'SIGKILL',
      when: () => fs.existsSync(made.path('a')) && fs.existsSync(made.path('b')),
      leftovers: true
    })
    assert.equal(run.signal, 'SIGKILL')
    await until(() => processesWith(made.marker).length === 0, 'the end of all processes', 5000)
    await until(() => fs.readdirSync(made.tmp).length === 0, 'the removal of all directories and sockets', 5000)
  })

  test('by a second signal, ends at once', async t => {
    const made = project(
      t,
      {},
      { gracePeriod: '10m', tests: shellTests({ a: `trap 'touch asked' TERM; touch begun; while :; do sleep 0.1; done` }) }
    )
    const run = await runCli(made, [], {
      signal: 'SIGINT',
      when: () => fs.existsSync(made.path('begun')),
      meanwhile: async child => {
        await until(() => fs.existsSync(made.path('asked')), 'SIGTERM at the test')
        // Two within a moment are one wish.
        const asked = performance.now()
        await until(() => performance.now() - asked > 400, 'a wish of its own')
        child.kill('SIGINT')
      }
    })
    assert.deepEqual([run.code, run.statuses], [130, { a: 'not_run' }])
  })
})
