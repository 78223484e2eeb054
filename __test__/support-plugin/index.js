// @ts-check
'use strict'

/** What tests of shared workers need: programs from a few lines of source, test workers in this process and in others. */

const { spawn } = require('node:child_process')
const { on, once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { startBroker } = require('../support')
const { testFile } = require('../../lib/plugin')
const { ask, register } = require('./ask.js')

const PLUGIN = path.join(__dirname, '..', '..', 'lib', 'plugin', 'index.js')

/** @typedef {import('../support').Scope} Scope */
/** @typedef {import('../..').SharedWorkerError} SharedWorkerError */

/**
 * @param {Scope} scope
 * @param {string} source
 * @param {string} [name]
 * @returns {string} its path
 */
function write(scope, source, name = 'program.mjs') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'eb-plugin-'))
  scope.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, name)
  fs.writeFileSync(file, source)
  return file
}

/**
 * A program, of what is in its factory after `const main = …`.
 * @param {Scope} scope
 * @param {string} body
 */
function program(scope, body) {
  return write(scope, `export default async ({ negotiateProtocol }) => {\nconst main = negotiateProtocol(['ava-4'])\n${body}\n}\n`)
}

/**
 * A broker, and what it tells of programs that failed.
 * @param {Scope} scope
 */
async function startHost(scope) {
  const broker = await startBroker(scope)
  /** @type {Array<{ filename: string, error: Error }>} */
  const failures = []
  broker.on('sharedWorkerError', failure => failures.push(failure))
  return { broker, failures }
}

/**
 * A test worker in this process.
 * @param {Scope} scope
 * @param {string} [file]
 */
function begin(scope, file = __filename) {
  const begun = testFile(file)
  scope.after(() => begun.teardown())
  return begun
}

/**
 * A test worker in a process of its own. `register`, `ask` and `testFile` are there for it, and `say(data)` to tell this process.
 * @param {Scope} scope
 * @param {import('../..').Broker} broker
 * @param {string} source
 * @param {string[]} [args]
 */
function spawnTestWorker(scope, broker, source, args = []) {
  const script = `
    const { registerSharedWorker, testFile } = require(${JSON.stringify(PLUGIN)})
    const { ask, register } = require(${JSON.stringify(require.resolve('./ask.js'))})
    const say = data => process.send(data)
    process.channel.unref()
    ;(async () => {\n${source}\n})()
  `
  const file = write(scope, script, 'test-worker.js')
  const env = { ...process.env, EPHEMERAL_PIPE: broker.pipe }
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', text => (output += text))
  scope.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal, output }))
  const inbox = on(child, 'message', { close: ['close'] })
  /** What it says next. */
  const said = async () => {
    const { value, done } = await inbox.next()
    if (done) throw new Error(`the test worker has ended: ${JSON.stringify(await exited)}`)
    return value[0]
  }
  return { child, exited, said, file }
}

module.exports = { PLUGIN, ask, begin, program, register, spawnTestWorker, startHost, write }
