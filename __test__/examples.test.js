// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readdirSync, readFileSync } = require('node:fs')
const path = require('node:path')
const { createInterface } = require('node:readline')
const { text } = require('node:stream/consumers')
const { afterEach, before, beforeEach, describe, it } = require('node:test')
const { Broker, Client } = require('..')
const { complaint, examples, folderOf, leased, missingBrowser, npm, reported, run } = require('../scripts/demo.js')
const { installDependencies } = require('../scripts/setup.js')
const { until } = require('./support/index.js')

const MINUTE = 60_000

/** @param {{ code: number, output: string }} result */
function assertFiveWorkers({ code, output }) {
  assert.equal(code, 0, output)
  const workers = leased(output)
  assert.equal(complaint(workers), undefined, output)
  assert.deepEqual(
    workers.map(worker => worker.number),
    [1, 2, 3, 4, 5],
    output
  )
}

/**
 * What the broker saw: tests in all five workers, a pool used in full by those who waited for it, and nothing that was not released.
 * @param {string} output
 * @param {Array<string | RegExp>} expected lines among those that the run ends with
 */
function assertReported(output, expected) {
  const lines = reported(output)
  for (const one of [...expected, 'broker: 0 were not released']) {
    assert.ok(
      lines.some(line => (typeof one === 'string' ? line === one : one.test(line))),
      `no line says ${one}:\n${output}`
    )
  }
}

/**
 * The lines of a text without indentation, empty lines, and commas at their end: what is left when code is put into a larger piece of code.
 * @param {string} text
 */
const bareLines = text =>
  text
    .split(/\r?\n/)
    .map(line => line.trim().replace(/,$/, ''))
    .filter(Boolean)

/**
 * Whether a file has these lines, in this order, other lines between them or not.
 * @param {string[]} lines
 * @param {string[]} file
 */
function contains(file, lines) {
  let at = 0
  for (const line of file) if (line === lines[at]) at += 1
  return at === lines.length
}

/**
 * An example's own files.
 * @param {string} folder
 * @returns {string[]}
 */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const file = path.join(folder, entry.name)
    // What is installed is no source, and among it a link leads back to the package, and so into here again.
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(file)
    return /\.(?:[jt]s|json)$/.test(entry.name) && entry.name !== 'package-lock.json' ? [file] : []
  })
}

for (const { folder } of examples) {
  it(`every snippet on the page of ${folder} is part of it`, () => {
    const readme = readFileSync(path.join(folderOf(folder), 'README.md'), 'utf8')
    const snippets = [...readme.matchAll(/```(?:javascript|typescript|json)\n([\s\S]*?)```/g)].map(([, code]) => bareLines(code))
    assert.ok(snippets.length >= 4)
    const files = sources(folderOf(folder)).map(file => bareLines(readFileSync(file, 'utf8')))
    for (const snippet of snippets) {
      assert.ok(
        files.some(file => contains(file, snippet)),
        `no file has these lines in this order:\n${snippet.join('\n')}`
      )
    }
  })

  it(`${folder} names no host but the public registry in its lock file`, () => {
    const lock = JSON.parse(readFileSync(path.join(folderOf(folder), 'package-lock.json'), 'utf8'))
    for (const [name, { resolved }] of Object.entries(lock.packages)) {
      if (resolved !== undefined) assert.match(resolved, /^(?:https:\/\/registry\.npmjs\.org\/.*|\.\.\/\.\.)$/, name)
    }
  })
}

describe('python', () => {
  const found = spawnSync('python3', ['--version']).status === 0
  if (!found && process.env.CI) assert.fail('python3 is missing')
  const options = { skip: !found && 'python3 is missing', timeout: MINUTE }

  /** @type {Broker} */
  let broker
  /** @type {Client} */
  let client

  beforeEach(async () => {
    broker = new Broker({ requireTTL: false })
    await broker.start()
    client = new Client(broker.pipe)
  })
  afterEach(() => broker.stop())

  /**
   * Starts a script; its lines are JSON.
   * @param {string} script
   * @param {string[]} args
   */
  function python(script, ...args) {
    const child = broker.spawn(
      'python3',
      ['-c', `import json, sys\nfrom ephemeral_broker import BrokerError, Client\n${script}`, ...args],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { ...process.env, PYTHONPATH: folderOf('python'), PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', PYTHONUNBUFFERED: '1' }
      }
    )
    const { stdout, stderr } = /** @type {import('node:child_process').ChildProcessWithoutNullStreams} */ (child)
    /** @type {Promise<string>} */
    const errors = text(stderr)
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    /** The next line. @returns {Promise<any>} */
    const next = async () => {
      const { value, done } = await lines.next()
      if (done) assert.fail(`no more lines: ${await errors}`)
      return JSON.parse(value)
    }
    return { child, next }
  }

  it('has what coordinates, as Node has it', options, async () => {
    const { next } = python(`
def code_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except BrokerError as error:
        return error.code

with Client(name="snake") as client:
    client.describe("test_all")
    print(json.dumps(client.define_pool("users", [{"name": "ann", "role": "admin"}, {"name": "bob", "role": "user"}])))
    with client.acquire("users", match={"role": "user"}) as user:
        with Client() as other:
            print(json.dumps([user.value, user.number, code_of(other.acquire, "users", match={"role": "user"}, wait=0)]))
    print(json.dumps([code_of(client.acquire, "nothing"), code_of(client.acquire, "users", match={"role": "guest"})]))
    broken = client.acquire("users")
    print(json.dumps([broken.discard("locked out"), broken.release(), client.acquire("users").value]))

    lock = client.lock("schema", shared=True)
    with Client() as other:
        shared = other.lock("schema", shared=True, wait=0)
        print(json.dumps([code_of(other.lock, "browsers", wait=0), shared.release(), code_of(other.lock, "schema", wait=0)]))
    print(json.dumps([lock.release(), lock.release()]))
    with client.semaphore("browsers", 3, amount=2), client.semaphore("other browsers", 3):
        with Client() as other:
            print(json.dumps([code_of(other.semaphore, "browsers", 3, amount=2, wait=0), code_of(other.semaphore, "browsers", 4)]))

    def fails():
        raise ValueError("no")

    try:
        client.once("token", fails)
    except ValueError as error:
        print(json.dumps(str(error)))
    print(json.dumps([client.once("token", lambda: {"a": None}, ttl=60_000), client.once("token", fails), client.get("token")]))
    print(json.dumps([client.incr("n"), client.incr("n", 5), client.append("list", "a", {"b": 1}), code_of(client.throttle, "api")]))
    client.describe(None)
`)
    assert.equal(await next(), 2)
    assert.deepEqual(await next(), [{ name: 'bob', role: 'user' }, 2, 'pool_exhausted'])
    assert.deepEqual(await next(), ['not_found', 'no_match'])
    assert.deepEqual(await next(), [true, false, { name: 'bob', role: 'user' }])
    assert.deepEqual(await next(), [null, true, 'timeout'])
    assert.deepEqual(await next(), [true, false])
    assert.deepEqual(await next(), ['timeout', 'mismatch'])
    assert.equal(await next(), 'no')
    assert.deepEqual(await next(), [{ a: null }, { a: null }, { a: null }])
    assert.deepEqual(await next(), [1, 6, 2, 'not_found'])
    assert.deepEqual(await broker.collect('list'), ['a', { b: 1 }])
  })

  it('waits in one line with workers in Node, and longer than a request may take', options, async () => {
    const mine = await client.lock('schema')
    const { child, next } = python(`
with Client(name="snake", timeout=300) as client:
    client.describe("test_waiting")
    with client.lock("schema") as lock:
        print(json.dumps(lock.token))
        sys.stdin.read()
    print(json.dumps(client.once("token", lambda: "python's")))
`)
    /** @type {import('..').Inspection['sessions'][number] | undefined} */
    let snake
    await until(async () => {
      snake = (await client.inspect()).sessions.find(({ name }) => name === 'snake')
      return (snake?.waits[0]?.waited ?? 0) > 500
    })
    assert.equal(snake?.test, 'test_waiting')
    assert.equal(snake?.pid, child.pid)
    await mine.release()
    assert.ok((await next()) > mine.token)

    await assert.rejects(client.lock('schema', { wait: 0 }), { code: 'timeout', message: /snake.*'test_waiting'/ })
    const again = client.lock('schema')
    assert.equal(await client.once('token', () => "Node's"), "Node's")
    child.stdin?.end()
    await (await again).release()
    assert.equal(await next(), "Node's")
  })

  it('gives back at once what a killed worker held', options, async () => {
    const { child, next } = python(`
client = Client()
client.define_pool("accounts", 1)
lease, lock = client.acquire("accounts"), client.lock("schema")
print(json.dumps(lease.number))
client.once("token", sys.stdin.read)
`)
    assert.equal(await next(), 1)
    const waiting = Promise.all([client.acquire('accounts'), client.lock('schema'), client.once('token', () => "Node's")])
    await until(async () => (await client.inspect()).sessions.some(({ waits }) => waits.length === 3))
    child.kill('SIGKILL')
    const [lease, lock, token] = await waiting
    assert.deepEqual([lease.number, token], [1, "Node's"])
    await lease.release()
    await lock.release()
  })
})

describe('jest-parallel', () => {
  before(() => installDependencies(folderOf('jest-parallel')), { timeout: 5 * MINUTE })

  it('gives five workers a number each', { timeout: 3 * MINUTE }, async () => {
    const result = await run('jest-parallel')
    assertFiveWorkers(result)
    const passed = Number(/^Tests:.*\b(\d+) passed/m.exec(result.output)?.[1])
    assert.ok(passed > 0)
    // Each test sent its time, whatever worker it ran in.
    assertReported(result.output, [
      new RegExp(`^broker: ${passed} tests sent their times, at most \\d+ ms, in '.+'$`),
      /^broker: at most [1-3] of 3 databases were in use$/
    ])
  })

  // Jest remembers how long files took, and runs quick ones in one process the next time. With a secret, as its page advises for CI.
  it('does so again when it was run before, and with a secret', { timeout: 3 * MINUTE }, async () => {
    const result = await run('jest-parallel', { env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assertFiveWorkers(result)
    assert.doesNotMatch(result.output, /spoken-by-nobody/)
  })

  it('shows what broker and client do when it is debugged', { timeout: 3 * MINUTE }, async () => {
    const { code, output } = await run('jest-parallel', { script: 'debug', env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assert.equal(code, 0, output)
    assert.match(output, /Pipe: \S+/)
    assert.match(output, /\[broker\] started/)
    assert.match(output, /\[client\] .*\bping\b/)
    assert.match(output, /Broker ping: [\d.]+ ms/)
    assert.doesNotMatch(output, /spoken-by-nobody/)
  })
})

describe('jest-typescript', () => {
  before(() => installDependencies(folderOf('jest-typescript')), { timeout: 5 * MINUTE })

  it('has no type errors', { timeout: 3 * MINUTE }, async () => {
    const { code, output } = await npm(['run', 'typecheck'], { cwd: folderOf('jest-typescript') })
    assert.equal(code, 0, output)
  })

  it('gives five workers a number each', { timeout: 3 * MINUTE }, async () => {
    const result = await run('jest-typescript')
    assertFiveWorkers(result)
    assertReported(result.output, ['broker: at most 5 of 10 accounts were in use'])
    const visits = reported(result.output).filter(line => line.includes(' signed in as user-'))
    assert.equal(new Set(visits).size, 5, result.output)
  })

  it('does so again when it was run before', { timeout: 3 * MINUTE }, async () => {
    assertFiveWorkers(await run('jest-typescript'))
  })
})

describe('wdio-basic', () => {
  /** @type {string | undefined} */
  let missing

  before(
    async () => {
      missing = await missingBrowser()
      // On a developer's machine a browser may be missing; on CI it has to be there.
      assert.ok(!missing || !process.env.CI, missing)
      if (!missing) installDependencies(folderOf('wdio-basic'))
    },
    { timeout: 5 * MINUTE }
  )

  it('gives five browsers an account each', { timeout: 5 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const result = await run('wdio-basic')
    assertFiveWorkers(result)
    assertReported(result.output, [/^broker: \d+ tests sent their times, /, /^broker: at most [1-5] of 10 accounts were in use$/])
  })

  it('shows what broker and client do when it is debugged, with a secret', { timeout: 5 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const { code, output } = await run('wdio-basic', { script: 'debug', env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assert.equal(code, 0, output)
    assert.match(output, /Broker ping: [\d.]+ ms/)
    assert.doesNotMatch(output, /spoken-by-nobody/)
  })
})
