// @ts-check
'use strict'

/** How many tests run at a time, and which: groups, slots, rates, memory; and what a run's broker does for its tests. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const { project, runCli, shellTests } = require('./support-run')

/**
 * The most that ran at a time, each counting as much as `weigh` says.
 * @param {import('./support-run').CliRun} run
 * @param {(name: string) => number} weigh
 */
function peak({ report }, weigh) {
  const attempts = report.tests.flatMap(({ name, attempts }) =>
    attempts.map(({ at, duration }) => ({ weight: weigh(name ?? ''), at, end: at + duration }))
  )
  // Ends first: what begins when another ends does not run beside it.
  const edges = attempts.flatMap(({ weight, at, end }) => [
    { at, change: weight },
    { at: end, change: -weight }
  ])
  edges.sort((a, b) => a.at - b.at || a.change - b.change)
  let [now, most] = [0, 0]
  for (const { change } of edges) {
    now += change
    most = Math.max(most, now)
  }
  return most
}

/** @param {string[]} names @param {string} [line] */
const all = (names, line = 'sleep 0.15') => shellTests(Object.fromEntries(names.map(name => [name, line])))

describe('no more at a time', { concurrency: 3 }, () => {
  test('than there are workers', async t => {
    const made = project(t, {}, { tests: all(['a', 'b', 'c', 'd', 'e', 'f']) })
    const run = await runCli(made, ['-w', '3'])
    assert.deepEqual([run.code, peak(run, () => 1)], [0, 3])
    const slots = new Set(run.report.tests.flatMap(({ attempts }) => attempts.map(({ worker }) => worker)))
    assert.deepEqual([...slots].sort(), [0, 1, 2])
    const one = await runCli(made, ['-w', '0'])
    assert.deepEqual([one.code, peak(one, () => 1), one.report.workers], [0, 1, 1])
  })

  test('than a group may have, whatever else runs', async t => {
    const made = project(
      t,
      {},
      {
        workers: 4,
        groups: { db: { max: 1 }, mail: { max: 2 } },
        tests: all(['db 1', 'db 2', 'db 3', 'mail 1', 'mail 2', 'mail 3', 'free 1', 'free 2']),
        overrides: [
          { where: { test: 'db' }, limits: ['db'] },
          { where: { test: 'mail' }, limits: ['mail'] }
        ]
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout + run.stderr)
    const peakOf = (/** @type {string} */ prefix) => peak(run, name => (name.startsWith(prefix) ? 1 : 0))
    assert.deepEqual([peakOf('db'), peakOf('mail') <= 2, peak(run, () => 1) > 2], [1, true, true])
  })

  test('than slots allow; and one that wants more than there are runs alone', async t => {
    const made = project(
      t,
      {},
      {
        workers: 3,
        tests: all(['big 1', 'big 2', 'huge', 'small 1', 'small 2', 'small 3']),
        overrides: [
          { where: { test: 'big' }, slots: 2 },
          { where: { test: 'huge' }, slots: 9 }
        ]
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 0, run.stdout + run.stderr)
    const weight = (/** @type {string} */ name) => (name.startsWith('big') ? 2 : name === 'huge' ? 3 : 1)
    assert.ok(peak(run, weight) <= 3, `${peak(run, weight)} slots`)
  })

  test('than one while memory is short, but that one', async t => {
    const made = project(t, {}, { workers: 3, minFreeMemory: '1000000gb', tests: all(['a', 'b', 'c'], 'exit 0') })
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed, peak(run, () => 1)], [0, 3, 1])
  })

  test('than one of a group in mode service, in their order', async t => {
    const tests = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'].map(name => ({
      name,
      group: name[0],
      run: ['sh', '-c', `echo ${name} >> ${name[0]}; sleep 0.05`]
    }))
    const made = project(t, {}, { mode: 'service', workers: 2, tests })
    const run = await runCli(made)
    assert.equal(run.code, 0)
    for (const group of ['a', 'b']) {
      assert.deepEqual(
        made.lines(group),
        [1, 2, 3].map(number => `${group}${number}`)
      )
      const workers = run.report.tests.filter(each => each.group === group).map(({ attempts }) => attempts[0].worker)
      assert.equal(new Set(workers).size, 1)
    }
    assert.deepEqual(run.report.groups.a, { passed: 3, total: 3, counts: run.report.groups.b.counts })
  })
})

describe('starts', { concurrency: 3 }, () => {
  test('are as far apart as a rate says; retries too', async t => {
    const made = project(
      t,
      {},
      {
        workers: 4,
        rateLimits: { api: { perSecond: 5, burst: 1 } },
        limits: ['api'],
        retries: 1,
        tests: all(['a', 'b', 'c', 'd', 'fails'], 'case $EPHEMERAL_TEST in *fails) exit 1;; esac')
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed, run.test('fails').attempts.length], [1, 4, 2])
    const starts = run.events.flatMap(event => (event.type === 'testStarted' ? [event.at] : []))
    assert.equal(starts.length, 6)
    for (const [index, at] of starts.slice(1).entries()) {
      // That of one may be late, and the next in time.
      assert.ok(at - starts[0] >= (index + 1) * 200 - 50, `start ${index + 2} after ${at - starts[0]} ms`)
    }
  })

  test('come at once up to the burst, which is no more than the rate', async t => {
    const config = (/** @type {number} */ burst) => ({
      workers: 3,
      rateLimits: { api: { perMinute: 3, burst } },
      limits: ['api'],
      tests: all(['a', 'b', 'c'], 'exit 0')
    })
    const made = project(t, {}, config(3))
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed], [0, 3])
    assert.ok(run.report.duration < 15_000)
    made.write('ephemeral-broker.json', config(4))
    const wrong = await runCli(made)
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /rateLimits\.api\.burst is 4; allowed is 1 to 3, as many as perMinute/)
  })

  test('that wait for their turn end with the run', async t => {
    const made = project(
      t,
      {},
      {
        workers: 2,
        globalTimeout: 1000,
        rateLimits: { api: { perMinute: 1, burst: 1 } },
        limits: ['api'],
        tests: all(['a', 'b', 'c'], 'exit 0')
      }
    )
    const run = await runCli(made)
    assert.deepEqual([run.code, run.report.counts.passed, run.report.counts.not_run], [124, 1, 2])
  })
})

describe('the broker of a run', () => {
  const library = JSON.stringify(path.join(__dirname, '..'))

  test('has the pools, values and limits of the config, and says who waited for what', async t => {
    const script = `
      const { Client } = require(${library})
      const main = async () => {
        const client = new Client()
        const account = await client.acquire('accounts', { wait: 20000 })
        console.log('value', JSON.stringify(await client.get('settings')))
        console.log('account', JSON.stringify(account.value))
        await client.throttle('api')
        await new Promise(resolve => setTimeout(resolve, 300))
        await account.release()
        await client.close()
        process.exitCode = 1
      }
      main()`
    const made = project(
      t,
      { 'use.js': script },
      {
        workers: 2,
        pools: { accounts: [{ user: 'only' }] },
        values: { settings: { level: 3 } },
        rateLimits: { api: { perSecond: 100 } },
        tests: all(['one', 'two'], 'exec node use.js')
      }
    )
    const run = await runCli(made)
    assert.equal(run.code, 1)
    for (const name of ['one', 'two']) {
      assert.equal(run.test(name).attempts[0].output, 'value {"level":3}\naccount {"user":"only"}\n')
    }
    const waits = run.events.flatMap(event => (event.type === 'waited' && event.id !== null ? [event] : []))
    assert.equal(waits.length, 1)
    const [{ id, worker, resource, duration }] = waits
    assert.match(id ?? '', /^tests:(one|two)$/)
    assert.equal(worker, run.test(String(id)).attempts[0].worker)
    assert.match(resource, /accounts/)
    assert.ok(duration >= 200, `${duration} ms`)
    assert.ok(run.report.broker)
  })

  test('that cannot take the values of the config ends the run', async t => {
    const made = project(t, {}, { values: { big: 'x'.repeat(300_000) }, tests: all(['a'], 'echo a >> ran') })
    const run = await runCli(made)
    assert.equal(run.code, 2)
    assert.match(run.stderr, /too_large/)
    assert.deepEqual(made.lines('ran'), [])
  })

  test('gives back what a test that was killed has held', async t => {
    const hold = `new (require(${library}).Client)().acquire('accounts').then(() => { require('node:fs').writeFileSync('held', ''); setTimeout(() => {}, 1e6) })`
    const take = `new (require(${library}).Client)().acquire('accounts', { wait: 20000 }).then(() => process.exit(0), () => process.exit(1))`
    const made = project(
      t,
      { 'hold.js': hold, 'take.js': take },
      {
        workers: 2,
        timeout: '30s',
        pools: { accounts: ['only'] },
        tests: shellTests({ holder: 'exec node hold.js', taker: 'until [ -e held ]; do sleep 0.02; done; exec node take.js' }),
        overrides: [{ where: { test: 'holder' }, timeout: 1500 }]
      }
    )
    const run = await runCli(made)
    assert.deepEqual(run.statuses, { holder: 'timed_out', taker: 'passed' })
  })
})
