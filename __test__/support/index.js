// @ts-check
'use strict'

/** What several tests need: brokers and clients that end with their test, raw connections, other processes, and waiting for what must happen. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const crypto = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: delay } = require('node:timers/promises')

// What brokers and clients read must come from the test alone, before they are loaded.
for (const name of Object.keys(process.env)) if (/^(EPHEMERAL|BROKER|CLIENT)_/.test(name)) delete process.env[name]

const { Broker, Client, BrokerError } = require('../..')

const ROOT = path.join(__dirname, '..', '..')
const isWindows = process.platform === 'win32'
const isRoot = process.getuid?.() === 0
/** Somebody else. */
const NOBODY = 65534
/** For `test`: only where there are Unix sockets, signals and users. */
const unixOnly = { skip: isWindows && 'for Unix' }
/** For `test`: it acts as another user. */
const rootOnly = { skip: !isRoot && 'needs root' }

/** @typedef {{ after: (end: () => unknown) => void }} Scope a test, which ends */

/**
 * A folder for sockets, in place of the system's, so that what is left in it is the test's own. Everybody may look into it: what keeps others out
 * of a broker must be the broker's own doing.
 * @param {Scope} scope
 */
function useFolder(scope) {
  const before = process.env.TMPDIR
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'eb-'))
  fs.chmodSync(folder, 0o1777)
  process.env.TMPDIR = folder
  scope.after(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    fs.rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/**
 * @param {Scope} scope
 * @param {import('../..').BrokerOptions} [options]
 */
async function startBroker(scope, options) {
  const broker = new Broker({ requireTTL: false, ...options })
  await broker.start()
  scope.after(() => broker.stop())
  return broker
}

/**
 * @param {Scope} scope
 * @param {string} pipe
 * @param {import('../..').ClientOptions} [options]
 */
function connect(scope, pipe, options) {
  const client = new Client(pipe, options)
  scope.after(() => client.close())
  return client
}

/** A connection that says what it is told to, and hands out what comes back line by line. */
class Raw {
  /** @type {Buffer[]} */
  #parts = []
  /** @type {string[]} */
  #lines = []
  /** @type {Array<(line: string | null) => void>} */
  #waiting = []
  #over = false

  /** @param {string} pipe */
  constructor(pipe) {
    this.socket = net.connect({ path: pipe, allowHalfOpen: true })
    this.socket.on('data', chunk => this.#take(chunk))
    this.socket.on('error', () => {})
    this.socket.on('end', () => this.#end())
    this.socket.on('close', () => this.#end())
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10)) {
      const line = Buffer.concat([...this.#parts.splice(0), chunk.subarray(0, at)]).toString()
      chunk = chunk.subarray(at + 1)
      const next = this.#waiting.shift()
      if (next) next(line)
      else this.#lines.push(line)
    }
    if (chunk.length > 0) this.#parts.push(chunk)
  }

  #end() {
    this.#over = true
    for (const next of this.#waiting.splice(0)) next(null)
  }

  /** @param {string | Uint8Array} bytes */
  write(bytes) {
    this.socket.write(bytes)
    return this
  }

  /** Says objects, or lines as they stand. @param {...(string | object)} requests */
  send(...requests) {
    return this.write(requests.map(request => `${typeof request === 'string' ? request : JSON.stringify(request)}\n`).join(''))
  }

  /** The next line as it came; null: there is none any more. @returns {Promise<string | null>} */
  async line() {
    const line = this.#lines.shift()
    if (line !== undefined) return line
    if (this.#over) return null
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  /** The next reply. @returns {Promise<any>} */
  async reply() {
    const line = await this.line()
    assert.notEqual(line, null, 'the broker hung up')
    return JSON.parse(/** @type {string} */ (line))
  }

  /** @param {...(string | object)} requests */
  async ask(...requests) {
    this.send(...requests)
    return this.reply()
  }

  /** @param {number} count */
  async replies(count) {
    const replies = []
    while (replies.length < count) replies.push(await this.reply())
    return replies
  }

  /** All that is still said until the broker hangs up. */
  async rest() {
    const lines = []
    for (let line = await this.line(); line !== null; line = await this.line()) lines.push(JSON.parse(line))
    return lines
  }

  /** Closes this side. */
  end() {
    this.socket.end()
    return this
  }
}

/**
 * @param {Scope} scope
 * @param {string} pipe
 */
async function dial(scope, pipe) {
  const raw = new Raw(pipe)
  scope.after(() => raw.socket.destroy())
  await once(raw.socket, 'connect')
  return raw
}

/**
 * A process that runs `body`, in an async function with `say`, which prints a line, and with this package at hand (but not as another user, who may
 * not be able to read it).
 * @param {Scope} scope
 * @param {string} body
 * @param {{ env?: Record<string, string>, uid?: number, args?: string[] }} [options]
 */
function run(scope, body, { env = {}, uid, args = [] } = {}) {
  const load = uid === undefined ? `const { Broker, Client, makePipePath } = require(${JSON.stringify(ROOT)})` : ''
  const script = `const say = line => new Promise(resolve => process.stdout.write(line + '\\n', resolve))
    ;(async () => { ${load}; { ${body} } })()`
  const child = spawn(process.execPath, ['-e', script, ...args], {
    env: { ...process.env, ...env },
    uid,
    stdio: 'pipe',
    cwd: uid === undefined ? ROOT : '/'
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => (out.stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (out.stderr += text))
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...out }))
  scope.after(() => child.kill('SIGKILL') && ended)
  let handedOut = 0
  return {
    child,
    ended,
    pid: /** @type {number} */ (child.pid),
    /** The next line that it prints. @returns {Promise<string>} */
    async line() {
      for (;;) {
        const end = out.stdout.indexOf('\n', handedOut)
        if (end >= 0) {
          const line = out.stdout.slice(handedOut, end)
          handedOut = end + 1
          return line
        }
        const more = await Promise.race([once(child.stdout, 'data'), ended])
        if (!Array.isArray(more) && !out.stdout.slice(handedOut).includes('\n')) {
          assert.fail(`the process ended before it said a line: ${JSON.stringify(more)}`)
        }
      }
    },
    /** Gives it a line. @param {string} line */
    tell(line) {
      child.stdin.write(`${line}\n`)
    },
    /** @param {NodeJS.Signals} signal */
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      return ended
    }
  }
}

/** For {@link run}: hosts a broker with the options in its first argument, says where, and does what it is told: `stop`. */
const HOST = `
  const broker = new Broker({ requireTTL: false, ...JSON.parse(process.argv[1] || '{}') })
  await say(await broker.start())
  process.stdin.on('data', async data => {
    if (String(data).includes('stop')) { await broker.stop(); await say('stopped') }
  })`

/**
 * A broker in another process.
 * @param {Scope} scope
 * @param {import('../..').BrokerOptions} [options]
 * @param {Record<string, string>} [env]
 */
async function startHost(scope, options = {}, env = {}) {
  const host = run(scope, HOST, { args: [JSON.stringify(options)], env })
  return { ...host, pipe: await host.line() }
}

/**
 * Waits until something is so that nothing tells of.
 * @template T
 * @param {() => T | Promise<T>} check
 * @returns {Promise<NonNullable<T>>}
 */
async function until(check) {
  for (const end = Date.now() + 10_000; ; ) {
    const value = await check()
    if (value) return value
    assert.ok(Date.now() < end, `not so after 10 s: ${check}`)
    await delay(2)
  }
}

/**
 * For `assert.rejects`: a BrokerError that says its code.
 * @param {string} code
 * @param {RegExp} [text]
 */
function failsWith(code, text = /./) {
  return (/** @type {any} */ error) => {
    assert.ok(error instanceof BrokerError, `not a BrokerError: ${error?.stack}`)
    assert.equal(error.code, code, error.message)
    assert.ok(error.message === code || error.message.startsWith(`${code}: `), error.message)
    assert.match(error.message, text)
    return true
  }
}

/**
 * @param {string} secret
 * @param {string} text
 */
const hmac = (secret, text) => crypto.createHmac('sha256', secret).update(text).digest('hex')

/** A text that is nowhere else. */
const marker = () => `marker-${crypto.randomBytes(16).toString('hex')}`

/**
 * Something that listens and is not a broker of ours.
 * @param {Scope} scope
 * @param {string} pipe
 * @param {(socket: net.Socket) => void} serve
 */
async function listen(scope, pipe, serve) {
  /** @type {Set<net.Socket>} */
  const sockets = new Set()
  const server = net.createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(pipe)
  await once(server, 'listening')
  scope.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  return server
}

/**
 * A path that nobody listens on.
 * @param {string} folder
 */
function freePath(folder) {
  const name = `s-${crypto.randomBytes(4).toString('hex')}`
  return isWindows ? `\\\\.\\pipe\\${name}` : path.join(folder, name)
}

module.exports = {
  NOBODY,
  ROOT,
  Raw,
  connect,
  dial,
  failsWith,
  freePath,
  hmac,
  isRoot,
  isWindows,
  listen,
  marker,
  rootOnly,
  run,
  startBroker,
  startHost,
  unixOnly,
  until,
  useFolder
}
