// biome-ignore-all lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for

'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { describe, test } = require('node:test')
const { createReporters, fromResult } = require('../lib/run/reporters/index.js')
const { gravest, summarize } = require('../lib/run/reporters/counts.js')
const { harmlessLine, terminalOf } = require('../lib/run/reporters/style.js')
const { mergeReports } = require('../lib/run/merge.js')
const { makeAttempt, makeResult, makeRun, makeTest, random } = require('./support-run-reporters/runs.js')
const { Pipe, Tty, contextFor } = require('./support-run-reporters/streams.js')

/** @typedef {import('../run.js').TestResult} TestResult */

/** @param {import('node:test').TestContext} t */
function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'reporters-'))
  t.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

/**
 * @param {ReadonlyArray<readonly [import('../run.js').ReporterName, { output?: string }]>} list
 * @param {{ events: import('../run.js').RunEvent[], result: import('../run.js').RunResult }} run
 * @param {Partial<import('../lib/run/reporters/index.js').Context>} [rest]
 */
async function reported(list, { events, result }, rest) {
  const stream = new Pipe()
  const reporter = createReporters(list, contextFor(stream, rest))
  for (const event of events) reporter.onEvent(event)
  await reporter.finish(result)
  return stream.text
}

/**
 * A run of these tests alone.
 * @param {TestResult[]} tests
 * @param {Parameters<typeof makeResult>[1]} [rest]
 */
function runOf(tests, rest) {
  const result = makeResult(tests, rest)
  return { events: fromResult(result, { root: '/project', logs: '/project/.ephemeral-broker/logs' }), result }
}

const failedTest = (/** @type {Partial<TestResult>} */ rest = {}) =>
  makeTest({ id: 'e2e:a.test.js > breaks', status: 'failed', attempts: [makeAttempt(5, 0, 1, 'failed', 20)], ...rest })

describe('counts and exit codes', () => {
  /** @type {Array<[string, TestResult['status'][], import('../lib/run/reporters/counts.js').Flags, number]>} */
  const cases = [
    ['all passed', ['passed', 'flaky', 'skipped', 'cached'], {}, 0],
    ['one failed', ['passed', 'failed'], {}, 1],
    ['one timed out', ['passed', 'timed_out'], {}, 1],
    ['flaky, where that fails', ['flaky'], { failOnFlaky: true }, 1],
    ['stopped after failures', ['failed', 'not_run'], {}, 1],
    ['the setup failed', ['not_run'], { setupFailed: true }, 2],
    ['a worker was lost', ['passed', 'error'], {}, 3],
    ['failures are told before infrastructure', ['failed', 'error'], {}, 1],
    ['one was forgotten', ['passed', 'not_run'], {}, 3],
    ['no tests', [], { empty: 'none' }, 4],
    ['no tests, and nobody knows why', [], {}, 4],
    ['no tests, as was asked for', [], { empty: 'none', passWithNoTests: true }, 0],
    ['an empty shard', [], { empty: 'shard' }, 0],
    ['out of time', ['passed', 'failed', 'not_run'], { timedOut: true }, 124],
    ['Ctrl-C', ['passed', 'failed'], { interrupted: 'SIGINT' }, 130],
    ['SIGTERM, though all had passed', ['passed'], { interrupted: 'SIGTERM' }, 143],
    ['an AbortSignal without a signal', ['passed'], { interrupted: 'enough' }, 130]
  ]
  for (const [name, statuses, flags, exitCode] of cases) {
    test(`${name}: ${exitCode}`, () => {
      const tests = statuses.map((status, at) => makeTest({ id: `t${at}`, status }))
      const summary = summarize({ tests, errors: [], flags })
      assert.equal(summary.exitCode, exitCode)
      assert.equal(summary.ok, exitCode === 0)
    })
  }

  test('an error beside the tests is never green', () => {
    const errors = [{ code: 'teardown_failed', message: 'exit code 1', output: null, log: null }]
    assert.equal(summarize({ tests: [makeTest({ id: 'a' })], errors }).exitCode, 3)
    assert.equal(summarize({ tests: [], errors, flags: { passWithNoTests: true } }).exitCode, 3)
  })

  test('exit code 0 means that every test is known to need no attention', () => {
    const chance = random(7)
    /** @type {TestResult['status'][]} */
    const all = ['passed', 'failed', 'flaky', 'skipped', 'cached', 'timed_out', 'error', 'not_run']
    const maybe = (/** @type {number} */ share) => chance() < share
    let green = 0
    for (let round = 0; round < 5000; round++) {
      const among = maybe(0.5) ? all : [...all].sort(() => chance() - 0.5).slice(0, 2)
      const tests = Array.from({ length: Math.floor(chance() * 5) }, (_, at) =>
        makeTest({ id: `t${at}`, status: among[Math.floor(chance() * among.length)] })
      )
      const errors = maybe(0.2) ? [{ code: 'worker_lost', message: 'x', output: null, log: null }] : []
      const empty = /** @type {const} */ (['none', 'shard', null])[Math.floor(chance() * 3)]
      const flags = {
        failOnFlaky: maybe(0.3),
        passWithNoTests: maybe(0.3),
        interrupted: maybe(0.1) ? 'SIGINT' : null,
        timedOut: maybe(0.1),
        setupFailed: maybe(0.1),
        empty
      }
      const { exitCode, counts } = summarize({ tests, errors, flags })
      assert.equal(Object.values(counts).reduce((sum, each) => sum + each, 0) - counts.total, counts.total)
      if (exitCode !== 0) continue
      green++
      const known = flags.failOnFlaky ? ['passed', 'skipped', 'cached'] : ['passed', 'flaky', 'skipped', 'cached']
      assert.ok(tests.every(({ status }) => known.includes(status)) && errors.length === 0, JSON.stringify({ flags, counts }))
      assert.ok(!flags.interrupted && !flags.timedOut && !flags.setupFailed)
      assert.ok(tests.length > 0 || flags.passWithNoTests || empty === 'shard')
    }
    assert.ok(green > 100, `${green} green runs are too few to say anything`)
  })

  test('groups count what needs no attention as passed, whatever their names', () => {
    const tests = [
      makeTest({ id: 'a', group: '__proto__' }),
      makeTest({ id: 'b', group: '__proto__', status: 'failed' }),
      makeTest({ id: 'c', group: 'users', status: 'cached' }),
      makeTest({ id: 'd', group: 'users', status: 'flaky' }),
      makeTest({ id: 'e', group: 'users', status: 'skipped' })
    ]
    const { groups } = summarize({ tests, errors: [] })
    assert.deepEqual(Object.keys(groups), ['__proto__', 'users'])
    assert.equal(Object.getOwnPropertyDescriptor(groups, '__proto__')?.value.passed, 1)
    assert.deepEqual([groups.users.passed, groups.users.total, groups.users.counts.skipped], [2, 3, 1])
  })

  test('the gravest code', () => {
    assert.equal(gravest([0, 4, 3, 1]), 1)
    assert.equal(gravest([1, 2, 124]), 124)
    assert.equal(gravest([124, 143, 0]), 143)
    assert.equal(gravest([]), 0)
  })
})

describe('list, in a pipe', () => {
  test('a line for each test, failures at once, and the summary', async () => {
    const text = await reported([['list', {}]], makeRun({ tests: 200, seed: 5 }))
    assert.doesNotMatch(text, /\x1b/)
    assert.match(text, /^PASS {4}\[ {3}\d\.\d{3}s\] e2e:tests\/\w+\.test\.js > /m)
    assert.match(
      text,
      /^FAIL .*\n {2}exit code 1, worker \d, \.ephemeral-broker[\\/]logs[\\/]\S+\n {2}output\n {2}│ AssertionError: expected 200, got 500$/m
    )
    assert.match(text, /^ {2}output of server\n {2}│ GET \/users 500$/m)
    assert.match(text, /^RETRY .*\(attempt 1: exit code 1, again; /m)
    assert.match(text, /^FLAKY .*\(passed at attempt 2\)$/m)
    assert.match(text, /^✗ users: \d+\/50 passed$/m)
    assert.doesNotMatch(text, /^CACHED/m)
    assert.match(text, /^✗ 200 tests: .* \d+ unchanged, not run again, \d+ not run in .* on 4 workers$/m)
    assert.match(text, /^ {2}ephemeral-broker run --last-failed runs only these again; with --keep-dirs failure/m)
  })

  test('every test that did not pass is named again with its reason', async () => {
    const run = makeRun({ tests: 60, seed: 9 })
    const text = await reported([['list', {}]], run)
    const again = text.slice(text.indexOf('\nFailed\n'))
    const bad = run.result.tests.filter(({ status }) => ['failed', 'timed_out', 'error'].includes(status))
    assert.ok(bad.length > 2)
    for (const { id } of bad) assert.ok(again.includes(`${id}: `), id)
  })

  test('all passed: one line for the services, and no advice', async () => {
    const tests = ['auth', 'users'].map(group => makeTest({ id: group, group, attempts: [makeAttempt(0, 0, 1, 'passed', 5)] }))
    const text = await reported([['list', {}]], runOf(tests))
    assert.match(text, /✓ All services passed\n✓ 2 tests: 2 passed in 1\.0 s on 4 workers\n/)
    assert.doesNotMatch(text, /ephemeral-broker run/)
  })

  test('cached tests are counted, with the way to run them', async () => {
    const tests = Array.from({ length: 4812 }, (_, at) => makeTest({ id: `t${at}`, status: 'cached' }))
    const text = await reported([['list', {}]], runOf(tests))
    assert.match(text, /4,812 unchanged, not run again/)
    assert.match(text, /ephemeral-broker run --full/)
    assert.ok(text.split('\n').length < 10, text)
  })

  test('a long output is cut to its end, with the way to the rest', async () => {
    const output = Array.from({ length: 1203 }, (_, at) => `line ${at + 1}`).join('\n')
    const attempt = { ...makeAttempt(0, 0, 1, 'failed', 5), output }
    const text = await reported([['list', {}]], runOf([failedTest({ attempts: [attempt] })]))
    assert.match(text, /output \(the last 50 of 1,203 lines, all in \.ephemeral-broker[\\/]logs[\\/]0-0-1\.log\)\n {2}│ line 1154\n/)
    assert.doesNotMatch(text, /line 1153\n/)
  })

  test('what tests write cannot move the cursor or forge lines', async () => {
    const output = '\x1b[2J\x1b]0;title\x07good\rlast\x1b[31mred\n\x1b[1A\x07bell'
    const id = 'a\n\x1b[2Jb'
    const text = await reported([['list', {}]], runOf([failedTest({ id, attempts: [{ ...makeAttempt(0, 0, 1, 'failed', 5), output }] })]))
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f]/)
    assert.match(text, /│ lastred\n {2}│ ␇bell/)
    assert.match(text, /a␊␛\[2Jb/)
    assert.equal(harmlessLine('\x1b[31mred\x1b[2K', true), '\x1b[31mred\x1b[0m')
  })

  test('quiet: failures and the summary alone; verbose: why tests ran, and the life of workers', async () => {
    const run = makeRun({ tests: 60, seed: 9 })
    const quiet = await reported([['list', {}]], run, { verbosity: 'quiet' })
    assert.doesNotMatch(quiet, /^(PASS|RETRY|SKIP)/m)
    assert.match(quiet, /^FAIL/m)
    const verbose = await reported([['list', {}]], run, { verbosity: 'verbose' })
    assert.match(verbose, /^PASS .*\(src\/users\.js has changed\)$/m)
    assert.match(verbose, /server of worker 0 started, pid 4000, port 9000/)
    assert.match(verbose, /worker 3 ready in/)
    assert.match(verbose, /^Slowest\n(?: {2}\[.*\n){5}\n/m)
  })

  test('--stream: lines with who wrote them, also the last without a newline', async () => {
    const { events, result } = runOf([makeTest({ id: 'a', attempts: [makeAttempt(0, 2, 1, 'passed', 5)] })])
    const output = ['one\ntw', 'o\nthree'].map(text => ({
      type: /** @type {const} */ ('testOutput'),
      at: 1,
      id: 'a',
      worker: 2,
      attempt: 1,
      text
    }))
    events.splice(2, 0, ...output)
    const text = await reported([['list', {}]], { events, result }, { streamOutput: true })
    assert.match(text, /^\[worker 2 a\] one\n\[worker 2 a\] two\n\[worker 2 a\] three\nPASS/)
    assert.doesNotMatch(await reported([['list', {}]], { events, result }), /two/)
  })

  test('errors beside the tests have their output', async () => {
    const errors = [
      { code: 'server_failed', message: 'server_failed: server: exit code 1', output: 'EADDRINUSE\n', log: '/project/server.log' }
    ]
    const text = await reported([['list', {}]], runOf([makeTest({ id: 'a', status: 'not_run', reason: 'no worker is left' })], { errors }))
    assert.match(text, /✗ server_failed: server: exit code 1\n {2}output\n {2}│ EADDRINUSE\n/)
    assert.match(text, /Not run\n {2}1 test: no worker is left\n/)
  })

  test('a run that was stopped says why, even where all that ran has passed', async () => {
    const { events, result } = runOf([makeTest({ id: 'a' })], { flags: { interrupted: 'SIGINT' } })
    events.splice(-1, 0, { type: 'stopping', at: 900, reason: 'SIGINT' })
    for (const name of /** @type {const} */ (['list', 'dot'])) {
      assert.match(
        await reported([[name, {}]], { events, result }, { verbosity: 'quiet' }),
        /✗ 1 test: 1 passed in .*\n {2}stopped: SIGINT\n/
      )
    }
  })

  test('in CI a run without news says each minute that it goes on', t => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const stream = new Pipe()
    const reporter = createReporters([['list', {}]], contextFor(stream, { env: { CI: 'true' }, now: () => 61_000 }))
    reporter.onEvent({ type: 'runStarted', at: 61_000, runId: 'r', startedAt: 0, workers: 1, total: 3, root: '/', logs: '', shard: null })
    reporter.onEvent({ type: 'testStarted', at: 1000, id: 'slow one', repeat: 1, worker: 0, attempt: 1, expected: null })
    t.mock.timers.tick(60_000)
    assert.equal(stream.text, 'still running: 0 of 3 done; slow one (1 m 00 s)\n')
  })
})

describe('list, on a terminal', () => {
  /** @param {{ columns: number, rows: number }} size */
  function onTerminal(size) {
    const tty = new Tty(size)
    let now = 0
    const reporter = createReporters(
      [['list', {}]],
      contextFor(tty, { now: () => now, terminal: { isTTY: true, columns: size.columns, color: true } })
    )
    /** @param {import('../run.js').RunEvent} event */
    const tell = event => {
      now = event.at
      reporter.onEvent(event)
    }
    return { tty, reporter, tell }
  }

  /** Drawn again, as after a resize, so that a test need not wait. @param {InstanceType<typeof Tty>} tty */
  const redraw = (/** @type {InstanceType<typeof Tty>} */ tty) => tty.resize(tty.columns, tty.rows)

  /** @param {InstanceType<typeof Tty>} tty */
  const liveOf = async tty => {
    redraw(tty)
    const lines = await tty.screen()
    return lines.slice(lines.findIndex(line => /\d+\/\d+ \d+ s/.test(line)))
  }

  const start = (/** @type {number} */ total) =>
    /** @type {const} */ ({
      type: 'runStarted',
      at: 0,
      runId: 'r',
      startedAt: 0,
      workers: 2,
      total,
      root: '/project',
      logs: '',
      shard: null
    })

  test('what runs where, for how long, and how long the rest may take', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 100, rows: 24 })
    tell(start(4))
    tell({ type: 'serverStarted', at: 100, server: 'api', worker: 1, pid: 1, port: 1, log: '' })
    tell({ type: 'workerReady', at: 100, worker: 0, dir: '/tmp/0', url: null, duration: 1 })
    tell({ type: 'testStarted', at: 200, id: 'first', repeat: 1, worker: 0, attempt: 1, expected: 10_000 })
    tell({ type: 'testSlow', at: 6200, id: 'first', worker: 0, duration: 6000, timeout: 60_000 })
    assert.deepEqual(await liveOf(tty), [`${'━'.repeat(20)} 0/4 6 s, about 17 s left`, '  0 6 s  SLOW first', '  1 6 s  api is starting'])
    reporter.finish(makeResult([]))
  })

  test('a server that is started again is shown until it is ready', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 100, rows: 24 })
    tell(start(4))
    tell({ type: 'workerReady', at: 100, worker: 0, dir: '/tmp/0', url: null, duration: 1 })
    tell({ type: 'serverFailed', at: 200, server: 'api', worker: 0, reason: 'exit code 1', output: '', log: '', restarting: true })
    tell({ type: 'serverStarted', at: 300, server: 'api', worker: 0, pid: 1, port: 1, log: '' })
    assert.match((await liveOf(tty))[1], /api is starting/)
    tell({ type: 'serverReady', at: 400, server: 'api', worker: 0, duration: 100, url: null })
    assert.equal((await liveOf(tty)).length, 1)
    reporter.finish(makeResult([]))
  })

  test('no time left is told where durations are not known', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 100, rows: 24 })
    tell(start(4))
    tell({ type: 'testStarted', at: 200, id: 'first', repeat: 1, worker: 0, attempt: 1, expected: null })
    assert.match((await liveOf(tty))[0], /0\/4 0 s$/)
    reporter.finish(makeResult([]))
  })

  for (const columns of [100, 40, 12]) {
    test(`nothing of the drawing is left in the end, ${columns} columns wide, after changes of size`, async () => {
      const { tty, reporter, tell } = onTerminal({ columns, rows: 12 })
      const { events, result } = makeRun({ tests: 60, seed: 4, workers: 6 })
      const chance = random(2)
      for (const [at, event] of events.entries()) {
        tell(event)
        if (at % 20 === 0) {
          tty.resize(Math.max(8, columns - Math.floor(chance() * 5)), 8 + Math.floor(chance() * 8))
          await tty.screen()
        }
      }
      await reporter.finish(result)
      tty.resize(200, 50)
      const screen = (await tty.screen()).join('\n')
      assert.doesNotMatch(screen, /━|\d+\/60 \d+ s/, screen)
      assert.match(screen.replaceAll('\n', ''), /60 tests: /)
      assert.match(tty.text, /\x1b\[\?25h[^\x1b]*(?:\x1b\[\d*m[^\x1b]*)*$/, 'the cursor is shown again')
      assert.ok(!screen.includes('PASS'), 'what passed has no line')
    })
  }

  test('wide characters and long names never wrap', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 30, rows: 10 })
    tell(start(4))
    tell({ type: 'testStarted', at: 200, id: '日本語'.repeat(20), repeat: 1, worker: 0, attempt: 1, expected: null })
    tell({ type: 'testStarted', at: 200, id: '👩‍👩‍👧'.repeat(20), repeat: 1, worker: 1, attempt: 1, expected: null })
    const lines = await liveOf(tty)
    assert.equal(lines.length, 3, lines.join('\n'))
    assert.match(lines[1], /日本語…$/)
    reporter.finish(makeResult([]))
  })

  test('more workers than lines: the first ones, and how many more', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 60, rows: 10 })
    tell({ ...start(40), workers: 30 })
    for (let worker = 0; worker < 30; worker++)
      tell({ type: 'testStarted', at: 1, id: `t${worker}`, repeat: 1, worker, attempt: 1, expected: null })
    const lines = await liveOf(tty)
    assert.equal(lines.length, 7)
    assert.equal(lines.at(-1), '  … 25 more')
    reporter.finish(makeResult([]))
  })

  test('20,000 events are a few drawings', async () => {
    const { tty, reporter, tell } = onTerminal({ columns: 100, rows: 24 })
    const tests = Array.from({ length: 10_000 }, (_, at) => makeTest({ id: `t${at}`, attempts: [makeAttempt(at, at % 4, 1, 'passed', 1)] }))
    const { events, result } = runOf(tests)
    const began = performance.now()
    for (const event of events) tell(event)
    const took = performance.now() - began
    const frames = tty.frames
    await reporter.finish(result)
    assert.ok(frames <= took / 100 + 2, `${frames} drawings in ${Math.round(took)} ms`)
  })

  test('a process that exits in the middle leaves the terminal clean', () => {
    const script = `
      const { createReporters } = require(${JSON.stringify(require.resolve('../lib/run/reporters/index.js'))})
      process.stdout.columns = 80
      const reporter = createReporters([['list', {}]], { stream: process.stdout, terminal: { isTTY: true, columns: 80, color: false },
        verbosity: 'normal', streamOutput: false, explain: false, cwd: '/' })
      reporter.onEvent({ type: 'runStarted', at: 0, runId: 'r', startedAt: 0, workers: 1, total: 3, root: '/', logs: '', shard: null })
      process.exit(3)`
    const { stdout, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    assert.equal(status, 3)
    assert.match(stdout, /0\/3/)
    assert.match(stdout, /\x1b\[2K\r\x1b\[\?25h$/)
  })

  test('NO_COLOR, FORCE_COLOR and dumb terminals', () => {
    const tty = { isTTY: true, columns: 80 }
    assert.equal(terminalOf(tty, {}).color, true)
    assert.equal(terminalOf(tty, { NO_COLOR: '1' }).color, false)
    assert.equal(terminalOf({}, { FORCE_COLOR: '1', NO_COLOR: '1' }).color, true)
    assert.equal(terminalOf(tty, { FORCE_COLOR: '0' }).color, false)
    assert.deepEqual(terminalOf(tty, { TERM: 'dumb' }), { isTTY: false, columns: 80, color: false })
  })

  test('forced colours in a pipe', async () => {
    const text = await reported([['list', {}]], makeRun({ tests: 20, seed: 5 }), { terminal: { isTTY: false, columns: 80, color: true } })
    assert.match(text, /\x1b\[32mPASS/)
  })
})

describe('dot', () => {
  test('a character for each test, failures between them', async () => {
    const run = makeRun({ tests: 200, seed: 5 })
    const text = await reported([['dot', {}]], run)
    const dots = text.split('\n').filter(line => /^[.±scFTE-]+$/.test(line))
    assert.ok(dots.every(line => line.length <= 80))
    assert.equal(dots.join('').length, 200)
    assert.equal(dots.join('').replaceAll(/[^F]/g, '').length, run.result.counts.failed)
    assert.match(text, /AssertionError/)
    assert.match(text, /^✗ 200 tests: /m)
  })
})

describe('json and jsonl', () => {
  test('the result, and each event in a line; in files, with their folders', async t => {
    const dir = path.join(folder(t), 'not', 'there')
    const run = makeRun({ tests: 50 })
    const text = await reported(
      [
        ['list', {}],
        ['json', { output: path.join(dir, 'report.json') }],
        ['jsonl', { output: path.join(dir, 'events.jsonl') }]
      ],
      run,
      { cwd: dir }
    )
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(dir, 'report.json'), 'utf8')), run.result)
    const lines = fs.readFileSync(path.join(dir, 'events.jsonl'), 'utf8').trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line)),
      run.events
    )
    assert.deepEqual(fs.readdirSync(dir).sort(), ['events.jsonl', 'report.json'])
    assert.match(text, /^ {2}json: report\.json\n {2}jsonl: events\.jsonl$/m)
  })

  test('without a file, to the stream', async () => {
    const run = makeRun({ tests: 5 })
    assert.deepEqual(JSON.parse(await reported([['json', {}]], run)), run.result)
  })

  test('a file that cannot be written is named, and the others are written', async t => {
    const dir = folder(t)
    fs.writeFileSync(path.join(dir, 'file'), '')
    const output = path.join(dir, 'file', 'report.json')
    const events = path.join(dir, 'file', 'events.jsonl')
    const csv = path.join(dir, 'report.csv')
    const list = /** @type {const} */ ([
      ['json', { output }],
      ['jsonl', { output: events }],
      ['csv', { output: csv }]
    ])
    await assert.rejects(reported(list, makeRun({ tests: 5 })), error => {
      const { code, message } = /** @type {any} */ (error)
      assert.equal(code, 'report_failed')
      assert.ok(message.includes(output) && message.includes(events), message)
      return true
    })
    assert.deepEqual(fs.readdirSync(dir).sort(), ['file', 'report.csv'])
  })
})

/** As RFC 4180 has it. @param {string} text */
function parseCsv(text) {
  const rows = []
  let row = []
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'))
    if (end === '\r\n') {
      rows.push(row)
      row = []
    }
  }
  return rows
}

describe('csv', () => {
  test('texts come back as they were; none is a formula', async () => {
    const names = ['plain', 'a, "b"\r\nc', '=HYPERLINK("http://x")', '+1', '-1', '@x', '\t=1', ' =1', 'a=1']
    const text = await reported([['csv', {}]], runOf(names.map(name => makeTest({ id: name, name }))))
    const [header, ...rows] = parseCsv(text)
    const column = header.indexOf('name')
    assert.deepEqual(
      rows.map(row => row[column]),
      ['plain', 'a, "b"\r\nc', '\'=HYPERLINK("http://x")', "'+1", "'-1", "'@x", "'\t=1", "' =1", 'a=1']
    )
    assert.ok(rows.every(row => row.length === header.length))
  })
})

describe('junit', () => {
  /** @param {string} xml */
  async function validated(xml) {
    const { validateXML } = require('xmllint-wasm')
    const contents = fs.readFileSync(path.join(__dirname, 'support-run-reporters', 'junit.xsd'), 'utf8')
    const { errors } = await validateXML({ xml: [{ fileName: 'junit.xml', contents: xml }], schema: [{ fileName: 'junit.xsd', contents }] })
    assert.deepEqual(errors, [])
    return xml
  }

  test('runs of all kinds fit the schema', async () => {
    for (const seed of [1, 2, 3]) await validated(await reported([['junit', {}]], makeRun({ tests: 300, seed })))
    await validated(await reported([['junit', {}]], runOf([])))
    const errors = [{ code: 'teardown_failed', message: 'exit code 1', output: null, log: null }]
    const xml = await validated(await reported([['junit', {}]], runOf([makeTest({ id: 'a' })], { errors })))
    assert.match(xml, /<testsuites name="ephemeral-broker" tests="2" failures="0" errors="1" time="1\.000">/)
    assert.match(xml, /<error message="exit code 1" type="teardown_failed">/)
  })

  test('whatever tests are called and write', async () => {
    const nasty = '<a href="x">&amp; ]]> \x00\x08\x1b[31m\ud800 \ufffe \u{1f389}\r\n\tend'
    const attempts = ['error', 'failed', 'failed'].map((status, at) => ({
      ...makeAttempt(at, 0, at + 1, status, 1),
      output: nasty,
      reason: nasty
    }))
    const xml = await validated(await reported([['junit', {}]], runOf([failedTest({ name: nasty, group: nasty, file: null, attempts })])))
    assert.match(xml, /&lt;a href="x"&gt;&amp;amp; \]\]&gt; \ufffd\ufffd\ufffd \ufffd \u{1f389}&#13;\n\tend/u)
    assert.match(xml, /<rerunError .*type="error">/)
    assert.match(xml, /<rerunFailure .*type="failed">/)
  })

  test('flaky attempts, skips, and what was not run', async () => {
    const flaky = ['failed', 'passed'].map((status, at) => makeAttempt(at, 0, at + 1, status, 1))
    const xml = await validated(
      await reported(
        [['junit', {}]],
        runOf([
          makeTest({ id: 'a', status: 'flaky', attempts: flaky }),
          makeTest({ id: 'b', status: 'skipped', reason: 'needs a GPU' }),
          makeTest({ id: 'c', status: 'not_run', reason: 'stopped' }),
          makeTest({ id: 'd', status: 'cached', repeat: 2 })
        ])
      )
    )
    assert.match(xml, /<testsuite name="e2e: users" tests="4" failures="0" errors="1" skipped="1"/)
    assert.match(
      xml,
      /<flakyFailure message="exit code 1" type="failed">\s*<stackTrace>exit code 1<\/stackTrace>\s*<system-out>AssertionError/
    )
    assert.match(xml, /<skipped message="needs a GPU"\/>/)
    assert.match(xml, /<error message="stopped" type="not_run">/)
    assert.match(xml, /name="creates one \(repeat 2\)" classname="tests\/users\.test\.js"/)
  })
})

describe('github', () => {
  test('annotations, folded output that gives no commands, and a summary', async t => {
    const file = path.join(folder(t), 'summary.md')
    fs.writeFileSync(file, 'of another tool\n')
    const output = '::error::forged\n##[error]forged\n```\n100%\n'
    const tests = [
      failedTest({ id: 'a: b, c\n| <b>', file: 'tests/a.test.js', attempts: [{ ...makeAttempt(0, 0, 1, 'failed', 1), output }] }),
      makeTest({ id: 'fine' })
    ]
    const env = { GITHUB_STEP_SUMMARY: file, GITHUB_WORKSPACE: '/' }
    const text = await reported([['github', {}]], runOf(tests), { env })
    assert.match(
      text,
      /^::error file=project\/tests\/a\.test\.js,title=FAIL%3A a%3A b%2C c␊\| <b>::exit code 1%0A::error::forged%0A.*%0A100%25$/m
    )
    const [, token, inside] = /** @type {RegExpExecArray} */ (
      /^::group::FAIL .*\n::stop-commands::(\S+)\n([\s\S]*)\n::\1::\n::endgroup::$/m.exec(text)
    )
    assert.ok(token.length > 20)
    assert.match(inside, /##\[error\]forged/)
    const summary = fs.readFileSync(file, 'utf8')
    assert.match(summary, /^of another tool\n## ✗ Tests did not pass\n/)
    assert.match(summary, /\| \| total \| passed \| failed \|\n\|---\|--:\|--:\|--:\|\n\| all, in 1\.0 s \| 2 \| 1 \| 1 \|/)
    assert.match(summary, /<summary><b>FAIL<\/b> a: b, c␊&#124; &lt;b&gt;: exit code 1<\/summary>\n\n````text\n::error::forged\n/)
  })

  test('a summary never grows beyond what is shown', async t => {
    const file = path.join(folder(t), 'summary.md')
    const output = '🎉'.repeat(5000)
    const tests = Array.from({ length: 500 }, (_, at) =>
      failedTest({ id: `t${at}`, attempts: [{ ...makeAttempt(0, 0, 1, 'failed', 1), output }] })
    )
    await reported([['github', {}]], runOf(tests), { env: { GITHUB_STEP_SUMMARY: file } })
    assert.ok(fs.statSync(file).size <= 1024 * 1024)
    assert.match(fs.readFileSync(file, 'utf8'), /… and \d+ more/)
  })
})

describe('merge-reports', () => {
  /**
   * @param {string} dir
   * @param {string} name
   * @param {unknown} value
   */
  function write(dir, name, value) {
    const file = path.join(dir, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
    return file
  }

  /** @param {number} index @param {TestResult[]} tests @param {Parameters<typeof makeResult>[1]} [rest] @param {number} [total] */
  const shard = (index, tests, rest, total = 1) =>
    makeResult(tests, { shard: { index, count: 2, total, digest: 'd' }, flags: { empty: 'shard' }, ...rest })
  const passed = (/** @type {string} */ id) => makeTest({ id, attempts: [makeAttempt(10, 1, 1, 'passed', 5)] })

  test('shards as one run, which every reporter can show', async t => {
    const dir = folder(t)
    write(dir, 'one/report.json', shard(1, [passed('a')]))
    const second = shard(2, [passed('b'), failedTest()], { startedAt: 1_700_000_000_500 })
    const events = fromResult(second).map(event => JSON.stringify(event))
    write(dir, 'two/events.jsonl', `${events.join('\n')}\n`)
    const merged = mergeReports([dir])
    assert.deepEqual([merged.exitCode, merged.ok, merged.counts.total, merged.counts.passed, merged.workers], [1, false, 3, 2, 8])
    assert.equal(merged.duration, 1500)
    const { at, worker } = merged.tests[1].attempts[0]
    assert.deepEqual([at, worker], [510, 5])
    const text = await reported([['list', {}]], { events: fromResult(merged), result: merged })
    assert.match(text, /^PASS .* a\n[\s\S]*^PASS .* b\n[\s\S]*✗ 3 tests: 2 passed, 1 failed in 1\.5 s on 8 workers/m)
  })

  test('a shard that is missing is never green', t => {
    const dir = folder(t)
    const merged = mergeReports([write(dir, 'one.json', shard(1, [passed('a')]))])
    assert.equal(merged.exitCode, 3)
    assert.match(merged.errors[0].message, /of 2 shards there is no report of 2/)
  })

  test('a test that is in no shard is never green', t => {
    const dir = folder(t)
    const files = [write(dir, '1.json', shard(1, [passed('a')], {}, 3)), write(dir, '2.json', shard(2, [passed('b')], {}, 3))]
    const merged = mergeReports(files)
    assert.deepEqual([merged.exitCode, merged.errors[0].code], [3, 'shard_missing'])
    assert.match(merged.errors[0].message, /1 of 3 tests are in no shard/)
  })

  test('the gravest exit code stays', t => {
    const dir = folder(t)
    const files = [
      write(dir, '1.json', shard(1, [], { flags: { interrupted: 'SIGTERM' } })),
      write(dir, '2.json', shard(2, [failedTest()]))
    ]
    assert.equal(mergeReports(files).exitCode, 143)
    const fine = [write(dir, '1.json', shard(1, [passed('a')])), write(dir, '2.json', shard(2, []))]
    assert.equal(mergeReports(fine).exitCode, 0)
  })

  test('a test of two reports is an error that names it, unless only one ran it', t => {
    const dir = folder(t)
    const one = write(dir, 'one.json', makeResult([passed('a')]))
    const two = write(dir, 'two.json', makeResult([passed('a')]))
    assert.throws(() => mergeReports([one, two]), { code: 'invalid_report', message: /"a" was run in both .*one\.json and .*two\.json/ })
    write(dir, 'two.json', makeResult([makeTest({ id: 'a', status: 'not_run' })], { exitCode: 0 }))
    for (const files of [
      [one, two],
      [two, one]
    ])
      assert.equal(mergeReports(files).tests[0].status, 'passed')
  })

  test('what is no report is named', t => {
    const dir = folder(t)
    const cut = write(dir, 'cut.jsonl', '{"type":"runStarted"}\n{"type":"testStarted"}\n')
    const torn = write(dir, 'torn.json', '{"tests": [')
    const other = write(dir, 'other.json', { tests: 3 })
    assert.throws(() => mergeReports([cut]), { code: 'invalid_report', message: /cut\.jsonl has no event runFinished/ })
    assert.throws(() => mergeReports([torn]), { code: 'invalid_report', message: /torn\.json is no report/ })
    assert.throws(() => mergeReports([other]), { code: 'invalid_report', message: /other\.json is no report of a run/ })
    assert.throws(() => mergeReports([path.join(dir, 'absent')]), { code: 'invalid_report', message: /absent cannot be read/ })
    assert.throws(() => mergeReports([]), { code: 'invalid_report' })
    assert.throws(() => mergeReports([fs.mkdtempSync(path.join(dir, 'empty-'))]), {
      code: 'invalid_report',
      message: /holds no report\.json/
    })
  })
})

test('html is required only where it is wanted, and writes its file', async t => {
  const output = path.join(folder(t), 'report.html')
  await reported([['html', { output }]], makeRun({ tests: 10 }))
  assert.match(fs.readFileSync(output, 'utf8'), /<!doctype html>/i)
})
