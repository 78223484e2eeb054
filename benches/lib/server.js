// @ts-check
'use strict'

// The process that hosts one peer's server: `node server.js <peer>`.

const { execFileSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { findPeer } = require('../peers')
const { serve } = require('./rpc')

const peer = findPeer(process.argv[2])
/** @type {import('../peers').Server | undefined} */
let server
let blocking = false

/** Keeps the event loop busy for 190 of every 200 ms, as a test runner's main process does that transforms and reports. */
function block() {
  const end = performance.now() + 190
  while (performance.now() < end);
  if (blocking) setTimeout(block, 10)
}

/** @param {number} pid */
function residentBytes(pid) {
  if (process.platform === 'linux') {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024
}

serve({
  async start() {
    server = await peer.startServer()
    return server.address
  },
  block(/** @type {boolean} */ on) {
    if (on && !blocking) setTimeout(block, 10)
    blocking = on
  },
  /** What the serving process occupies, after it has thrown away what it can. */
  memory() {
    globalThis.gc?.()
    globalThis.gc?.()
    return residentBytes(server?.pid ?? process.pid)
  },
  async end() {
    await server?.stop()
  }
})
