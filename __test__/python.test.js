// @ts-check
'use strict'

/** Workers in Python on our broker: the example client, and one that a reader of PROTOCOL.md writes in fifteen lines. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { afterEach, beforeEach, describe, test } = require('node:test')
const { Broker, Client } = require('..')

const EXAMPLES = path.join(__dirname, '..', 'examples', 'python')

const found = spawnSync('python3', ['--version']).status === 0
if (!found && process.env.CI) assert.fail('python3 is missing')
const options = { skip: !found && 'python3 is missing', timeout: 60_000 }

/** @type {Broker} */
let broker

/**
 * A Python process on the broker of the test. Its lines are JSON.
 * @param {string} script
 * @param {{ args?: string[], env?: Record<string, string> }} [options]
 */
function python(script, { args = [], env = {} } = {}) {
  const child = broker.spawn('python3', ['-c', script, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: EXAMPLES, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', PYTHONUNBUFFERED: '1', ...env }
  })
  const { stdout, stderr } = /** @type {import('node:child_process').ChildProcessWithoutNullStreams} */ (child)
  let output = ''
  let errors = ''
  stdout.setEncoding('utf8').on('data', text => (output += text))
  stderr.setEncoding('utf8').on('data', text => (errors += text))
  const closed = once(child, 'close')
  const parsed = () =>
    output
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  return {
    child,
    /** Resolves with the first line. */
    async started() {
      while (!output.includes('\n')) {
        await Promise.race([once(stdout, 'data'), closed.then(() => assert.ok(output.includes('\n'), errors))])
      }
      return parsed()[0]
    },
    /** Resolves with all lines when the process has ended well. */
    async lines() {
      const [code] = await closed
      assert.equal(code, 0, errors)
      return parsed()
    },
    closed
  }
}

const EVERYTHING = `
import json
from ephemeral_broker import BrokerError, Client

def code_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except BrokerError as error:
        assert str(error).startswith(error.code), error
        return error.code

with Client() as client:
    value = {"text": "ü€😀\\n\\"", "list": [1, 2.5, None, True], "deep": {"er": []}}
    client.set("a", value, ttl=60_000)
    assert client.get("a") == value
    assert client.has("a") is True and client.has("b") is False
    client.set("none", None, ttl=60_000)
    assert client.get("none") is None
    entry = client.list()["a"]
    assert entry["hasValue"] is True and entry["expires"] > 1e12
    assert client.delete("a") is True and client.delete("a") is False
    assert code_of(client.get, "a") == "not_found"
    assert code_of(client.set, "a", 1) == "ttl_required"
    assert code_of(client.set, "a", 1, ttl=-1) == "invalid_ttl"
    assert code_of(client.set, "a", "x" * 300_000, ttl=1) == "too_large"
    assert code_of(client.get, "") == "key_required"

    assert client.lease("accounts", "w1") == 1
    assert client.lease("accounts", "w2", ttl=60_000) == 2
    assert client.lease("accounts", "w1") == 1
    assert client.lease("ports", "w1") == 1
    assert client.release("w1", "ports") is True and client.release("w1", "ports") is False
    assert client.release("w1") is True and client.release("nobody") is False
    assert client.lease("accounts", "w3", ttl=60_000, detached=True) == 1

    assert client.ping() > 1e12
    assert client.stats()["leases"] == 2
    assert client.health()["status"] == "healthy"
    assert "# TYPE" in client.metrics()

client.close()
assert code_of(client.ping) == "closed"
print(json.dumps("done"))`

describe('a worker in Python', options, () => {
  beforeEach(async () => {
    broker = new Broker({ secret: false })
    await broker.start()
  })
  afterEach(() => broker.stop())

  test('every operation', async () => {
    assert.deepEqual(await python(EVERYTHING).lines(), ['done'])
    const client = new Client(broker.pipe)
    // What the session held is given back; what was detached is kept.
    assert.equal((await client.stats()).leases, 1)
    assert.equal(await client.lease('accounts', 'w9'), 2)
    await client.close()
  })

  test('every operation, with a secret', async () => {
    await broker.stop()
    broker = new Broker({ secret: true })
    await broker.start()
    assert.deepEqual(await python(EVERYTHING).lines(), ['done'])
  })

  test('a wrong secret, and none, where one is asked for', async () => {
    await broker.stop()
    broker = new Broker({ secret: 'right' })
    await broker.start()
    const script = `
import json, os
from ephemeral_broker import BrokerError, Client
del os.environ["EPHEMERAL_SECRET"]
for secret in ["wrong", None, "right"]:
    try:
        print(json.dumps(Client(secret=secret).has("a")))
    except BrokerError as error:
        print(json.dumps(error.code))`
    assert.deepEqual(await python(script).lines(), ['auth_failed', 'auth_failed', false])
  })

  test('what a killed worker held is given back at once', async () => {
    const script = `
import json, os, sys
from ephemeral_broker import Client
client = Client(name="the killed one")
print(json.dumps([client.lease("accounts", "w1"), client.lease("ports", "w1"), client.lease("accounts", "w2", ttl=600_000)]))
sys.stdin.read()`
    const worker = python(script)
    assert.deepEqual(await worker.started(), [1, 1, 2])
    const client = new Client(broker.pipe)
    assert.equal(await client.lease('accounts', 'node'), 3)

    const lost = once(broker, 'workerLost')
    worker.child.kill('SIGKILL')
    /** @type {import('..').BrokerEvents['workerLost']} */
    const [{ name, pid, leases }] = /** @type {any} */ (await lost)
    assert.equal(name, 'the killed one')
    assert.equal(pid, worker.child.pid)
    assert.deepEqual(leases.map(({ key, workerId, number }) => `${key} ${workerId} ${number}`).sort(), [
      'accounts w1 1',
      'accounts w2 2',
      'ports w1 1'
    ])
    assert.equal(await client.lease('accounts', 'other'), 1)
    await client.close()
  })

  test('parallel workers in Python and Node have numbers of their own', async () => {
    const script = `
import json, os, sys
from ephemeral_broker import Client
with Client() as client:
    print(json.dumps([client.lease("accounts", f"{os.getpid()}-{n}") for n in range(3)]))
    sys.stdin.read()`
    const workers = Array.from({ length: 5 }, () => python(script))
    const clients = Array.from({ length: 5 }, () => new Client(broker.pipe))
    const numbers = await Promise.all([
      ...workers.map(worker => worker.started()),
      ...clients.map((client, index) => Promise.all([0, 1, 2].map(n => client.lease('accounts', `node-${index}-${n}`))))
    ])
    assert.deepEqual(
      numbers.flat().sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, index) => index + 1)
    )
    for (const worker of workers) worker.child.stdin?.end()
    await Promise.all(workers.map(worker => worker.lines()))
    await Promise.all(clients.map(client => client.close()))
  })

  test('what a test forgot is given back and noted with its title; what is kept is not', async () => {
    const script = `
import json
from ephemeral_broker import Client
with Client(name="worker-1") as client:
    client.define_pool("accounts", 5)
    before = client.acquire("accounts")
    with client.test("a long title" + "ü" * 1000) as leaks:
        client.acquire("accounts")
        kept = client.acquire("accounts").keep()
        client.acquire("accounts").release()
        client.acquire("accounts").discard()
        client.lock("schema")
        client.lease("ports", "me")
        client.lease("ports", "released")
        client.release("released")
        slot = client.slot()
        print(json.dumps(leaks))
    print(json.dumps([[leak["kind"], leak["name"], leak["number"]] for leak in leaks]))
    print(json.dumps([slot, client.slot(), before.release(), kept.release()]))
    kept = client.acquire("accounts").keep()
    outside = client.acquire("accounts")`
    const lines = await python(script).lines()
    assert.deepEqual(lines, [
      [],
      [
        ['pool', 'accounts', 2],
        ['lock', 'schema', null],
        ['pool', 'ports', 1]
      ],
      [1, 1, true, true]
    ])
    const { leaked, leakedCount } = await broker.stop()
    assert.equal(leakedCount, 3)
    assert.deepEqual(
      leaked.map(({ worker }) => worker),
      ['worker-1', 'worker-1', 'me']
    )
    for (const { test } of leaked) assert.match(String(test), /^a long titleü+$/)
  })

  test('what no session holds cannot leak or be kept; what one holds that does not say bye was forgotten', async () => {
    const script = `
import json
from ephemeral_broker import Client
other = Client(name="other")
lock = other.lock("a")
with Client(name="worker-1") as client:
    for token in [lock.token, 999]:
        print(json.dumps([client._request("leak", token=token)["leak"], client._request("keep", token=token)["kept"]]))
    print(json.dumps(client._request("keep", token=client.lock("b").token)["kept"]))
print(json.dumps(lock.release()))
other.lock("c")
other.lock("d").keep()
with Client(name="orderly") as orderly:
    orderly.lock("e")`
    assert.deepEqual(await python(script).lines(), [[null, false], [null, false], true, true])
    const { leaked } = await broker.stop()
    assert.deepEqual(
      leaked.map(({ kind, name, number, worker, test }) => [kind, name, number, worker, test]),
      [['lock', 'c', null, 'other', null]]
    )
  })

  test('a wait that is broken off takes nothing, and the client goes on', async () => {
    const script = `
import json, select, signal
from ephemeral_broker import BrokerError, Client

class Impatience(BaseException):
    pass

def lose_patience(*_):
    raise Impatience

def broken_off(call):
    try:
        call()
    except Impatience:
        return True

client, other = Client(), Client()
client.define_pool("one", 1)
held = other.acquire("one")
signal.signal(signal.SIGALRM, lose_patience)
signal.setitimer(signal.ITIMER_REAL, 0.1)
print(json.dumps(broken_off(lambda: client.acquire("one", wait=None))))
held.release()
other.acquire("one", wait=0).release()

# It was granted when patience ended: the reply is on its way.
read = client._read
def late():
    select.select([client._socket], [], [], 10)
    client._read = read
    raise Impatience
client._read = late
print(json.dumps(broken_off(lambda: client.acquire("one"))))
other.acquire("one", wait=0).release()
print(json.dumps(client.acquire("one", wait=0).release()))`
    assert.deepEqual(await python(script).lines(), [true, true, true])
  })

  test('values and workers that others wait for', async () => {
    const script = `
import json
from ephemeral_broker import Client
with Client() as client:
    print(json.dumps([client.wait_for("greeting"), client.barrier("start", 2)]))`
    const worker = python(script)
    const client = new Client(broker.pipe)
    await client.set('greeting', 'hello', 60_000)
    const index = await client.barrier('start', 2)
    assert.deepEqual(await worker.lines(), [['hello', 1 - index]])
    await client.close()
  })

  test('another process may not release a lease', async () => {
    const client = new Client(broker.pipe)
    await client.lease('accounts', 'mine')
    const script = `
import json
from ephemeral_broker import BrokerError, Client
with Client() as client:
    for call in [lambda: client.release("mine"), lambda: client.lease("accounts", "mine")]:
        try:
            call()
        except BrokerError as error:
            print(json.dumps(error.code))`
    assert.deepEqual(await python(script).lines(), ['not_owner', 'not_owner'])
    await client.close()
  })

  test('reads what Node compressed, and only so much of it', async () => {
    const client = new Client(broker.pipe, { compression: true, compressionThreshold: 10 })
    const value = { text: 'ü'.repeat(50_000) }
    await client.set('compressed', value, 60_000)
    await client.close()
    const script = `
import base64, gzip, json
from ephemeral_broker import BrokerError, Client
with Client() as client:
    print(json.dumps(client.get("compressed")))

    def put(text):
        client._request("set", key="z", value=text, compressed=True, ttl=60_000)
        return client.get("z")

    def code_of(text):
        try:
            return client._inflate(text)
        except BrokerError as error:
            return error.code

    good = gzip.compress(b'{"a": 1}')
    print(json.dumps(put(base64.b64encode(good).decode())))
    # A broker refuses these; a client must not trust in that.
    print(json.dumps(code_of(base64.b64encode(gzip.compress(b"0" * 50_000_000)).decode())))
    print(json.dumps(code_of(base64.b64encode(good[:-4]).decode())))
    print(json.dumps(code_of("no base64")))`
    assert.deepEqual(await python(script).lines(), [value, { a: 1 }, 'too_large', 'invalid_value', 'invalid_value'])
  })

  test('no broker, no pipe, a broker that stops', async () => {
    const script = `
import json, os, sys
from ephemeral_broker import BrokerError, Client

def code_of(call):
    try:
        call()
    except BrokerError as error:
        return error.code

client = Client()
os.environ["EPHEMERAL_PIPE"] = ""
print(json.dumps([code_of(Client), code_of(lambda: Client("/nowhere/at/all"))]))
sys.stdin.read()
print(json.dumps([code_of(client.ping), code_of(client.ping), client.close()]))`
    const worker = python(script)
    assert.deepEqual(await worker.started(), ['no_pipe', 'broker_unreachable'])
    await broker.stop()
    worker.child.stdin?.end()
    assert.deepEqual((await worker.lines())[1], ['connection_closed', 'closed', null])
  })

  test('the example', async () => {
    const child = broker.spawn('python3', [path.join(EXAMPLES, 'example.py')], {
      stdio: 'pipe',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    })
    let output = ''
    child.stdout?.on('data', text => (output += text))
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
    const [worker] = output.split(' ')
    assert.equal(worker, `worker-${child.pid}`)
    assert.equal(output, `${worker} works as test-user-1\n${worker} uses token-of-${worker}\n`)
  })

  test('fifteen lines from PROTOCOL.md', async () => {
    const script = `
import json, os, socket

broker = socket.socket(socket.AF_UNIX)
broker.connect(os.environ["EPHEMERAL_PIPE"])
lines = broker.makefile("rw", encoding="utf-8", newline="\\n")

def ask(**request):
    lines.write(json.dumps(request) + "\\n")
    lines.flush()
    return json.loads(lines.readline())

ask(action="hello", protocol=1, pid=os.getpid(), name="raw")
print(json.dumps(ask(action="lease", key="accounts", workerId="me")["value"]))
print(json.dumps(ask(id=7, action="set", key="a", value="b", ttl=1000)))
print(json.dumps(ask(id="x", action="get", key="c")["error"]))`
    assert.deepEqual(await python(script).lines(), [1, { id: 7, ok: true }, 'not_found'])
    // The socket closed when Python ended: its number is free.
    const client = new Client(broker.pipe)
    assert.equal(await client.lease('accounts', 'next'), 1)
    await client.close()
  })
})
