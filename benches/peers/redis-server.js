// @ts-check
'use strict'

const { spawn, spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync } = require('node:fs')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const installed = () => spawnSync('redis-server', ['--version']).status === 0

/**
 * @param {string} address
 * @returns {Promise<boolean>} whether a Redis answers there
 */
const answers = address =>
  new Promise(resolve => {
    const socket = net.connect(address)
    socket.once('error', () => resolve(false))
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.write('PING\r\n')
  })

/**
 * A Redis of our own: a Unix socket, no port, nothing kept on disk.
 *
 * @returns {Promise<import('.').Server>}
 */
async function startRedis() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-redis-'))
  const address = join(directory, 'redis.sock')
  const options = ['--port', '0', '--unixsocket', address, '--unixsocketperm', '700', '--dir', directory]
  const child = spawn('redis-server', [...options, '--save', '', '--appendonly', 'no', '--loglevel', 'warning'], { stdio: 'ignore' })
  const exited = new Promise(resolve => child.once('exit', resolve))
  const clean = () => rmSync(directory, { recursive: true, force: true })
  // A run that is interrupted leaves no Redis behind.
  const kill = () => {
    child.kill('SIGKILL')
    clean()
  }
  process.once('exit', kill)

  let ended = false
  exited.then(() => {
    ended = true
  })
  while (!(await answers(address))) {
    if (ended) {
      clean()
      throw new Error('redis-server ended before it answered')
    }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  return {
    address,
    pid: /** @type {number} */ (child.pid),
    async stop() {
      process.removeListener('exit', kill)
      child.kill('SIGTERM')
      await exited
      clean()
    }
  }
}

const missingRedis = () =>
  installed() ? null : 'redis-server is not installed (Debian: apt-get install redis-server, macOS: brew install redis)'

/** @param {string} info what Redis answers to INFO memory */
const usedMemory = info => Number(/used_memory:(\d+)/.exec(info)?.[1])

module.exports = { startRedis, missingRedis, usedMemory }
