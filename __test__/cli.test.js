// @ts-check
'use strict'

/** The command line, as shells and CI see it: real processes, exit codes, signals, streams. */

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { Client } = require('..')

const CLI = path.join(__dirname, '..', 'bin', 'ephemeral-broker.js')
const NODE = process.execPath
/** What waits for a process that never ends fails instead. */
const timeout = 60_000
const unixOnly = { timeout, skip: process.platform === 'win32' && 'Windows has no signals' }

/** What the broker and this command line read must come from the test alone, and what they leave must be found. */
function makeEnv(extra = {}) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(EPHEMERAL|BROKER|CLIENT)_|^(NODE_TEST_CONTEXT|XDG_RUNTIME_DIR)$/.test(name)
  )
  return { ...Object.fromEntries(inherited), TMPDIR: folder, TMP: folder, TEMP: folder, ...extra }
}

/** @type {string} a socket's path has room for about 100 characters */
let folder
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cli-'))
})
after(() => {
  // Only where a test failed is there still one.
  for (const child of running) {
    child.kill('SIGKILL')
    for (const stream of child.stdio) stream?.destroy()
  }
  fs.rmSync(folder, { recursive: true, force: true })
})

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

/**
 * @typedef {{ code: number | null, signal: string | null, stdout: string, stderr: string }} Outcome
 * @typedef {{ env?: Record<string, string>, input?: string }} RunOptions
 */

/**
 * A command line that runs: its streams so far, and how it ended, which is known when all that hold its streams have ended too.
 * @param {string[]} args
 * @param {RunOptions} [options]
 */
function run(args, { env, input = '' } = {}) {
  const child = spawn(NODE, [CLI, ...args], { env: makeEnv(env), stdio: 'pipe' })
  running.add(child)
  child.once('close', () => running.delete(child))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  /** @type {Promise<Outcome>} */
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }))
  return {
    child,
    ended,
    /** Resolves with the whole line that has this text. @param {string | RegExp} text */
    async says(text) {
      for (;;) {
        const line = stdout
          .split('\n')
          .slice(0, -1)
          .find(line => (typeof text === 'string' ? line.includes(text) : text.test(line)))
        if (line !== undefined) return line
        const more = await Promise.race([once(child.stdout, 'data'), ended])
        if (!Array.isArray(more)) assert.fail(`it ended before it said ${text}: ${JSON.stringify(more)}`)
      }
    }
  }
}

/**
 * @param {string[]} args
 * @param {RunOptions} [options]
 */
const cli = (args, options) => run(args, options).ended

/**
 * `start` without a command.
 * @param {string[]} [args]
 * @param {RunOptions} [options]
 */
async function startAlone(args = [], options) {
  const broker = run(['start', ...args], options)
  const pipe = await broker.says(/./)
  const stop = () => {
    broker.child.kill('SIGTERM')
    return broker.ended
  }
  return { ...broker, pipe, stop }
}

/** @param {string} script in JavaScript */
const js = script => [NODE, '-e', script]

/** A command that says when it is ready, tells which signal it got, and ends with 5. */
const LISTENS = `
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => { console.log('got ' + name); process.exit(5) })
  setInterval(() => {}, 1e6)
  console.log('ready ' + process.env.EPHEMERAL_PIPE)`

/** One that only SIGKILL ends. */
const STUBBORN = LISTENS.replace('process.exit(5)', '0')

const hasPython = spawnSync('python3', ['--version']).status === 0
const atTerminal = { timeout, skip: unixOnly.skip || (!hasPython && !process.env.CI && 'needs python3 to make a terminal') }

/**
 * Runs the command line at a terminal, and after each line that appears presses Ctrl-C, or after the first sends SIGTERM. It ends when nobody has
 * the terminal open any more.
 * @param {'Ctrl-C' | 'SIGTERM'} act
 * @param {string[]} args
 */
function runAtTerminal(act, args) {
  const script = `
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, acted = "", 0
while True:
    try:
        data = os.read(fd, 4096).decode()
    except OSError:
        break
    if not data:
        break
    seen += data
    if seen.count("\\n") > acted:
        acted += 1
        if sys.argv[1] == "Ctrl-C":
            os.write(fd, b"\\x03")
        elif acted == 1:
            os.kill(pid, signal.SIGTERM)
print(seen.replace("\\r", "").replace("^C", ""), end="")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`
  return spawnSync('python3', ['-c', script, act, NODE, CLI, ...args], { env: makeEnv(), encoding: 'utf8', timeout: 30_000 })
}

/** Sockets, locks and folders: what a broker may leave. */
const leftovers = () => fs.readdirSync(folder, { recursive: true }).map(String)

describe('start, with a command', { timeout: 5 * timeout }, () => {
  test('ends with the exit code of the command', async () => {
    for (const code of [0, 1, 7]) assert.equal((await cli(['start', '--', ...js(`process.exit(${code})`)])).code, code)
    assert.deepEqual(leftovers(), [])
  })

  test('passes arguments, standard input, output and error through untouched', async () => {
    const script = 'process.stdin.pipe(process.stderr); console.log(JSON.stringify(process.argv.slice(1)))'
    const words = ['--json', '-x', 'a b', '', '*', '--', '$HOME']
    const outcome = await cli(['start', '--', NODE, '-e', script, '--', ...words], { input: 'in' })
    assert.deepEqual(outcome, { code: 0, signal: null, stdout: `${JSON.stringify(words)}\n`, stderr: 'in' })
  })

  test('takes the command without "--" too', async () => {
    const outcome = await cli(['start', '--max-items', '5', ...js('console.log(process.argv.slice(1).join())'), 'word', '--ttl'])
    assert.equal(outcome.stdout, 'word,--ttl\n', outcome.stderr)
  })

  test('the command finds the broker', async () => {
    const script = `
      const { Client } = require(${JSON.stringify(path.join(__dirname, '..'))})
      const client = new Client()
      client.lease('accounts', 'me').then(number => { console.log(number, client.pipe); return client.close() })`
    const { code, stdout, stderr } = await cli(['start', '--', ...js(script)])
    assert.equal(code, 0, stderr)
    const [number, pipe] = stdout.trim().split(' ')
    assert.equal(number, '1')
    assert.equal(fs.existsSync(pipe), false)
  })

  test('--secret alone makes one that only the command gets', async () => {
    const broker = run(['start', '--secret', '--', ...js(`console.log(process.env.EPHEMERAL_SECRET); ${LISTENS}`)])
    const secret = await broker.says(/./)
    const pipe = (await broker.says('ready')).split(' ')[1]
    assert.ok(secret.length >= 16, secret)
    assert.equal(await withClient(pipe, { secret }, client => client.set('a', 1, 1000)), true)
    await assert.rejects(
      withClient(pipe, { secret: false }, client => client.get('a')),
      { code: 'auth_failed' }
    )
    broker.child.kill('SIGTERM')
    assert.equal((await broker.ended).code, 5)
  })

  test('a word after --secret that may be the command is not guessed at', async () => {
    const { code, stderr } = await cli(['start', '--secret', 'npx', 'jest'])
    assert.equal(code, 2)
    assert.match(stderr, /put "--" before the command/)
    assert.equal((await cli(['start', '--secret', 'a', '--', ...js('process.exit(7)')])).code, 7)
    assert.equal((await cli(['start', '--secret=a', ...js('process.exit(7)')])).code, 7)
  })

  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    test(`${signal} is passed on`, unixOnly, async () => {
      const broker = run(['start', '--', ...js(LISTENS)])
      const pipe = (await broker.says('ready')).split(' ')[1]
      broker.child.kill(signal)
      const { code, stdout } = await broker.ended
      assert.equal(stdout.split('\n')[1], `got ${signal}`)
      assert.equal(code, 5)
      assert.equal(fs.existsSync(path.dirname(pipe)), false)
    })
  }

  test('the same signal twice at once, as "timeout" sends it, does not kill', unixOnly, async () => {
    const broker = run(['start', '--', ...js(LISTENS.replace('process.exit(5)', 'setTimeout(() => process.exit(5), 50)'))])
    await broker.says('ready')
    broker.child.kill('SIGTERM')
    broker.child.kill('SIGTERM')
    assert.equal((await broker.ended).code, 5)
  })

  test('a command that ignores SIGTERM is killed when the grace is over', unixOnly, async () => {
    const broker = run(['start', '--grace', '100', '--', ...js(STUBBORN)])
    await broker.says('ready')
    broker.child.kill('SIGTERM')
    const { code, stdout } = await broker.ended
    assert.match(stdout, /got SIGTERM/)
    assert.equal(code, 128 + 9)
    assert.deepEqual(leftovers(), [])
  })

  test('a second signal kills at once', unixOnly, async () => {
    const broker = run(['start', '--grace', '1000000', '--', ...js(STUBBORN)])
    await broker.says('ready')
    broker.child.kill('SIGINT')
    await broker.says('got SIGINT')
    // Whoever has lost patience presses it until it is gone.
    const impatience = setInterval(() => broker.child.kill('SIGINT'), 100)
    assert.equal((await broker.ended).code, 128 + 9)
    clearInterval(impatience)
  })

  test('SIGINT alone kills nobody: a runner may take its time', unixOnly, async () => {
    const slow = LISTENS.replace('process.exit(5)', "setTimeout(() => process.exit(5), name === 'SIGINT' ? 200 : 0)")
    const broker = run(['start', '--grace', '0', '--', ...js(slow)])
    await broker.says('ready')
    broker.child.kill('SIGINT')
    assert.equal((await broker.ended).code, 5)
  })

  test('what the command leaves in the background ends with it', unixOnly, async () => {
    // Comes only when nobody holds standard output any more.
    const { code } = await cli(['start', '--', 'sh', '-c', 'sleep 1000 & exit 3'])
    assert.equal(code, 3)
  })

  test('what ignores SIGTERM in the background is killed after the grace', unixOnly, async () => {
    const { code } = await cli(['start', '--grace', '100', '--', 'sh', '-c', '(trap "" TERM; sleep 1000; sleep 1000) & exit 3'])
    assert.equal(code, 3)
  })

  test('a signal reaches what the command started', unixOnly, async () => {
    const broker = run(['start', '--', 'sh', '-c', `trap '' TERM; "$0" -e "$1" & wait $!; exit $?`, NODE, LISTENS])
    await broker.says('ready')
    broker.child.kill('SIGTERM')
    assert.match((await broker.ended).stdout, /got SIGTERM/)
  })

  test('killed itself, it leaves no process and nothing but an empty socket', unixOnly, async () => {
    const script = `require('node:child_process').spawn('sleep', ['1000'], { stdio: 'inherit' }); ${LISTENS}`
    const broker = run(['start', '--grace', '1000', '--', ...js(script)])
    const pipe = (await broker.says('ready')).split(' ')[1]
    broker.child.kill('SIGKILL')
    const { stdout, signal } = await broker.ended
    assert.equal(signal, 'SIGKILL')
    assert.match(stdout, /got SIGTERM/)
    for (const name of leftovers()) {
      const stat = fs.lstatSync(path.join(folder, name))
      assert.ok(stat.isDirectory() || stat.size === 0, name)
    }
    assert.equal(fs.lstatSync(pipe).isSocket(), true)
    // The next one of the same user removes it.
    assert.equal((await cli(['start', '--', ...js('')])).code, 0)
    assert.deepEqual(leftovers(), [])
  })

  test('a command that cannot be executed: 126', unixOnly, async () => {
    const file = path.join(folder, 'data.txt')
    fs.writeFileSync(file, 'data')
    const { code, stdout, stderr } = await cli(['start', '--', file])
    fs.rmSync(file)
    assert.equal(code, 126)
    assert.equal(stdout, '')
    assert.equal(stderr, `ephemeral-broker: cannot run "${file}": it is not executable\n`)
    assert.deepEqual(leftovers(), [])
  })

  test('a script whose interpreter is missing is not told to be missing itself', unixOnly, async () => {
    const file = path.join(folder, 'script')
    fs.writeFileSync(file, '#!/no/such/interpreter\n', { mode: 0o755 })
    const { code, stderr } = await cli(['start', '--json', '--', file])
    fs.rmSync(file)
    assert.equal(code, 127)
    const { error, message } = JSON.parse(stderr)
    assert.equal(error, 'command_not_found')
    assert.match(message, /interpreter/)
  })

  test('at a terminal, Ctrl-C reaches the command once, and the command keeps its terminal', atTerminal, () => {
    // It opens /dev/tty, which only works for who has a controlling terminal, and survives Ctrl-C as a REPL does.
    const command = `
      const fs = require('node:fs')
      let count = 0
      process.on('SIGINT', () => {
        count++
        // Slow enough for the next one to be a second wish, for which a command that is not at a terminal is killed.
        setTimeout(() => { console.log('INT ' + count); if (count === 3) process.exit(6) }, 400)
      })
      setInterval(() => {}, 1e6)
      fs.closeSync(fs.openSync('/dev/tty', 'r+'))
      console.log('ready ' + process.stdin.isTTY)`
    const { status, stdout, stderr } = runAtTerminal('Ctrl-C', ['start', '--grace', '0', '--', ...js(command)])
    assert.equal(stdout, 'ready true\nINT 1\nINT 2\nINT 3\n', stderr)
    assert.equal(status, 6)
  })

  test('at a terminal, a command that ignores SIGTERM is killed with what it started', atTerminal, () => {
    const { status, stdout, stderr } = runAtTerminal('SIGTERM', [
      ...['start', '--grace', '100', '--', 'sh', '-c'],
      'trap "echo got TERM" TERM; (trap "" HUP TERM; sleep 1000; true) & echo ready; wait; wait'
    ])
    assert.equal(stdout, 'ready\ngot TERM\n', stderr)
    assert.equal(status, 128 + 9)
  })
})

describe('start, without a command', { timeout: 5 * timeout }, () => {
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    test(`prints the pipe alone, serves, and ends with 0 on ${signal}`, unixOnly, async () => {
      const broker = await startAlone()
      assert.equal(await withClient(broker.pipe, {}, client => client.lease('a', 'w')), 1)
      broker.child.kill(signal)
      const { code, stdout, stderr } = await broker.ended
      assert.equal(code, 0)
      assert.equal(stdout, `${broker.pipe}\n`)
      assert.match(stderr, /EPHEMERAL_PIPE=/)
      assert.equal(fs.existsSync(path.dirname(broker.pipe)), false)
    })
  }

  test('--json prints the pipe and the pid, and no hints', async () => {
    const broker = await startAlone(['--json'])
    assert.deepEqual(Object.keys(JSON.parse(broker.pipe)), ['pipe', 'pid'])
    assert.equal(JSON.parse(broker.pipe).pid, broker.child.pid)
    assert.equal((await broker.stop()).stderr, '')
  })

  test('a pipe that nobody reads does not end it', unixOnly, async () => {
    const broker = run(['start', '--pipe-id', `deaf-${process.pid}`])
    broker.child.stdout.destroy()
    await once(broker.child.stderr, 'data')
    broker.child.kill('SIGTERM')
    const { code, stderr } = await broker.ended
    assert.equal(code, 0)
    assert.doesNotMatch(stderr, /EPIPE|at /)
  })

  test('--secret needs a value, since nobody would learn a random one', async () => {
    const { code, stderr } = await cli(['start', '--secret'])
    assert.equal(code, 2)
    assert.match(stderr, /set EPHEMERAL_SECRET/)
    assert.equal((await cli(['start', '--secret', ''])).code, 2)
  })

  test('the same --pipe-id twice: the second one says so, with 3, and the first one lives on', async () => {
    const id = `twice-${process.pid}`
    const broker = await startAlone(['--pipe-id', id])
    assert.match(broker.pipe, new RegExp(id))
    const { code, stderr } = await cli(['start', '--json', '--pipe-id', id])
    assert.equal(code, 3)
    assert.equal(JSON.parse(stderr).error, 'pipe_in_use')
    assert.equal(await withClient(broker.pipe, {}, client => client.has('a')), false)
    assert.equal((await broker.stop()).code, 0)
  })
})

describe('options of start', { timeout: 5 * timeout }, () => {
  test('each number is parsed strictly, and a wrong one is named', async () => {
    const names = [
      'ttl',
      'max-items',
      'max-value-size',
      'max-request-size',
      'max-connections',
      'idle-timeout',
      'heartbeat-interval',
      'lease-start',
      'grace'
    ]
    const words = ['5x', '-5', '', '1e3', '99999999999999999999']
    const outcomes = names.map((name, index) => [name, words[index % words.length]])
    for (const [name, word] of outcomes) {
      const { code, stdout, stderr } = await cli(['start', `--${name}=${word}`])
      assert.equal(code, 2, name)
      assert.equal(stdout, '')
      assert.ok(stderr.includes(`--${name}`) && stderr.includes(`'${word}'`), stderr)
      assert.match(stderr, /Allowed is a whole number/)
    }
  })

  test('what the broker refuses, too', async () => {
    for (const [option, word] of [
      ['pipe-id', '../x'],
      ['log-level', 'loud']
    ]) {
      const { code, stderr } = await cli(['start', `--${option}`, word])
      assert.equal(code, 2, stderr)
      assert.ok(stderr.includes(word), stderr)
    }
    assert.equal((await cli(['start', '--no-such'])).code, 2)
    assert.equal((await cli(['start', '--pipe', 'x'])).code, 2)
  })

  /** @type {Array<[string[], Record<string, string>, (client: Client) => Promise<void>]>} */
  const effects = [
    [['--no-require-ttl'], { BROKER_REQUIRE_TTL: 'true' }, async client => void assert.equal(await client.set('a', 1), true)],
    [['--require-ttl'], { BROKER_REQUIRE_TTL: 'false' }, client => assert.rejects(client.set('a', 1), { code: 'ttl_required' })],
    [[], { BROKER_REQUIRE_TTL: 'false' }, async client => void assert.equal(await client.set('a', 1), true)],
    [[], {}, client => assert.rejects(client.set('a', 1), { code: 'ttl_required' })],
    [
      ['--max-items', '1'],
      { BROKER_MAX_ITEMS: '5' },
      async client => {
        await client.set('a', 1, 60_000)
        await assert.rejects(client.set('b', 1, 60_000), { code: 'max_items' })
      }
    ],
    [['--max-value-size', '10'], {}, client => assert.rejects(client.set('a', 'x'.repeat(11), 60_000), { code: 'too_large' })],
    [['--max-request-size', '2000'], {}, client => assert.rejects(client.set('a', 'x'.repeat(3000), 60_000), { code: 'too_large' })],
    [['--lease-start', '0'], {}, async client => void assert.equal(await client.lease('a', 'w'), 0)],
    [
      ['--max-connections', '1'],
      {},
      async client => {
        await client.ping()
        const other = new Client(client.pipe)
        await assert.rejects(other.ping(), { code: 'too_many_connections' })
        await other.close()
      }
    ],
    [
      ['--refresh-ttl-on-get'],
      {},
      async client => {
        await client.set('a', 1, 60_000)
        const { expires } = (await client.list()).a
        // The broker's clock moves on between the two, in the end by a millisecond.
        while ((await client.list()).a.expires === expires) await client.get('a')
      }
    ]
  ]
  for (const [args, env, check] of effects) {
    test(`start ${args.join(' ')} ${JSON.stringify(env)}`, { timeout }, async () => {
      const broker = await startAlone(args, { env })
      await withClient(broker.pipe, {}, check)
      await broker.stop()
    })
  }

  test('--idle-timeout ends it, with 0', async () => {
    assert.equal((await cli(['start', '--idle-timeout', '50'])).code, 0)
  })

  test('--heartbeat-interval, --log-level and --structured-logging', async () => {
    const broker = run(['start', '--heartbeat-interval', '20', '--log-level', 'info', '--structured-logging', '--json'])
    await broker.says(/./)
    await once(broker.child.stderr, 'data')
    broker.child.kill('SIGTERM')
    const { stdout, stderr } = await broker.ended
    assert.equal(stdout.split('\n').length, 2, 'logs go to standard error')
    for (const line of stderr.trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object')
  })

  test('--debug logs, and never a value or a secret', async () => {
    const broker = await startAlone(['--debug', '--secret', 'hush-hush'])
    await withClient(broker.pipe, { secret: 'hush-hush' }, client => client.set('a', 'precious', 60_000))
    const quiet = await startAlone()
    const hints = (await quiet.stop()).stderr.length
    const { stderr } = await broker.stop()
    assert.ok(stderr.length > hints, stderr)
    assert.doesNotMatch(stderr, /precious|hush/)
  })
})

describe('calls', { timeout: 5 * timeout }, () => {
  /** @type {Awaited<ReturnType<typeof startAlone>>} */
  let broker
  /** @param {string[]} args @param {RunOptions} [options] */
  const call = (args, options = {}) => cli(args, { ...options, env: { EPHEMERAL_PIPE: broker.pipe, ...options.env } })
  /** @param {string[]} args @param {RunOptions} [options] */
  const print = async (args, options) => {
    const { code, stdout, stderr } = await call(args, options)
    return [code, stdout, stderr]
  }

  before(async () => {
    broker = await startAlone(['--no-require-ttl'])
  })
  after(() => broker.stop())

  test('set and get: strings as they are, everything else as JSON', async () => {
    assert.deepEqual(await print(['set', 'a', '{"not": "JSON here"}', '--ttl', '60000']), [0, 'true\n', ''])
    assert.deepEqual(await print(['get', 'a']), [0, '{"not": "JSON here"}\n', ''])
    assert.deepEqual(await print(['get', 'a', '--json']), [0, '"{\\"not\\": \\"JSON here\\"}"\n', ''])
    await print(['set', 'b', '{"id": 7, "n": [1, null]}', '--json'])
    assert.deepEqual(await print(['get', 'b']), [0, '{"id":7,"n":[1,null]}\n', ''])
    assert.equal(await withClient(broker.pipe, {}, async client => (await client.get('b')).id), 7)
  })

  test('set takes values that look like options, and checks JSON', async () => {
    await print(['set', 'a', '-5'])
    assert.deepEqual(await print(['get', 'a']), [0, '-5\n', ''])
    await print(['set', '--', 'a', '--ttl'])
    assert.deepEqual(await print(['get', 'a']), [0, '--ttl\n', ''])
    const [code, stdout, stderr] = await print(['set', 'a', '{', '--json'])
    assert.deepEqual([code, stdout, JSON.parse(String(stderr)).error], [2, '', 'usage'])
    assert.equal((await call(['set', 'a', 'b', '--ttl', '0'])).code, 2)
  })

  test('"-" reads standard input, without the newline at its end', async () => {
    for (const [input, value] of [
      ['line\n', 'line'],
      ['two\nlines\n\n', 'two\nlines\n'],
      ['ü€😀', 'ü€😀'],
      ['', '']
    ]) {
      assert.equal((await call(['set', 'in', '-'], { input })).code, 0)
      assert.equal(await withClient(broker.pipe, {}, client => client.get('in')), value)
    }
    assert.equal((await call(['set', 'in', '-', '--json'], { input: '[1]\n' })).code, 0)
    assert.deepEqual(await withClient(broker.pipe, {}, client => client.get('in')), [1])
  })

  test('--ttl of set', async () => {
    await print(['set', 'short', 'x', '--ttl', '5000'])
    const { expires } = await withClient(broker.pipe, {}, async client => (await client.list()).short)
    assert.ok(Number(expires) > Date.now() && Number(expires) <= Date.now() + 5000)
  })

  test('what is not there: exit code 1, the reason on standard error', async () => {
    const [code, stdout, stderr] = await print(['get', 'missing'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(String(stderr), /^ephemeral-broker: not_found: .*missing/)
    const json = await call(['get', 'missing', '--json'])
    assert.deepEqual([json.code, json.stdout, Object.keys(JSON.parse(json.stderr))], [1, '', ['error', 'message']])
    assert.equal(JSON.parse(json.stderr).error, 'not_found')
  })

  test('get of a value that is false or null is no failure', async () => {
    for (const word of ['false', 'null', '0']) {
      await print(['set', 'nothing', word, '--json'])
      assert.deepEqual(await print(['get', 'nothing']), [0, `${word}\n`, ''])
    }
  })

  test('has and del', async () => {
    await print(['set', 'there', 'x'])
    assert.deepEqual(await print(['has', 'there']), [0, 'true\n', ''])
    assert.deepEqual(await print(['del', 'there']), [0, 'true\n', ''])
    assert.deepEqual(await print(['has', 'there']), [1, 'false\n', ''])
    assert.deepEqual(await print(['del', 'there']), [1, 'false\n', ''])
  })

  test('list', async () => {
    await print(['set', 'listed', 'x'])
    const { stdout } = await call(['list'])
    assert.equal(JSON.parse(stdout).listed.hasValue, true)
  })

  test('a lease outlives the call that took it, and is released by name', async () => {
    assert.deepEqual(await print(['lease', 'accounts', 'w1']), [0, '1\n', ''])
    assert.deepEqual(await print(['lease', 'accounts', 'w2', '--ttl', '60000']), [0, '2\n', ''])
    assert.deepEqual(await print(['lease', 'accounts', 'w1']), [0, '1\n', ''])
    assert.deepEqual(await print(['lease', 'ports', 'w1']), [0, '1\n', ''])
    assert.deepEqual(await print(['release', 'w1', 'ports']), [0, 'true\n', ''])
    assert.deepEqual(await print(['release', 'w1', 'ports']), [1, 'false\n', ''])
    assert.deepEqual(await print(['release', 'w1']), [0, 'true\n', ''])
    assert.deepEqual(await print(['lease', 'accounts', 'w3']), [0, '1\n', ''])
    assert.deepEqual(await print(['release', 'nobody']), [1, 'false\n', ''])
  })

  test('incr', async () => {
    assert.deepEqual(await print(['incr', 'orders']), [0, '1\n', ''])
    assert.deepEqual(await print(['incr', 'orders', '5']), [0, '6\n', ''])
    assert.deepEqual(await print(['incr', 'orders', '-6']), [0, '0\n', ''])
    for (const word of ['five', '', ' ', '1e999']) assert.equal((await call(['incr', 'orders', word])).code, 2, word)
    assert.deepEqual(await print(['incr', 'orders', '-1']), [0, '-1\n', ''])
    await print(['incr', 'brief', '--ttl', '60000'])
    const { expires } = await withClient(broker.pipe, {}, async client => (await client.list()).brief)
    assert.ok(Number(expires) > Date.now() && Number(expires) <= Date.now() + 60_000)
  })

  test('append and collect', async () => {
    assert.deepEqual(await print(['collect', 'results']), [0, '[]\n', ''])
    assert.deepEqual(await print(['append', 'results', 'a', '{"not":"JSON here"}']), [0, '2\n', ''])
    assert.deepEqual(await print(['append', 'results', '--json', '{"ms":120}', 'null']), [0, '4\n', ''])
    assert.equal((await call(['append', 'results', '-'], { input: 'from input\n' })).stdout, '5\n')
    assert.equal((await call(['append', 'results', '--json', '{}', '{'])).code, 2)
    const { stdout } = await call(['collect', 'results'])
    assert.deepEqual(JSON.parse(stdout), ['a', '{"not":"JSON here"}', { ms: 120 }, null, 'from input'])
  })

  test('wait-for prints a value as soon as there is one', async () => {
    const waiting = run(['wait-for', 'later'], { env: { EPHEMERAL_PIPE: broker.pipe } })
    await withClient(broker.pipe, {}, async client => {
      while ((await client.inspect()).sessions.every(session => session.waits.length === 0));
      await client.set('later', false)
    })
    assert.deepEqual(await waiting.ended, { code: 0, signal: null, stdout: 'false\n', stderr: '' })
    const { code, stdout, stderr } = await call(['wait-for', 'never', '--wait', '20', '--json'])
    assert.deepEqual([code, stdout, JSON.parse(stderr).error], [3, '', 'timeout'])
  })

  test('ping, stats, health, metrics', async () => {
    assert.ok(Number((await call(['ping'])).stdout) > 0)
    assert.equal(typeof JSON.parse((await call(['stats'])).stdout).items, 'number')
    const health = await call(['health'])
    assert.deepEqual([health.code, JSON.parse(health.stdout).status], [0, 'healthy'])
    const metrics = await call(['metrics'])
    assert.match(metrics.stdout, /^# (HELP|TYPE) /)
    assert.doesNotMatch(metrics.stdout, /\n\n$/)
  })

  test('health is 1 when the broker is full, 3 when there is none', async () => {
    const full = await startAlone(['--max-items', '1'])
    assert.equal((await cli(['health', '--pipe', full.pipe])).code, 0)
    await withClient(full.pipe, {}, client => client.set('a', 1, 60_000))
    const outcome = await cli(['health', '--pipe', full.pipe])
    assert.deepEqual([outcome.code, JSON.parse(outcome.stdout).status], [1, 'degraded'])
    await full.stop()
    const gone = await cli(['--json', 'health', '--pipe', full.pipe, '--timeout', '100'])
    assert.deepEqual([gone.code, gone.stdout, JSON.parse(gone.stderr).error], [3, '', 'broker_unreachable'])
  })

  test('common options stand before the command or after it', async () => {
    await print(['set', 'a', 'x'])
    for (const args of [
      ['--pipe', broker.pipe, '--json', 'get', 'a'],
      ['get', 'a', '--pipe', broker.pipe, '--json'],
      ['get', '--json', '--pipe', broker.pipe, 'a']
    ]) {
      assert.equal((await cli(args)).stdout, '"x"\n')
    }
  })

  test('the secret: from the environment, from the option, missing, wrong', async () => {
    const guarded = await startAlone([], { env: { EPHEMERAL_SECRET: 's3cret' } })
    const health = ['health', '--pipe', guarded.pipe]
    assert.equal((await cli(health, { env: { EPHEMERAL_SECRET: 's3cret' } })).code, 0)
    assert.equal((await cli([...health, '--secret', 's3cret'])).code, 0)
    assert.equal((await cli(['--secret', 's3cret', ...health])).code, 0)
    for (const args of [health, [...health, '--secret', 'wrong']]) {
      const { code, stderr } = await cli([...args, '--json'])
      assert.deepEqual([code, JSON.parse(stderr).error], [3, 'auth_failed'])
    }
    assert.equal((await cli([...health, '--secret', ''])).code, 2)
    await guarded.stop()
  })

  test('a wrong call: 2', async () => {
    for (const args of [
      ['get'],
      ['get', 'a', 'b'],
      ['gett', 'a'],
      ['lease', 'a'],
      ['get', ''],
      ['lease', 'a', ''],
      ['ping', '--timeout', '0'],
      []
    ]) {
      const { code, stdout, stderr } = await call(args)
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.notEqual(stderr, '')
      assert.doesNotMatch(stderr, /^ +at /m)
    }
    const noPipe = await cli(['get', 'a'])
    assert.equal(noPipe.code, 2)
    assert.match(noPipe.stderr, /EPHEMERAL_PIPE/)
  })

  test('a reader that closes early is no error', async () => {
    await withClient(broker.pipe, {}, client => client.set('large', 'x'.repeat(200_000)))
    const reading = run(['get', 'large'], { env: { EPHEMERAL_PIPE: broker.pipe } })
    reading.child.stdout.destroy()
    assert.deepEqual(await reading.ended, { code: 0, signal: null, stdout: '', stderr: '' })
  })

  test('what is printed arrives whole, however slow the reader', async () => {
    const { stdout } = await call(['get', 'large'])
    assert.equal(stdout.length, 200_001)
  })
})

describe('lock', { timeout: 5 * timeout }, () => {
  /** @type {Awaited<ReturnType<typeof startAlone>>} */
  let broker
  /** @param {string[]} args @param {RunOptions} [options] */
  const lock = (args, options = {}) => run(['lock', ...args], { ...options, env: { EPHEMERAL_PIPE: broker.pipe, ...options.env } })
  /** @template T @param {(client: Client) => Promise<T>} use */
  const use = use => withClient(broker.pipe, {}, use)
  const free = (/** @type {string} */ name) =>
    use(async client => {
      const taken = await client.tryLock(name)
      await taken?.release()
      return taken !== null
    })

  before(async () => {
    broker = await startAlone()
  })
  after(() => broker.stop())

  test('holds it while the command runs, and ends with its exit code', async () => {
    const running = lock(['a', '--', ...js(LISTENS)])
    await running.says('ready')
    assert.equal(await free('a'), false)
    running.child.kill('SIGTERM')
    assert.equal((await running.ended).code, 5)
    assert.equal(await free('a'), true)
    for (const code of [0, 1, 7]) {
      assert.equal((await lock(['a', '--wait', '0', '--', ...js(`process.exit(${code})`)]).ended).code, code)
      // At once: it was released before the command line ended.
      assert.equal(await free('a'), true)
    }
  })

  test('only one runs at a time, in the order in which they came', async () => {
    await use(async client => {
      const first = await client.lock('order')
      const file = path.join(folder, 'order.txt')
      const all = []
      for (const name of ['b', 'c', 'd']) {
        all.push(lock(['order', '--', ...js(`require('node:fs').appendFileSync(${JSON.stringify(file)}, '${name}')`)]).ended)
        const waiting = async () => (await client.inspect()).sessions.filter(session => session.waits.length > 0).length
        while ((await waiting()) < all.length);
      }
      await first.release()
      for (const { code } of await Promise.all(all)) assert.equal(code, 0)
      assert.equal(fs.readFileSync(file, 'utf8'), 'bcd')
      fs.rmSync(file)
    })
  })

  test('--shared runs together with others that share', async () => {
    await use(async client => {
      const reading = await client.lock('schema', { shared: true })
      assert.equal((await lock(['schema', '--shared', '--wait', '0', '--', ...js('')]).ended).code, 0)
      const refused = await lock(['schema', '--wait', '0', '--json', '--', ...js('')]).ended
      assert.deepEqual([refused.code, JSON.parse(refused.stderr).error], [3, 'timeout'])
      await reading.release()
    })
  })

  test('others see what the lock is held for', async () => {
    const running = lock(['seen', '--', ...js(LISTENS)])
    await running.says('ready')
    await assert.rejects(
      use(client => client.lock('seen', { wait: 0 })),
      (/** @type {any} */ error) => {
        assert.match(error.message, new RegExp(`command line, pid ${running.child.pid}`))
        assert.ok(error.message.includes(NODE), error.message)
        assert.ok(!error.message.includes('SIGHUP'), 'arguments may be secret')
        return error.code === 'timeout'
      }
    )
    running.child.kill('SIGTERM')
    await running.ended
  })

  test('the command finds the broker, by --pipe too', async () => {
    const script = 'console.log(process.env.EPHEMERAL_PIPE)'
    const outcome = await run(['lock', 'a', '--pipe', broker.pipe, '--', ...js(script)]).ended
    assert.equal(outcome.stdout, `${broker.pipe}\n`, outcome.stderr)
  })

  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    test(`${signal} is passed on, and while it waits ends the wait`, unixOnly, async () => {
      const running = lock(['signals', '--', ...js(LISTENS)])
      await running.says('ready')
      const waiting = lock(['signals', '--', ...js('console.log("never")')])
      await use(async client => {
        while ((await client.inspect()).sessions.every(session => session.waits.length === 0));
      })
      waiting.child.kill(signal)
      assert.deepEqual(await waiting.ended, { code: 128 + os.constants.signals[signal], signal: null, stdout: '', stderr: '' })
      running.child.kill(signal)
      const { code, stdout } = await running.ended
      assert.deepEqual([code, stdout.split('\n')[1]], [5, `got ${signal}`])
      assert.equal(await free('signals'), true)
    })
  }

  test('killed itself, it holds nothing any more', unixOnly, async () => {
    const running = lock(['killed', '--', ...js(LISTENS)])
    await running.says('ready')
    running.child.kill('SIGKILL')
    await use(async client => (await client.lock('killed')).release())
    assert.match((await running.ended).stdout, /got SIGTERM/)
  })

  test('when the broker goes, it says so, and the command goes on', unixOnly, async () => {
    const other = await startAlone()
    const running = run(['lock', 'a', '--pipe', other.pipe, '--', ...js(LISTENS)])
    await running.says('ready')
    const hint = once(running.child.stderr, 'data')
    await other.stop()
    await hint
    running.child.kill('SIGTERM')
    const { code, stderr } = await running.ended
    assert.equal(code, 5)
    assert.match(stderr, /^ephemeral-broker: lost: .*\n$/)
  })

  test('a command that is not there: 127, and the lock is free', async () => {
    const { code, stderr } = await lock(['a', '--', 'no-such-command-anywhere']).ended
    assert.equal(code, 127, stderr)
    assert.equal(await free('a'), true)
  })

  test('a wrong call: 2', async () => {
    for (const args of [[], ['a'], ['a', '--'], ['a', NODE], ['a', '--wait', 'x', '--', NODE], ['', '--', NODE]]) {
      const { code, stdout, stderr } = await lock(args).ended
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.notEqual(stderr, '')
    }
    assert.match((await lock(['a', NODE]).ended).stderr, /put "--" before the command/)
    assert.equal((await run(['lock', 'a', '--', NODE]).ended).code, 2)
    const gone = await lock(['a', '--timeout', '100', '--', NODE], { env: { EPHEMERAL_PIPE: path.join(folder, 'nobody') } }).ended
    assert.equal(gone.code, 3)
  })
})

describe('help', { timeout: 5 * timeout }, () => {
  test('tells what it is, how to begin, and the exit codes', async () => {
    const { code, stdout } = await cli(['--help'])
    assert.equal(code, 0)
    for (const text of ['start -- npx jest', 'EPHEMERAL_PIPE', 'Exit codes', 'parallel test workers'])
      assert.ok(stdout.includes(text), text)
    assert.deepEqual(
      stdout.split('\n').filter(line => line.length > 80),
      []
    )
  })

  test('each command has its own', async () => {
    const names = ['start', 'status', 'lock', 'get', 'set', 'del', 'has', 'list', 'lease', 'release']
    for (const name of [...names, 'incr', 'append', 'collect', 'wait-for', 'ping', 'stats', 'health', 'metrics']) {
      const { code, stdout } = await cli([name, '--help'])
      assert.equal(code, 0)
      assert.match(stdout, new RegExp(`^Usage: ephemeral-broker ${name} `))
      assert.deepEqual(
        stdout.split('\n').filter(line => line.length > 80),
        []
      )
    }
  })

  test('--version', async () => {
    assert.equal((await cli(['--version'])).stdout, `${require('../package.json').version}\n`)
  })
})

describe('defects of others', { timeout: 5 * timeout }, () => {
  test('defect 04: options that are not given never override the environment', async () => {
    const broker = await startAlone([], { env: { EPHEMERAL_SECRET: 's3cret', BROKER_MAX_ITEMS: '1', BROKER_REQUIRE_TTL: 'false' } })
    await assert.rejects(
      withClient(broker.pipe, { secret: false }, client => client.has('a')),
      { code: 'auth_failed' }
    )
    await withClient(broker.pipe, { secret: 's3cret' }, async client => {
      assert.equal(await client.set('a', 1), true)
      await assert.rejects(client.set('b', 1), { code: 'max_items' })
    })
    await broker.stop()
  })

  test('defect 05: --ttl and --max-items mean what they say', { timeout }, async () => {
    const broker = await startAlone(['--no-require-ttl', '--ttl', '5000', '--max-items', '2'])
    await withClient(broker.pipe, {}, async client => {
      const asked = Date.now()
      await client.set('a', 1)
      const left = Number((await client.list()).a.expires) - asked
      // A millisecond for rounding on either side.
      assert.ok(left >= 4999 && left <= 5001 + Date.now() - asked, `${left} ms`)
      await client.set('b', 1)
      await assert.rejects(client.set('c', 1), { code: 'max_items' })
    })
    await broker.stop()

    const brief = await startAlone(['--no-require-ttl', '--ttl', '100'])
    await withClient(brief.pipe, {}, async client => {
      const asked = performance.now()
      await client.set('a', 1)
      while (await client.has('a'));
      assert.ok(performance.now() - asked >= 99, `${performance.now() - asked} ms`)
      await assert.rejects(client.get('a'), { code: 'expired' })
    })
    await brief.stop()
  })

  test('defect 11: a command that a signal ends is no success', unixOnly, async () => {
    for (const [name, number] of Object.entries({ SIGKILL: 9, SIGTERM: 15, SIGSEGV: 11 })) {
      assert.equal((await cli(['start', '--', 'sh', '-c', `kill -s ${name.slice(3)} $$`])).code, 128 + number)
    }
  })

  test('defect 11: a missing command leaves no socket', async () => {
    const { code, stdout, stderr } = await cli(['start', '--', 'no-such-command-anywhere', '--flag'])
    assert.equal(code, 127)
    assert.equal(stdout, '')
    assert.equal(stderr, 'ephemeral-broker: cannot run "no-such-command-anywhere": there is no such command\n')
    assert.deepEqual(leftovers(), [])
  })
})

/**
 * @template T
 * @param {string} pipe
 * @param {import('..').ClientOptions} options
 * @param {(client: Client) => Promise<T>} use
 */
async function withClient(pipe, options, use) {
  const client = new Client(pipe, options)
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
