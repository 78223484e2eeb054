// A process that has a PostgreSQL server for as long as its standard input is open. That ends when the process that started it closes it, and also when that process is
// killed: the server and its files are gone in any case.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBinaries, missingPostgres } from './binaries.js'

const PREFIX = 'shared-postgres-'
const USER = 'tests'
/** How long a shutdown may take, in ms; then it is an immediate one. */
const PATIENCE = 5000
/** The data is gone with the server: nothing needs to be safe on the disk. */
const SETTINGS = ['listen_addresses=', 'fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200']

let folder = ''
/** @type {import('node:child_process').ChildProcess | undefined} */
let server

/** Who the server is to be: it refuses to be root. Debian's package makes a user for it. */
function owner() {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = ['-u', '-g'].map(option => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' })))
  return { uid, gid }
}

/** Removes what was left by keepers that were killed. A server of theirs ends itself within a minute when its files are gone. */
function sweep() {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^shared-postgres-(\d+)-/.exec(name) ?? []
    if (pid && !isAlive(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code !== 'ESRCH'
  }
}

/** @returns {Promise<{ host: string, user: string }>} what clients need to connect */
async function start() {
  const binaries = findBinaries()
  if (!binaries) throw new Error(missingPostgres())
  sweep()
  folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  const { uid, gid } = owner()
  if (uid !== undefined) chownSync(folder, uid, gid)
  const data = join(folder, 'data')
  const options = { uid, gid, cwd: folder, env: { ...process.env, LC_ALL: 'C' } }
  const init = ['--auth=trust', `--username=${USER}`, '--encoding=UTF8', '--no-sync', '-D', data]
  execFileSync(join(binaries, 'initdb'), init, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  const settings = [...SETTINGS, `unix_socket_directories=${folder}`].flatMap(setting => ['-c', setting])
  server = spawn(join(binaries, 'postgres'), ['-D', data, ...settings], { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  await ready(server)
  return { host: folder, user: USER }
}

/** @param {import('node:child_process').ChildProcess} server */
function ready(server) {
  let log = ''
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.on('close', code => reject(new Error(`PostgreSQL ended with the code ${code}\n${log}`)))
    server.stderr?.setEncoding('utf8').on('data', text => {
      log = (log + text).slice(-10_000)
      if (log.includes('ready to accept connections')) resolve(undefined)
    })
  })
}

async function stop() {
  if (server?.exitCode === null && server.signalCode === null) {
    const closed = once(server, 'close')
    // For PostgreSQL SIGINT is a shutdown that waits for no client, SIGQUIT an immediate one.
    server.kill('SIGINT')
    await Promise.race([closed, sleep(PATIENCE, undefined, { ref: false })])
    server.kill('SIGQUIT')
    await closed
  }
  if (folder) rmSync(folder, { recursive: true, force: true })
}

/** @param {object} message */
function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

// Signals are for whoever started it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.stdout.on('error', () => {})
const closed = once(process.stdin.resume(), 'close')
try {
  say(await start())
  await Promise.race([closed, once(server, 'close')])
} catch (error) {
  say({ error: error.message })
}
await stop()
process.exit()
