// @ts-check
'use strict'

/** How tests and runs end: every selected test in exactly one way, and nothing is green that nobody has seen pass. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { project, runApi, runCli, shellTests } = require('./support-run')

/** @typedef {import('../run.js').RunConfig} RunConfig */

/**
 * Each selected test is in the report once, and was told of once.
 * @param {import('./support-run').CliRun} run
 * @param {number} count
 */
function assertAccounted(run, count) {
  const { tests, counts } = run.report
  const keys = tests.map(({ id, repeat }) => `${repeat} ${id}`)
  assert.equal(tests.length, count, `${keys}`)
  assert.equal(new Set(keys).size, count, `twice in ${keys}`)
  assert.equal(counts.total, count)
  const { total, ...rest } = counts
  assert.equal(
    Object.values(rest).reduce((sum, each) => sum + each, 0),
    total
  )
  const told = run.events.flatMap(event => (event.type === 'testFinished' ? [`${event.result.repeat} ${event.result.id}`] : []))
  assert.deepEqual(told.sort(), [...keys].sort())
}

describe('a test ends as', { concurrency: 4 }, () => {
  test('its command does', async t => {
    const made = project(
      t,
      {},
      {
        tests: [
          ...shellTests({
            zero: 'exit 0',
            one: 'exit 1',
            skip: 'exit 77',
            crash: 'kill -SEGV $$',
            killed: 'kill -KILL $$',
            'not found': 'no-such-program-at-all',
            'closed output': 'exec >&- 2>&-; sleep 0.2; exit 4',
            'reads input': 'cat; exit 0'
          }),
          { name: 'no program', run: ['/no/such/program'] },
          { name: 'NUL', run: ['echo', 'a\0b'] }
        ]
      }
    )
    const run = await runCli(made, ['-w', '3'])
    assert.deepEqual(run.statuses, {
      zero: 'passed',
      one: 'failed',
      skip: 'skipped',
      crash: 'failed',
      killed: 'failed',
      'not found': 'failed',
      'closed output': 'failed',
      'reads input': 'passed',
      'no program': 'error',
      NUL: 'error'
    })
    assert.equal(run.code, 1)
    assertAccounted(run, 10)
    assert.equal(run.test('one').attempts[0].reason, 'exit code 1')
    assert.equal(run.test('closed output').attempts[0].exitCode, 4)
    assert.equal(run.test('crash').attempts[0].signal, 'SIGSEGV')
    assert.match(run.test('no program').reason ?? '', /\/no\/such\/program/)
  })

  test('its output says, where the exit code says nothing', async t => {
    const noise = 'seq 1 40000'
    const made = project(
      t,
      {},
      {
        projects: [
          {
            name: 'tests',
            output: { skipped: '^--- SKIP', passed: '^--- PASS', none: '\\[no tests to run\\]$' },
            tests: shellTests({
              skipped: 'echo "--- SKIP: a"',
              'both pass and skip': 'echo "--- PASS: a"; echo "--- SKIP: b"',
              none: 'echo "ok x 0.1s [no tests to run]"',
              'says nothing': 'echo ok',
              failed: 'echo "--- PASS: a"; exit 1',
              // What is kept of a long output in memory is its beginning and its end.
              'skipped amid noise': `${noise}; echo "--- SKIP: a"; ${noise}`,
              'none amid noise': `${noise}; echo "ok x 0.1s [no tests to run]"; ${noise}`,
              'passed amid noise': `${noise}; echo "--- PASS: a"; ${noise}; echo "--- SKIP: b"`
            })
          }
        ]
      }
    )
    const run = await runCli(made, ['-w', '2'])
    assert.deepEqual(run.statuses, {
      skipped: 'skipped',
      'both pass and skip': 'passed',
      none: 'failed',
      'says nothing': 'passed',
      failed: 'failed',
      'skipped amid noise': 'skipped',
      'none amid noise': 'failed',
      'passed amid noise': 'passed'
    })
    assert.match(run.test('none').reason ?? '', /ran no test/)
  })

  test('timed out, when it takes too long, and as slow before', async t => {
    const made = project(
      t,
      {},
      { timeout: 500, slow: 100, gracePeriod: '5s', tests: shellTests({ long: 'echo begun; sleep 60', slow: 'sleep 0.2' }) }
    )
    const run = await runCli(made, ['-w', '2'])
    assert.deepEqual(run.statuses, { long: 'timed_out', slow: 'passed' })
    assert.equal(run.code, 1)
    const [attempt] = run.test('long').attempts
    assert.equal(attempt.reason, 'timed out after 0.5 s')
    assert.match(attempt.output ?? '', /begun/)
    assert.ok(attempt.duration < 5000, `SIGTERM was enough, but it took ${attempt.duration} ms`)
    assert.deepEqual(run.events.flatMap(event => (event.type === 'testSlow' ? [event.id] : [])).sort(), ['tests:long', 'tests:slow'])
    assert.equal(run.test('slow').attempts[0].slow, true)
  })

  test('a skip is no pass for those that depend on it, and never cached', async t => {
    const made = project(
      t,
      {},
      {
        cache: { inputs: ['ephemeral-broker.json'] },
        tests: shellTests({ pass: 'echo pass >> ran', skip: 'echo skip >> ran; exit 77' })
      }
    )
    assert.deepEqual((await runCli(made)).statuses, { pass: 'passed', skip: 'skipped' })
    const second = await runCli(made)
    assert.deepEqual(second.statuses, { pass: 'cached', skip: 'skipped' })
    assert.equal(second.code, 0)
    assert.deepEqual(made.lines('ran').sort(), ['pass', 'skip', 'skip'])
  })
})

describe('a test that failed', { concurrency: 4 }, () => {
  const flaky = 'echo >> tries; [ $(wc -l < tries) -ge 3 ]'

  test('is run again, and flaky when it passes then', async t => {
    const made = project(t, {}, { retries: 3, tests: shellTests({ flaky, never: 'exit 1' }) })
    const run = await runCli(made, ['-w', '0'])
    assert.deepEqual(run.statuses, { flaky: 'flaky', never: 'failed' })
    assert.deepEqual(
      run.test('flaky').attempts.map(({ attempt, status }) => [attempt, status]),
      [
        [1, 'failed'],
        [2, 'failed'],
        [3, 'passed']
      ]
    )
    assert.equal(run.test('never').attempts.length, 4)
    assert.equal(run.code, 1)
    assert.deepEqual(run.report.groups.tests.passed, 1)
  })

  test('makes a run with failOnFlaky fail, and only that', async t => {
    const made = project(t, {}, { retries: 3, tests: shellTests({ flaky }) })
    assert.equal((await runCli(made)).code, 0)
    made.write('tries', '')
    const strict = await runCli(made, ['--fail-on-flaky'])
    assert.deepEqual([strict.code, strict.statuses], [1, { flaky: 'flaky' }])
  })

  test('waits between attempts, longer each time', async t => {
    const made = project(
      t,
      {},
      { retries: { count: 3, delay: 100, backoff: 'exponential', maxDelay: 300 }, tests: shellTests({ never: 'exit 1' }) }
    )
    const run = await runCli(made)
    const told = run.events.flatMap(event => (event.type === 'attemptFinished' ? [event.retryIn] : []))
    assert.deepEqual(told, [100, 200, 300, null])
    const starts = run.test('never').attempts.map(({ at, duration }) => ({ at, end: at + duration }))
    for (const [index, wait] of [100, 200, 300].entries()) {
      const waited = starts[index + 1].at - starts[index].end
      assert.ok(waited >= wait - 5, `waited ${waited} ms for ${wait}`)
    }
  })

  test('is not saved by a skip at its next attempt', async t => {
    const made = project(t, {}, { retries: 1, tests: shellTests({ shy: 'echo >> tries; [ $(wc -l < tries) -lt 2 ] && exit 1; exit 77' }) })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [1, { shy: 'failed' }])
  })

  test('stops the run, with -x and maxFailures; what was not run is said to be so', async t => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const tests = shellTests(Object.fromEntries(names.map(name => [name, `echo ${name} >> ran; exit 1`])))
    const made = project(t, {}, { workers: 0, tests })
    const first = await runCli(made, ['-x'])
    assert.equal(first.code, 1)
    assertAccounted(first, 5)
    assert.deepEqual([first.report.counts.failed, first.report.counts.not_run], [1, 4])
    assert.equal(made.lines('ran').length, 1)
    assert.match(first.test('e').reason ?? '', /stopped after 1 failure$/)
    const third = await runCli(made, ['--max-failures', '3'])
    assert.deepEqual([third.report.counts.failed, third.report.counts.not_run], [3, 2])
    const all = await runCli(made, ['--max-failures', '0'])
    assert.equal(all.report.counts.failed, 5)
  })
})

describe('dependencies', { concurrency: 4 }, () => {
  test('order tests, and skip those whose dependency did not pass, with the reason', async t => {
    const made = project(
      t,
      {},
      {
        tests: shellTests({
          last: 'echo last >> ran',
          middle: 'echo middle >> ran',
          first: 'sleep 0.2; echo first >> ran',
          bad: 'exit 1',
          after: 'exit 0',
          deep: 'exit 0'
        }),
        overrides: [
          { where: { test: '> ?last$|:last$' }, dependsOn: ['middle'] },
          { where: { test: ':middle$' }, dependsOn: ['first'] },
          { where: { test: ':after$' }, dependsOn: ['bad'] },
          { where: { test: ':deep$' }, dependsOn: ['after'] }
        ]
      }
    )
    const run = await runCli(made, ['-w', '4'])
    assert.deepEqual(made.lines('ran'), ['first', 'middle', 'last'])
    assert.deepEqual(run.statuses, { last: 'passed', middle: 'passed', first: 'passed', bad: 'failed', after: 'skipped', deep: 'skipped' })
    assert.equal(run.test('after').reason, 'depends on tests:bad, which failed')
    assert.equal(run.test('deep').reason, 'depends on tests:after, which was skipped')
    assert.deepEqual(run.test('after').attempts, [])
    assertAccounted(run, 6)
  })

  test('in a circle are refused before anything runs', async t => {
    const made = project(
      t,
      {},
      {
        globalSetup: 'echo setup >> ran',
        tests: shellTests({ a: 'echo a >> ran', b: 'exit 0' }),
        overrides: [
          { where: { test: ':a$' }, dependsOn: ['b'] },
          { where: { test: ':b$' }, dependsOn: ['a'] }
        ]
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 2)
    assert.match(run.stderr, /tests:a.*tests:b|tests:b.*tests:a/)
    assert.deepEqual(made.lines('ran'), [])
  })

  test('on what there is not are refused', async t => {
    const made = project(t, {}, { dependsOn: ['b'], tests: shellTests({ a: 'exit 0' }) })
    const run = await runCli(made)
    assert.equal(run.code, 2)
    assert.match(run.stderr, /"b"/)
  })
})

describe('a run ends with', { concurrency: 4 }, () => {
  test('4 without tests, unless that is allowed', async t => {
    const made = project(t, {}, { tests: shellTests({ a: 'exit 0' }) })
    assert.equal((await runCli(made, ['nothing-like-it'])).code, 4)
    const allowed = await runCli(made, ['nothing-like-it', '--pass-with-no-tests'])
    assert.deepEqual([allowed.code, allowed.report.tests], [0, []])
    assert.equal((await runCli(made, ['--shard', '2/2'])).code, 0)
  })

  test('2 when the list of tests cannot be had', async t => {
    for (const list of ['exit 3', 'echo a; exit 1', 'kill -KILL $$', 'no-such-lister-at-all']) {
      const made = project(t, {}, { list, run: ['true'] })
      const run = await runCli(made)
      assert.equal(run.code, 2, list)
      assert.notEqual(run.stderr, '')
    }
  })

  test('4, not 0, when the list is empty', async t => {
    const made = project(t, {}, { list: 'true', run: ['true'] })
    assert.equal((await runCli(made)).code, 4)
  })

  test('2 when the config is wrong', async t => {
    const made = project(t, {}, /** @type {RunConfig} */ (/** @type {unknown} */ ({ test: ['a'] })))
    const run = await runCli(made)
    assert.equal(run.code, 2)
    assert.match(run.stderr, /tests/)
  })

  test('3 when a test could not be run, and nothing failed', async t => {
    const made = project(t, {}, { tests: [...shellTests({ a: 'exit 0' }), { name: 'b', run: ['/no/such/program'] }] })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.statuses], [3, { a: 'passed', b: 'error' }])
  })

  test('124 when it takes too long, with all reports', async t => {
    const made = project(
      t,
      {},
      {
        globalTimeout: 700,
        gracePeriod: 200,
        workers: 1,
        tests: shellTests({ quick: 'exit 0', stuck: "trap '' TERM; sleep 60 & wait; wait", never: 'exit 0' })
      }
    )
    const run = await runCli(made, [], { reporters: ['list', `junit=${made.path('j.xml')}`, `html=${made.path('r.html')}`] })
    assert.equal(run.code, 124)
    assertAccounted(run, 3)
    assert.equal(run.test('stuck').status, 'not_run')
    assert.match(made.read('j.xml'), /stuck/)
    assert.match(made.read('r.html'), /stuck/)
  })

  const stuck = 'sleep 300 & sleep 301'
  for (const [name, config] of /** @type {Array<[string, RunConfig]>} */ ([
    ['the setup', { globalSetup: stuck }],
    ["a worker's setup", { workerSetup: stuck }],
    ['a server', { server: { command: ['sh', '-c', stuck] } }],
    ['the reading of secrets', { secrets: { command: stuck } }]
  ])) {
    test(`124 also when it is ${name} that takes too long`, async t => {
      const made = project(
        t,
        {},
        { globalTimeout: 600, globalTeardown: 'echo down >> ran', tests: shellTests({ a: 'echo a >> ran' }), ...config }
      )
      const run = await runCli(made)
      assert.deepEqual([run.code, run.statuses, run.report.errors], [124, { a: 'not_run' }, []])
      assert.ok(!made.lines('ran').includes('a'))
    })
  }

  test('124 when it is the list that takes too long', async t => {
    const made = project(t, {}, { globalTimeout: 600, list: stuck, run: ['true'] })
    assert.equal((await runCli(made)).code, 124)
  })

  test('2 when a report cannot be written, whatever the tests came to', async t => {
    const made = project(t, { file: '' }, { tests: shellTests({ a: 'exit 0' }) })
    for (const reporter of ['junit', 'jsonl', 'html', 'csv']) {
      const run = await runCli(made, ['--reporter', `${reporter}=file/in/a/file`])
      assert.deepEqual([run.code, run.statuses], [2, { a: 'passed' }])
      assert.match(run.stderr, /report_failed.*file\/in\/a\/file/)
    }
  })

  for (const [signal, code] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129]
  ])) {
    test(`${code} after ${signal}, with the results so far, and nothing of what was interrupted is cached`, async t => {
      const made = project(
        t,
        {},
        {
          workers: 1,
          cache: { enabled: true, inputs: ['ephemeral-broker.json'] },
          globalTeardown: 'echo down >> ran',
          // It passes when it is asked to end.
          tests: shellTests({ done: 'exit 0', long: "trap 'exit 0' TERM; echo long >> ran; sleep 60 & wait", later: 'exit 0' }),
          overrides: [
            { where: { test: ':done$' }, priority: 10 },
            { where: { test: ':later$' }, priority: -10 }
          ]
        }
      )
      const run = await runCli(made, [], { signal, when: () => made.lines('ran').includes('long') })
      assert.equal(run.code, code)
      assert.deepEqual(run.statuses, { done: 'passed', long: 'not_run', later: 'not_run' })
      assertAccounted(run, 3)
      assert.deepEqual(made.lines('ran'), ['long', 'down'])
      const again = await runCli(made, ['-t', ':(done|later)$'])
      assert.deepEqual(again.statuses, { done: 'cached', later: 'passed' })
      const interrupted = await runCli(made, ['-t', ':long$'], {
        signal,
        when: () => made.lines('ran').filter(line => line === 'long').length === 2
      })
      assert.deepEqual(interrupted.statuses, { long: 'not_run' }, 'it was run, not taken from the cache')
    })
  }
})

describe('accounting', { concurrency: 4 }, () => {
  test('names that are the same do not hide each other', async t => {
    const made = project(t, {}, { list: "printf 'a\\nb\\na\\n'", run: ['sh', '-c', 'echo {test} >> ran; exit 0'] })
    const run = await runCli(made)
    const { code } = run
    // Refused, or each run and told of: but never one for two.
    if (code === 2) return assert.match(run.stderr, /"?a"?/)
    assert.equal(code, 0)
    assert.equal(made.lines('ran').length, run.report.tests.length)
  })

  test('repeated tests are told of each time', async t => {
    const made = project(t, {}, { tests: shellTests({ a: 'echo a >> ran', b: 'echo b >> ran; exit 1' }) })
    const run = await runCli(made, ['--repeat', '3', '-w', '2'])
    assertAccounted(run, 6)
    assert.equal(made.lines('ran').length, 6)
    assert.deepEqual(run.report.tests.map(({ repeat }) => repeat).sort(), [1, 1, 2, 2, 3, 3])
    assert.equal(run.code, 1)
  })

  test('names that mean something elsewhere are only names', async t => {
    const names = [
      '__proto__',
      'constructor',
      '$(touch pwned)',
      '`touch pwned`',
      "it's",
      'a "b"',
      '-rf',
      '{worker}',
      '%s\\n',
      'ünï 測試',
      '  ',
      '; touch pwned',
      '> pwned',
      '*'
    ]
    const made = project(t, {}, { list: 'cat names.json', run: 'node show.js {test} "{test}" \'{test}\' x{test}' })
    made.write('names.json', JSON.stringify(names))
    made.write('show.js', "require('node:fs').appendFileSync('ran', JSON.stringify(process.argv.slice(2)) + '\\n')")
    const run = await runCli(made, ['-w', '2'])
    assert.equal(run.code, 0, run.stdout)
    assertAccounted(run, names.length)
    const seen = made.lines('ran').map(line => JSON.parse(line))
    assert.deepEqual(seen.map(words => words[0]).sort(), [...names].sort())
    for (const [word, quoted, single, glued] of seen) assert.deepEqual([quoted, single, glued], [word, word, `x${word}`])
    assert.throws(() => made.read('pwned'))
  })

  test('the API tells the same as the command', async t => {
    const made = project(t, {})
    const config = { tests: shellTests({ a: 'exit 0', b: 'exit 1' }) }
    const run = await runApi(made, config)
    assert.deepEqual([run.error, run.report.exitCode, run.report.ok, run.statuses], [null, 1, false, { a: 'passed', b: 'failed' }])
    assertAccounted(run, 2)
    const wrong = await runApi(made, { ...config, dependsOn: ['nobody'] })
    assert.equal(wrong.error?.code, 'invalid_config')
    const aborted = await runApi(made, { tests: shellTests({ long: 'sleep 60' }) }, { abortOn: 'testStarted' })
    assert.deepEqual([aborted.error, aborted.report.ok, aborted.statuses], [null, false, { long: 'not_run' }])
  })
})
