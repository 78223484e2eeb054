// @ts-check
'use strict'

/** `ephemeral-broker status`: its lines, and what it shows of real sessions, once, as a stream, and at a real terminal. */

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const { ROOT, connect, freePath, isWindows, run, startBroker, startHost, unixOnly, until, useFolder } = require('./support/index.js')
const { linesOf } = require('../lib/cli/inspection.js')
const { fitted } = require('../lib/cli/screen.js')
const { columns, cut, harmless, some, span, widthOf } = require('../lib/cli/text.js')

const CLI = path.join(ROOT, 'bin', 'ephemeral-broker.js')
const timeout = 60_000

/** @type {import('..').Inspection} */
const EMPTY = { self: null, sessions: [], pools: [], queues: [], limits: [], barriers: [] }

/** @type {import('..').Inspection['sessions'][number]} */
const SESSION = { session: 1, name: 'worker-1', pid: 4242, test: null, connectedFor: 5000, holds: [], waits: [], subscriptions: 0 }

/** What would set a window's title, clear the screen, end the line, turn the direction, and half of a character. */
const EVIL = 'a\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202e\u2028\u200b\ud800z'

describe('text', () => {
  test('spans', () => {
    for (const [ms, text] of /** @type {const} */ ([
      [0, '0 ms'],
      [0.4, '0 ms'],
      [340, '340 ms'],
      [999.4, '999 ms'],
      [999.6, '1.0 s'],
      [1200, '1.2 s'],
      [59_940, '59.9 s'],
      [59_960, '1 m 00 s'],
      [185_000, '3 m 05 s'],
      [3_599_400, '59 m 59 s'],
      [3_599_600, '1 h 00 m'],
      [7_620_000, '2 h 07 m'],
      [360_000_000, '100 h 00 m']
    ])) {
      assert.equal(span(ms), text)
    }
  })

  test('counts', () => {
    assert.deepEqual([some(0, 'session'), some(1, 'session'), some(2, 'session')], ['0 sessions', '1 session', '2 sessions'])
  })

  test('what has no shape becomes one, and everything else stays', () => {
    assert.equal(harmless(EVIL), 'a␛]0;owned␇␛[2J␍␊\ufffd31m\ufffd\ufffd\ufffd\ufffdz')
    assert.equal(harmless('\x7f'), '␡')
    for (const text of ['logs in as admin', 'Grüße', '管理者', '👩‍💻', 'e\u0301', '']) assert.equal(harmless(text), text)
  })

  test('width', () => {
    for (const [text, width] of /** @type {const} */ ([
      ['', 0],
      ['abc', 3],
      ['Grüße', 5],
      ['e\u0301', 1],
      ['\u0301', 0],
      ['管理者', 6],
      ['한국', 4],
      ['ｆｕｌｌ', 8],
      ['👍', 2],
      ['👩‍💻', 2],
      ['❤️', 2],
      ['€', 1],
      ['␛', 1],
      ['…', 1]
    ])) {
      assert.equal(widthOf(text), width, text)
    }
  })

  test('cut: never wider, never half of what is seen as one character', () => {
    assert.equal(cut('abcdef', 6), 'abcdef')
    assert.equal(cut('abcdef', 5), 'abcd…')
    assert.equal(cut('abcdef', 1), '…')
    assert.equal(cut('管理者', 6), '管理者')
    assert.equal(cut('管理者', 5), '管理…')
    assert.equal(cut('管理者', 4), '管…')
    assert.equal(cut('a👩‍💻bc', 4), 'a👩‍💻…')
    assert.equal(cut('e\u0301e\u0301e\u0301', 2), 'e\u0301…')
  })

  test('columns: under each other by width, and one that is too wide moves only itself', () => {
    assert.deepEqual(
      columns(
        [
          ['管', '1', 'x'],
          ['abc', '10', '']
        ],
        { right: [1] }
      ),
      ['管    1  x', 'abc  10']
    )
    assert.deepEqual(
      columns(
        [
          ['abcdef', 'x'],
          ['a', 'y']
        ],
        { most: 3 }
      ),
      ['abcdef  x', 'a    y']
    )
  })

  test('a screen: cut to its width, and what is below is counted', () => {
    assert.deepEqual(fitted(['abcdef', '管理者'], 5, 2), ['abcd…', '管理…'])
    assert.deepEqual(fitted(['1', '2', '3', '4'], 20, 3), ['1', '2', '… 2 more lines'])
    assert.deepEqual(fitted(['1', '2', '3', '4'], 20, 1), ['… 4 more lines'])
    assert.deepEqual(fitted([], 20, 3), [])
  })
})

describe('lines', () => {
  test('nobody and nothing', () => {
    assert.deepEqual(linesOf(EMPTY), ['0 sessions'])
  })

  test('pools, queues, limits and barriers, then who is connected', () => {
    const lines = linesOf({
      ...EMPTY,
      sessions: [
        {
          ...SESSION,
          test: 'logs in as admin',
          holds: [
            { kind: 'pool', name: 'accounts', number: 3, token: 7, heldFor: 1234 },
            { kind: 'semaphore', name: 'browsers', number: null, amount: 2, token: 8, heldFor: 185_000 },
            { kind: 'lock', name: 'schema', number: null, shared: true, token: 9, heldFor: 12 }
          ]
        },
        {
          ...SESSION,
          name: 'worker-22',
          pid: null,
          waits: [
            { kind: 'lock', name: 'schema', waited: 340, ahead: 0 },
            { kind: 'limit', name: 'api', waited: 20, ahead: 2 },
            { kind: 'barrier', name: 'all in', waited: 9999, ahead: 1 }
          ]
        },
        { ...SESSION, name: '管理', pid: 1 }
      ],
      pools: [
        { name: 'accounts', size: 10, held: 3, discarded: 1, waiting: 0, peak: 10, policy: 'lowest' },
        { name: '管理', size: null, held: 3, discarded: 0, waiting: 2, peak: 12, policy: 'lru' }
      ],
      queues: [{ name: 'files', ready: 3, taken: 2, acked: 100, failed: 1, waiting: 0 }],
      limits: [{ name: 'api', max: 100, per: 1000, burst: 10, waiting: 2, passed: 300 }],
      barriers: [
        { name: 'all in', parties: 4, waiting: 1, broken: false },
        { name: 'torn', parties: 4, waiting: 0, broken: true }
      ]
    })
    assert.deepEqual(lines, [
      'POOL      HELD  WAITING  PEAK  DISCARDED  POLICY',
      'accounts  3/10        0    10          1  lowest',
      '管理         3        2    12          0  lru',
      '',
      'QUEUE  READY  TAKEN  ACKED  FAILED  WAITING',
      'files      3      2    100       1        0',
      '',
      'LIMIT  PASSED  WAITING  RATE',
      'api       300        2  100 in 1.0 s, 10 at once',
      '',
      'BARRIER  WAITING',
      'all in       1/4',
      'torn         0/4  broken',
      '',
      '3 sessions, 1 waiting',
      "worker-1   pid 4242  'logs in as admin'",
      '  holds  pool accounts #3          1.2 s',
      '  holds  semaphore browsers ×2  3 m 05 s',
      '  holds  lock schema (shared)      12 ms',
      'worker-22',
      '  waits  lock schema              340 ms  next, held by worker-1',
      '  waits  limit api                 20 ms  2 ahead',
      '  waits  barrier all in           10.0 s',
      '管理       pid 1'
    ])
  })

  test('one who waits is told of three that hold', () => {
    const holds = [{ kind: /** @type {const} */ ('pool'), name: 'a', number: 1, token: 1, heldFor: 1 }]
    const waits = [{ kind: /** @type {const} */ ('pool'), name: 'a', waited: 1, ahead: 0 }]
    const holding = ['w1', 'w2', 'w3', 'w4', 'w5'].map(name => ({ ...SESSION, name, holds }))
    const [last] = linesOf({ ...EMPTY, sessions: [...holding, { ...SESSION, waits }] }).slice(-1)
    assert.match(last, /next, held by w1, w2, w3 and 2 more$/)
  })

  test('what there is too much of is counted', () => {
    const wait = { kind: /** @type {const} */ ('lock'), name: 'a', waited: 1, ahead: 7 }
    const lines = linesOf({ ...EMPTY, sessions: [{ ...SESSION, waits: Array.from({ length: 21 }, () => wait) }] })
    assert.deepEqual(lines.slice(-2), ['  waits  lock a    1 ms  7 ahead', '         … 1 more'])
    assert.equal(lines.length, 2 + 20 + 1)
  })

  test('whatever others name is harmless, wherever it stands', () => {
    const kinds = /** @type {const} */ (['pool', 'lock', 'semaphore', 'reservation', 'once', 'queue'])
    const lines = linesOf({
      ...EMPTY,
      sessions: [
        {
          ...SESSION,
          name: EVIL,
          test: EVIL,
          holds: kinds.map(kind => ({ kind, name: EVIL, number: null, token: 1, heldFor: 1 })),
          waits: [...kinds, /** @type {const} */ ('barrier')].map(kind => ({ kind, name: EVIL, waited: 1, ahead: 1 }))
        }
      ],
      pools: [{ name: EVIL, size: 1, held: 1, discarded: 0, waiting: 1, peak: 1, policy: EVIL }],
      queues: [{ name: EVIL, ready: 0, taken: 0, acked: 0, failed: 0, waiting: 0 }],
      limits: [{ name: EVIL, max: 1, per: 1, burst: 1, waiting: 0, passed: 0 }],
      barriers: [{ name: EVIL, parties: 1, waiting: 0, broken: false }]
    })
    assert.equal(lines.join('').split('owned').length - 1, 4 + 1 + 1 + 6 + 7 * 1 + 6 + 1)
    for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
  })
})

/**
 * @param {import('node:test').TestContext} scope
 * @param {string} pipe
 * @param {string[]} args
 */
function status(scope, pipe, ...args) {
  const child = spawn(process.execPath, [CLI, 'status', '--pipe', pipe, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => (out.stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (out.stderr += text))
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...out }))
  scope.after(() => child.kill('SIGKILL') && ended)
  return { child, out, ended }
}

/** For {@link run}: a worker that holds the lock `schema` and the first account, and says so. */
const HOLDER = `
  const client = new Client(process.argv[1], { name: 'holder' })
  client.describe('migrates')
  await client.lock('schema')
  await client.acquire('accounts')
  await say('holds')
  process.stdin.resume()`

describe('status', { timeout: 5 * timeout }, () => {
  test('shows what real sessions hold and wait for, and not itself', { timeout }, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope, { pools: { accounts: 2 } })
    const holder = run(scope, HOLDER, { args: [broker.pipe] })
    assert.equal(await holder.line(), 'holds')
    const waiter = connect(scope, broker.pipe, { name: 'waiter' })
    const waiting = waiter.lock('schema')
    await until(async () => (await waiter.inspect()).sessions.some(session => session.waits.length > 0))

    const { code, stdout, stderr } = await status(scope, broker.pipe).ended
    assert.deepEqual([code, stderr], [0, ''])
    const lines = stdout.split('\n')
    assert.match(lines[0], /^POOL +HELD +WAITING +PEAK +DISCARDED +POLICY$/)
    assert.match(lines[1], /^accounts +1\/2 +0 +1 +0 +lowest$/)
    assert.equal(lines[3], '2 sessions, 1 waiting')
    assert.match(lines[4], new RegExp(`^holder +pid ${holder.pid}  'migrates'$`))
    assert.match(lines[5], /^ {2}holds {2}lock schema +\d.* m?s$/)
    assert.match(lines[6], /^ {2}holds {2}pool accounts #1 +\d.* m?s$/)
    assert.match(lines[7], new RegExp(`^waiter +pid ${process.pid}$`))
    assert.match(lines[8], /^ {2}waits {2}lock schema +\d.* m?s {2}next, held by holder$/)
    assert.deepEqual(lines.slice(9), [''])

    const json = await status(scope, broker.pipe, '--json').ended
    const told = JSON.parse(json.stdout)
    const { sessions, ...rest } = await waiter.inspect()
    assert.deepEqual(Object.keys(told).sort(), Object.keys({ sessions, ...rest }).sort())
    assert.deepEqual(
      told.sessions.map((/** @type {any} */ { name }) => name),
      ['holder', 'waiter']
    )
    assert.deepEqual(told.pools, rest.pools)

    await holder.kill()
    await (await waiting).release()
  })

  test('no broker: the usual error, with --watch too', { timeout }, async scope => {
    const pipe = freePath(useFolder(scope))
    for (const args of [[], ['--watch']]) {
      const { code, stdout, stderr } = await status(scope, pipe, '--timeout', '100', ...args).ended
      assert.deepEqual([code, stdout], [3, ''])
      assert.match(stderr, /^ephemeral-broker: broker_unreachable: /)
    }
  })

  test('wrong options: 2', { timeout }, async scope => {
    for (const args of [['--interval', '0', '--watch'], ['--interval', '100'], ['word']]) {
      assert.equal((await status(scope, 'nowhere', ...args).ended).code, 2, args.join(' '))
    }
  })
})

describe('status --watch, no terminal', { timeout: 5 * timeout }, () => {
  test('a snapshot each interval, until the broker is gone', { timeout }, async scope => {
    useFolder(scope)
    const host = await startHost(scope)
    const client = connect(scope, host.pipe, { name: 'comes-later' })
    const watching = status(scope, host.pipe, '--watch', '--interval', '20')
    await until(() => watching.out.stdout.includes('0 sessions'))
    await client.ping()
    await until(() => watching.out.stdout.includes('comes-later'))
    assert.match(watching.out.stdout, /^-- \d\d:\d\d:\d\d\n0 sessions\n\n-- /)
    host.tell('stop')
    const { code, stdout, stderr } = await watching.ended
    assert.deepEqual([code, stderr], [0, 'The broker is gone.\n'])
    assert.ok(!stdout.includes('\x1b'), stdout)
  })

  test('the end of the broker is seen before the interval is over', { timeout }, async scope => {
    useFolder(scope)
    const host = await startHost(scope)
    const watching = status(scope, host.pipe, '--watch', '--interval', '1000000000')
    await until(() => watching.out.stdout.includes('0 sessions'))
    await host.kill()
    assert.equal((await watching.ended).code, 0)
  })

  test('--json: a line each', { timeout }, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const watching = status(scope, broker.pipe, '--watch', '--json', '--interval', '10')
    await until(() => watching.out.stdout.split('\n').length > 3)
    await broker.stop()
    const { code, stdout } = await watching.ended
    assert.equal(code, 0)
    for (const line of stdout.trimEnd().split('\n')) assert.deepEqual(JSON.parse(line).sessions, [])
  })

  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    test(`${signal} ends it, with 0`, { timeout, ...unixOnly }, async scope => {
      useFolder(scope)
      const broker = await startBroker(scope)
      const watching = status(scope, broker.pipe, '--watch', '--interval', '1000000')
      await until(() => watching.out.stdout.includes('0 sessions'))
      watching.child.kill(signal)
      assert.deepEqual((await watching.ended).code, 0)
    })
  }

  test('so does a reader that has seen enough', { timeout, ...unixOnly }, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const watching = status(scope, broker.pipe, '--watch', '--interval', '10')
    await until(() => watching.out.stdout.includes('0 sessions'))
    watching.child.stdout.destroy()
    assert.deepEqual(await watching.ended.then(({ code, stderr }) => [code, stderr]), [0, ''])
  })
})

// The one of util-linux; others have the name only.
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux')
const needsScript = process.platform === 'linux' && process.env.CI ? false : !hasScript && 'needs "script" of util-linux to make a terminal'
const atTerminal = { timeout, skip: isWindows ? 'for Unix' : needsScript }

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/**
 * `status --watch` at a terminal of so many rows and columns.
 * @param {import('node:test').TestContext} scope
 * @param {string} pipe
 * @param {{ rows?: number, cols?: number, interval?: number }} [size]
 */
async function watchAtTerminal(scope, pipe, { rows = 20, cols = 60, interval = 20 } = {}) {
  const command = [process.execPath, CLI, 'status', '--watch', '--interval', interval, '--pipe', pipe].join(' ')
  const shell = `stty rows ${rows} cols ${cols}; echo "$$ $(tty)"; exec ${command}`
  const child = spawn('script', ['-qefc', shell, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh' }, stdio: 'pipe' })
  let seen = ''
  child.stdout.setEncoding('utf8').on('data', text => (seen += text))
  const ended = once(child, 'close').then(([code]) => ({ code, seen }))
  scope.after(() => child.kill('SIGKILL') && ended)
  const [, pid, tty] = await until(() => /^(\d+) (\S+)\r\n/.exec(seen))
  return {
    ended,
    pid: Number(pid),
    script: child,
    seen: () => seen,
    /** @param {string} keys */
    press: keys => child.stdin.write(keys),
    /** @param {number} rows @param {number} cols */
    resize: (rows, cols) => assert.equal(spawnSync('stty', ['-F', tty, 'rows', String(rows), 'cols', String(cols)]).status, 0),
    /** The whole of the next frame that is so, as lines. @param {(lines: string[]) => boolean} [check] */
    frame(check = () => true) {
      const begun = seen.length
      return until(() => framesOf(seen.slice(begun)).find(check))
    }
  }
}

/** @param {string} text */
const readable = text => text.replaceAll('\x1b', '␛')

/**
 * What was drawn, frame by frame. The terminal adds a carriage return of its own to each newline.
 * @param {string} text
 */
const framesOf = text =>
  text
    .split('\x1b[?2026h\x1b[H')
    .slice(1)
    .filter(frame => frame.includes('\x1b[?2026l'))
    .map(frame => frame.slice(0, frame.indexOf('\x1b[?2026l')).replaceAll('\x1b[K', '').replace('\x1b[J', '').trimEnd().split(/\r+\n/))

describe('status --watch, at a terminal', { timeout: 5 * timeout }, () => {
  test('draws in place, and gives the screen back on Ctrl-C', atTerminal, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const view = await watchAtTerminal(scope, broker.pipe)
    assert.deepEqual((await view.frame()).slice(1), ['', '0 sessions'])
    const client = connect(scope, broker.pipe, { name: 'comes-later' })
    await client.ping()
    await view.frame(lines => lines[2] === '1 session' && lines[3].startsWith('comes-later'))
    view.press('\x03')
    const { code, seen } = await view.ended
    assert.equal(code, 0)
    assert.equal(seen.split(ENTER).length, 2)
    assert.equal(seen.split(LEAVE).length, 2)
    assert.match(seen.slice(seen.indexOf(LEAVE) + LEAVE.length), /^(\^C)?\s*$/)
    // But for the frames' own, there are no escape codes.
    assert.doesNotMatch(readable(seen).replaceAll(/␛\[(\?(1049|25|7|2026)[hl]|[HKJ])/g, ''), /␛/)
  })

  test('gives the screen back on SIGTERM', atTerminal, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const view = await watchAtTerminal(scope, broker.pipe)
    await view.frame()
    process.kill(view.pid, 'SIGTERM')
    const { code, seen } = await view.ended
    assert.equal(code, 0)
    assert.ok(seen.endsWith(LEAVE), readable(seen.slice(-100)))
  })

  test('gives the screen back when the broker is gone, and says so', atTerminal, async scope => {
    useFolder(scope)
    const host = await startHost(scope)
    const view = await watchAtTerminal(scope, host.pipe)
    await view.frame()
    await host.kill()
    const { code, seen } = await view.ended
    assert.equal(code, 0)
    assert.ok(seen.endsWith(`${LEAVE}The broker is gone.\r\n`), readable(seen.slice(-100)))
  })

  test('stopped with Ctrl-Z it gives the screen back, and takes it again', atTerminal, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const view = await watchAtTerminal(scope, broker.pipe)
    await view.frame()
    // "script" stops with what it runs, as its version goes: before or after it has passed on what that wrote last, and once more when it hears of it late.
    const awake = setInterval(() => view.script.kill('SIGCONT'), 20)
    scope.after(() => clearInterval(awake))
    process.kill(view.pid, 'SIGTSTP')
    await until(() => view.seen().includes(LEAVE))
    const again = view.frame()
    // As a shell's "fg" does.
    await until(() => {
      process.kill(view.pid, 'SIGCONT')
      return view.seen().split(ENTER).length === 3
    })
    await again
    view.press('\x03')
    assert.equal((await view.ended).code, 0)
  })

  test('is cut to the size of the screen, and follows it', atTerminal, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const names = Array.from({ length: 12 }, (_, index) => `${'管理者'.repeat(5)}-${index}`)
    await Promise.all(names.map(name => connect(scope, broker.pipe, { name }).ping()))
    // Only a new size makes it draw again.
    const view = await watchAtTerminal(scope, broker.pipe, { rows: 8, cols: 24, interval: 1_000_000 })
    const small = await until(() => framesOf(view.seen()).find(lines => lines.length > 1))
    assert.equal(small.length, 8)
    assert.equal(small[7], '… 8 more lines')
    assert.equal(small[3], `${'管理者'.repeat(3)}管理…`)
    for (const line of small) assert.ok(widthOf(line) <= 24, line)
    // "stty" sets one after the other, so a frame may come between.
    const other = view.frame(lines => lines.length === 10 && lines.every(line => widthOf(line) <= 12))
    view.resize(10, 12)
    await other
    const whole = view.frame(lines => lines.length === 15 && /^(管理者){5}-\d+ +pid \d+$/.test(lines[14]))
    view.resize(40, 80)
    await whole
    view.press('\x03')
    assert.equal((await view.ended).code, 0)
  })

  test("a test's title sends nothing to the terminal", atTerminal, async scope => {
    useFolder(scope)
    const broker = await startBroker(scope)
    const client = connect(scope, broker.pipe, { name: `w\x1b[2J` })
    client.describe('\x1b]0;owned\x07\x1b[2J\r\nnext line')
    await client.lock('\x1b[31m')
    const view = await watchAtTerminal(scope, broker.pipe)
    const lines = await view.frame(lines => lines.length > 3)
    assert.match(lines[3], /^w␛\[2J +pid \d+ {2}'␛\]0;owned␇␛\[2J␍␊next line'$/)
    assert.match(lines[4], /lock ␛\[31m/)
    view.press('\x03')
    const { seen } = await view.ended
    for (const code of ['\x1b]', '\x1b[2J', '\x1b[31m', '\x07']) assert.ok(!seen.includes(code), readable(seen))
  })
})
