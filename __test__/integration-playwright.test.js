// @ts-check
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { brokerFixtures } = require('../lib/integrations/playwright/index.js')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { assertShared } = require('./support-integrations/facts.js')
const { CLI, alive, connectUi, makePlaywrightProject, outcomesOf } = require('./support-integrations/playwright.js')
const { until } = require('./support-run/until.js')
const { ROOT } = require('./support-integrations/project.js')
const { count } = require('./support-shared-workers/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 180_000 }
const fixture = 'playwright'
const { nodes } = findNodes()
const skip = npmPackage('@playwright/test', '1').why ?? false
const isWindows = process.platform === 'win32'

/** Under each Node; the oldest Playwright under the second of them. */
const ways = nodes.map(({ version, node }, index) => ({ name: `Node ${version}`, node, playwright: index === 1 ? '1.60' : '1' }))

/** @param {string[]} args */
const run = (...args) => [CLI, 'test', ...args]
const SETUPS = './global-setup.js'

/** Playwright does not wait for the last of its processes. @param {ReturnType<typeof makePlaywrightProject>} project */
async function assertGone(project) {
  assert.deepEqual(project.left(), [])
  const pids = project.ledger().flatMap(({ pid, ppid = pid }) => [pid, ppid])
  await until(() => alive(pids).length === 0, `the end of ${pids}`)
}

describe('Playwright Test', { skip, concurrency: 2 }, () => {
  for (const { name, playwright, node } of ways) {
    const { why } = npmPackage('@playwright/test', playwright)
    it(`shares between files, workers, projects and attempts: ${name}, Playwright ${playwright}`, {
      ...LONG,
      skip: why ?? false
    }, async t => {
      const project = makePlaywrightProject(t, { fixture }, playwright)
      const { code, output } = await project.run({
        node,
        args: run('--project=shared', '--project=files', '--project=again'),
        env: { SETUPS }
      })
      assert.equal(code, 0, output)
      const ledger = project.ledger()
      assertShared(ledger)
      /** @param {string} what */
      const all = what => ledger.filter(entry => entry.what === what)
      /** @param {string} what */
      const numbers = what =>
        all(what)
          .map(({ number }) => number)
          .sort()
      assert.deepEqual(numbers('seat'), [1, 2, 3, 4, 5], 'each worker has its own')
      assert.deepEqual(numbers('room'), [1, 2, 3, 4, 5], 'what a beforeAll hook took is held')
      const [first, second] = all('file')
      assert.deepEqual([first.pid, first.seat, first.own], [second.pid, second.seat, second.own], 'a worker keeps what is its own')
      assert.notEqual(first.seat, first.own)
      const attempts = all('attempt').map(({ retry, numbers }) => [retry, ...numbers])
      assert.deepEqual(attempts, [
        [0, 1, 1],
        [1, 1, 1]
      ])
      assert.equal(new Set(all('again').map(({ pid }) => pid)).size, 1)
      assert.equal(all('again').length, 2, 'what a beforeAll hook took is given back before the hook runs again')
      assert.equal(all('slow').length, 1, 'a fixture waits for longer than the timeout of its test')
      assert.equal(all('took').length, 1)
      assert.equal(count(output, 'ephemeral-broker: not released:'), 1, output)
      assert.match(
        output,
        /not released: things 1, taken in '\[shared\] › shared\/one\.spec\.js › forgets' by playwright-worker-\d pid \d+$/m
      )
      assert.match(output, /^ephemeral-broker: at most in use: .*things 1 of 1.*; longest wait: .*; 1 leak$/m)
      assert.equal(outcomesOf(project).get('has leases in each attempt')?.status, 'flaky')
      assert.doesNotMatch(output, /open handle|did not exit|error was not a part/)
      await assertGone(project)
    })
  }

  it('fails the tests that leak, and frees what a killed worker held and a test waited for in vain', LONG, async t => {
    const project = makePlaywrightProject(t, { fixture })
    const { code, output } = await project.run({ args: run('--project=fails'), env: { SETUPS, LEAKS: 'fail' } })
    assert.equal(code, 1, output)
    const outcomes = outcomesOf(project)
    /** @param {string} title */
    const errorOf = title => String(outcomes.get(title)?.results[0].errors[0]?.message)
    const passed = [...outcomes].filter(([, { status }]) => status === 'expected').map(([title]) => title)
    assert.deepEqual(passed.sort(), [
      'has the broker without fixtures, too',
      'holds it',
      'is possible afterwards',
      'releases after it',
      'takes what the dead one held',
      'takes what was forgotten'
    ])
    assert.match(errorOf('crashes'), /worker process exited unexpectedly/)
    assert.match(errorOf('forgets'), /leaked: not released: things 1, taken in '\[fails\] › fails\/leaks\.spec\.js › forgets'/)
    assert.match(errorOf('takes the time of the test'), /Test timeout of 1000ms exceeded/)
    assert.match(errorOf('in vain says who has it'), /pool_exhausted: late \(1 of 1 held\): playwright-worker-\d pid \d+ '.*› holds it'/)
    assert.match(output, /^Error: ephemeral-broker: the run is no success/m)
    await assertGone(project)
  })

  it('ends as Playwright ends: at most so many failures, an interrupt, a global timeout', LONG, async t => {
    const project = makePlaywrightProject(t, { fixture })
    const args = run('--project=stops', '--workers=6')
    const terminal = { NODE_OPTIONS: '--require ./terminal.js' }
    const bail = await project.run({ args: [...args, '--max-failures=1', '--reporter=line'], env: { SETUPS, FAIL: '1', ...terminal } })
    assert.equal(bail.code, 1, bail.output)
    assert.match(bail.output, /1 failed\n.*5 interrupted/s)
    // What the others had, or waited for, they could not release.
    assert.equal(count(bail.output, 'ephemeral-broker: not released:'), 1, bail.output)
    assert.match(bail.output, /not released: busy \d, taken in '.* › is busy 1'/)
    assert.doesNotMatch(bail.output, /AbortError/)
    assert.match(bail.output, /1 leak\n\n {2}1 failed/, 'the line that the reporter erases on a terminal is empty')
    await assertGone(project)

    const late = await project.run({ args: [...args, '--global-timeout=3000'], env: { SETUPS } })
    assert.equal(late.code, 1, late.output)
    assert.match(late.output, /Timed out waiting 3s/)
    await assertGone(project)
    if (isWindows) return

    const interrupted = await project.run({
      args,
      env: { SETUPS, LEAKS: 'fail' },
      onOutput: (text, child) => {
        if (/busy 1\n.*busy 2\n|busy 2\n.*busy 1\n/s.test(text) && !child.killed) child.kill('SIGINT')
      }
    })
    assert.equal(interrupted.code, 130, interrupted.output)
    assert.match(interrupted.output, /no leaks\n.*6 interrupted/s)
    assert.doesNotMatch(interrupted.output, /Error/)
    await assertGone(project)
  })

  it('leaves nothing when the run does not come to its tests', LONG, async t => {
    const only = "require('../test.js').test.only('alone', () => {})"
    const project = makePlaywrightProject(t, { fixture, files: { 'files/only.spec.js': only } })
    const setup = await project.run({ args: run('--project=files'), env: { SETUPS: `${SETUPS},./failing-setup.js` } })
    assert.equal(setup.code, 1, setup.output)
    assert.match(setup.output, /Error: the setup after it fails beside .*playwright-main/)
    await assertGone(project)

    const forbidden = await project.run({ args: run('--project=files', '--forbid-only'), env: { SETUPS } })
    assert.equal(forbidden.code, 1, forbidden.output)
    assert.match(forbidden.output, /focused with '.only'/)
    await assertGone(project)

    // It lists tests without a broker.
    const list = await project.run({ args: run('--list') })
    assert.equal(list.code, 0, list.output)
  })

  it('refuses fixtures that it does not know, when a test file is loaded', () => {
    /** @type {Array<[any, RegExp]>} */
    const mistakes = [
      [{ scope: 'worker' }, /invalid_option: the fixture account needs a pool/],
      [{ pool: 7 }, /pool of the fixture account must be a string that is not empty, not 7/],
      [{ pool: 'accounts', scope: 'file' }, /scope of the fixture account must be one of test, worker, not "file"/],
      [{ pool: 'accounts', timeout: 1 }, /the fixture account has no option "timeout"; there are pool, scope, match, wait/],
      [7, /the fixture account takes an object of options, not 7/]
    ]
    for (const [account, message] of mistakes) assert.throws(() => brokerFixtures({ account }), { code: 'invalid_option', message })
    assert.throws(() => brokerFixtures({ broker: { pool: 'accounts' } }), /has a fixture "broker" already/)
  })

  it('says what to check where there is no broker', LONG, async t => {
    const project = makePlaywrightProject(t, { fixture })
    const { code, output } = await project.run({ args: run('--project=files') })
    assert.equal(code, 1, output)
    assert.match(
      output,
      /no_pipe: this Playwright worker finds no broker.*check that playwright\.config has globalSetup: 'ephemeral-broker\/playwright\/setup'/
    )
  })

  it('uses the broker that is there, for all shards', LONG, async t => {
    const shards = `
      const { spawn } = require('node:child_process')
      for (const shard of ['1/2', '2/2']) {
        const args = ['${CLI}', 'test', '--project=files', '--shard=' + shard, '--output=out-' + shard[0], '--reporter=line']
        spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', code => { process.exitCode ||= code })
      }`
    const project = makePlaywrightProject(t, { fixture, files: { 'shards.js': shards } })
    const cli = path.join(ROOT, 'bin', 'ephemeral-broker.js')
    const args = [cli, 'start', '--no-require-ttl', '--', process.execPath, 'shards.js']
    const { code, output } = await project.run({ args, env: { SETUPS, SHARDS: '2' } })
    assert.equal(code, 0, output)
    const files = project.ledger().filter(({ what }) => what === 'file')
    assert.equal(new Set(files.map(({ pid }) => pid)).size, 2)
    assert.equal(new Set(files.map(({ pipe }) => pipe)).size, 1)
    assert.deepEqual(files.map(({ slot }) => slot).sort(), [1, 2], 'both shards number their workers alike')
    assert.equal(new Set(files.flatMap(({ seat, own }) => [seat, own])).size, 4, 'what workers hold is theirs in both shards')
    assert.deepEqual(project.left(), [])
  })

  it('starts one broker for all runs of UI mode, and another after its teardown', LONG, async t => {
    const project = makePlaywrightProject(t, { fixture })
    /** @type {(url: string) => void} */
    let listens = () => {}
    const url = /** @type {Promise<string>} */ (new Promise(resolve => (listens = resolve)))
    const ended = project.run({
      args: run('--ui-host=127.0.0.1', '--ui-port=0'),
      env: { SETUPS, PWTEST_UNDER_TEST: '1' },
      onOutput: text => listens(/Listening on (http:\S+)/.exec(text)?.[1] ?? '')
    })
    const ui = await connectUi(await url)
    await ui.ask('initialize', { interceptStdio: false })
    for (const round of [1, 2]) {
      assert.equal((await ui.ask('runGlobalSetup')).status, 'passed')
      for (const _ of [1, 2]) assert.equal((await ui.ask('runTests', { projects: ['files'] })).status, 'passed')
      const pipes = project.ledger().map(({ pipe }) => pipe)
      assert.equal(pipes.length, round * 4)
      assert.equal(new Set(pipes).size, round)
      assert.equal((await ui.ask('runGlobalTeardown')).status, 'passed')
      assert.deepEqual(project.left(), [])
    }
    await ui.ask('closeGracefully')
    const { code, output } = await ended
    assert.equal(code, 0, output)
    await assertGone(project)
  })
})
