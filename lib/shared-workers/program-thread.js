// @ts-check
'use strict'

/**
 * The thread of a program. It listens for test workers itself, so that neither the host's own work nor another program stands between them, and loads the program when
 * the first has come. The host hears of: `listening`, `failed` with the error, and the thread's end.
 */

const { createServer } = require('node:net')
const { performance } = require('node:perf_hooks')
const { clearTimeout, setImmediate, setTimeout } = require('node:timers')
const { parentPort, workerData } = require('node:worker_threads')
const { Connections } = require('./connections.js')
const { describe } = require('./failure.js')
const { runFactory } = require('./load.js')
const { Program } = require('./program.js')
const { deserialize } = require('../structured-clone.js')

/** @typedef {{ filename: string, instance: string, address: string, token: string }} Data */

/** How long test workers have to take what was sent to them before a crash, in ms. */
const LAST_WORDS = 2000
/** Connections that may wait while the program is busy; the system has a limit of its own. */
const BACKLOG = 4096

const { filename, instance, address, token } = /** @type {Data} */ (workerData)
const host = /** @type {import('node:worker_threads').MessagePort} */ (parentPort)

const program = new Program(instance, { onReady: () => connections.ready(), onError: fail })
const connections = new Connections(program, Buffer.from(token, 'hex'), initialData => void start(initialData))
const server = createServer(socket => {
  socket.on('data', chunk => {
    received += chunk.length
  })
  connections.accept(socket)
})
/** In bytes. */
let received = 0
let failed = false
let stopping = false

/** @param {Uint8Array} initialData */
async function start(initialData) {
  try {
    const data = deserialize(initialData)
    await runFactory(filename, () => program.main(data), fail)
  } catch (error) {
    fail(error)
  }
}

/** @param {unknown} error */
function fail(error) {
  if (failed) return
  farewell(error)
  void end()
}

/** @param {unknown} error */
function farewell(error) {
  failed = true
  program.fail()
  server.close()
  const failure = describe(error)
  host.postMessage({ type: 'failed', failure })
  connections.crashed(failure)
}

async function end() {
  const timer = setTimeout(exit, LAST_WORDS)
  await connections.end()
  clearTimeout(timer)
  exit()
}

function exit() {
  process.exit(1)
}

/** Reads what has come: a test worker that has ended in an orderly way may have published up to that moment. One that goes on for ever is not waited for. */
async function readAll() {
  const end = performance.now() + LAST_WORDS
  for (let before = -1; received !== before && performance.now() < end; ) {
    before = received
    // From one of these to the next, the loop looks at all sockets.
    for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
  }
}

async function stop() {
  stopping = true
  await readAll()
  server.close()
  await program.stop()
  if (failed) return
  await connections.end()
  // Not to be terminated: what the program does at the exit of its process is done here too.
  process.exit(0)
}

process.on('uncaughtException', error => {
  // A program that handles them itself goes on.
  if (process.listenerCount('uncaughtException') === 1) fail(error)
})
// Also where NODE_OPTIONS would only have them printed.
process.on('unhandledRejection', fail)
process.on('exit', code => {
  if (!failed && !stopping) farewell(new Error(`the shared worker ${filename} has ended: process.exit(${code}) was called in it`))
})

host.on('message', ({ type }) => {
  if (type === 'stop') void stop()
})

server.on('error', fail)
server.listen({ path: address, backlog: BACKLOG }, () => host.postMessage({ type: 'listening' }))
