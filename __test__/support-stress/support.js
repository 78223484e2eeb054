// @ts-check
'use strict'

/** What the tests of endurance share: processes with a watchdog, raw connections, chance that can be repeated, and what the system counts. */

const { execFileSync, spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')

const isLinux = process.platform === 'linux'
const isWindows = process.platform === 'win32'

/** What a process that hangs is given, in ms. */
const WATCHDOG = 10_000

/** Signals by which a process says that it is broken. */
const CRASHES = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'])

/**
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null, stdout: string, stderr: string, hung: boolean, ms: number }} Outcome
 * @typedef {{ env?: Record<string, string>, node?: string, flags?: string[], timeout?: number }} RunOptions
 */

/** The environment without what belongs to this run. @param {Record<string, string>} [extra] */
function cleanEnv(extra = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === 'EPHEMERAL_BROKER_IO' || !/^(EPHEMERAL|BROKER|CLIENT|NODE_TEST)_/.test(name)
  )
  return { ...Object.fromEntries(kept), ...extra }
}

/**
 * A script of this folder as a process of its own. It is killed when it runs for too long, and when this process ends.
 * @param {string} script
 * @param {string[]} [args]
 * @param {RunOptions} [options]
 */
function run(script, args = [], { env, node = process.execPath, flags = [], timeout = WATCHDOG } = {}) {
  const start = performance.now()
  const file = path.isAbsolute(script) ? script : path.join(__dirname, script)
  const child = spawn(node, [...flags, file, ...args], { env: cleanEnv(env), stdio: 'pipe' })
  let hung = false
  const watchdog = setTimeout(() => {
    hung = true
    child.kill('SIGKILL')
  }, timeout)
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => (out.stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (out.stderr += text))
  child.stdin.on('error', () => {})
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  /** @type {Promise<Outcome>} */
  const ended = once(child, 'close').then(([code, signal]) => {
    clearTimeout(watchdog)
    process.off('exit', kill)
    return { code, signal, ...out, hung, ms: performance.now() - start }
  })
  return {
    child,
    ended,
    /** The first line that it printed and this call was the first to ask for. @returns {Promise<string>} */
    async line() {
      for (;;) {
        const end = out.stdout.indexOf('\n')
        if (end >= 0) {
          const text = out.stdout.slice(0, end)
          out.stdout = out.stdout.slice(end + 1)
          return text
        }
        const gone = await Promise.race([once(child.stdout, 'data'), ended.then(() => true)])
        if (gone === true && !out.stdout.includes('\n')) throw new Error(`${script} ended without another line: ${out.stderr}`)
      }
    }
  }
}

/**
 * A broker in a process of its own: `send` hands it commands, see `host.js`.
 * @param {import('../../index.js').BrokerOptions} [options]
 * @param {RunOptions} [runOptions]
 */
async function startHost(options = {}, runOptions = {}) {
  const process = run('host.js', [JSON.stringify({ requireTTL: false, ...options })], { timeout: 55_000, ...runOptions })
  const pipe = await process.line()
  return {
    ...process,
    pipe,
    pid: /** @type {number} */ (process.child.pid),
    /** @param {string} command @returns {Promise<any>} */
    async ask(command) {
      process.child.stdin.write(`${command}\n`)
      return JSON.parse(await process.line())
    },
    /** Stops it without its knowing, and waits until that is so. */
    async freeze() {
      process.child.kill('SIGSTOP')
      await until(() => isFrozen(/** @type {number} */ (process.child.pid)), 'the broker stands still')
    },
    thaw() {
      process.child.kill('SIGCONT')
    },
    async stop() {
      if (!isWindows) this.thaw()
      process.child.stdin.end()
      return process.ended
    },
    async kill() {
      process.child.kill('SIGKILL')
      return process.ended
    }
  }
}

/** Whether all threads of a process have stopped. @param {number} pid */
function isFrozen(pid) {
  if (!isLinux) return /^T/m.test(execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }))
  const states = fs
    .readdirSync(`/proc/${pid}/task`)
    .map(task => fs.readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').split(') ').pop()?.[0])
  return states.every(state => state === 'T')
}

/**
 * Waits until something is so; looks again and again, because what is waited for tells nobody.
 * @template T
 * @param {() => T | Promise<T>} look
 * @param {string} what
 * @param {number} [limit] in ms
 * @returns {Promise<T>}
 */
async function until(look, what, limit = 10_000) {
  const end = performance.now() + limit
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > end) throw new Error(`not so after ${limit} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} limit in ms
 * @param {string} what
 * @returns {Promise<T>}
 */
function within(promise, limit, what) {
  /** @type {NodeJS.Timeout} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not after ${limit} ms: ${what}`)), limit)
  })
  return /** @type {Promise<T>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer))
}

/** A connection that speaks for itself: lines of JSON, by the text of PROTOCOL.md. */
class Raw {
  /** @param {string} pipe */
  constructor(pipe) {
    this.socket = net.connect(pipe)
    /** @type {Promise<void>} */
    this.closed = new Promise(resolve => this.socket.once('close', () => resolve()))
    this.socket.on('error', () => {})
    /** @type {any[]} */
    this.replies = []
    this.text = ''
    /** @type {(() => void) | null} */
    this.wake = null
    this.socket.setEncoding('utf8').on('data', chunk => {
      const lines = (this.text + chunk).split('\n')
      this.text = /** @type {string} */ (lines.pop())
      for (const line of lines) this.replies.push(JSON.parse(line))
      this.wake?.()
    })
  }

  /** @param {object | string} request */
  write(request) {
    return this.socket.write(typeof request === 'string' ? request : `${JSON.stringify(request)}\n`)
  }

  /** The next reply. */
  async read() {
    while (this.replies.length === 0) {
      await new Promise((resolve, reject) => {
        this.wake = () => resolve(undefined)
        this.closed.then(() => reject(new Error('the broker hung up')))
      })
    }
    return this.replies.shift()
  }

  /** @param {object | string} request */
  ask(request) {
    this.write(request)
    return this.read()
  }

  close() {
    this.socket.destroy()
    return this.closed
  }
}

/** mulberry32: from 0 to below 1, the same again for the same seed. @param {number} seed */
function makeRandom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** STRESS_SEED repeats a run. @param {import('node:test').TestContext} t */
function seedOf(t) {
  const seed = Number(process.env.STRESS_SEED ?? Date.now() % 2 ** 32)
  t.diagnostic(`STRESS_SEED=${seed}`)
  return seed
}

/** What the system counts of a process, by /proc. @param {number | 'self'} [pid] */
function usage(pid = 'self') {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
    threads: fs.readdirSync(`/proc/${pid}/task`).length,
    /** In bytes. */
    rss: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  }
}

/** A folder of its own for brokers' directories. Short: a socket's path has room for about 100 characters. */
function makeFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'eb-'))
  return {
    folder,
    env: { TMPDIR: folder, TMP: folder, TEMP: folder },
    left: () => fs.readdirSync(folder).filter(name => name.startsWith('ephemeral-broker-')),
    remove: () => fs.rmSync(folder, { recursive: true, force: true })
  }
}

module.exports = { CRASHES, Raw, cleanEnv, isLinux, isWindows, makeFolder, makeRandom, run, seedOf, startHost, until, usage, within }
