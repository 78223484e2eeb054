// @ts-check
'use strict'

// PostgreSQL from the system's packages. On CI it must be there: nothing is skipped for the lack of it.

const { execFileSync } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { root } = require('./running.js')

const folder = path.join(root, 'examples', 'shared-postgres')
const INSTALL = 300_000

/** @returns {Promise<string | undefined>} why there can be no server here */
async function missingPostgres() {
  const binaries = await import(pathToFileURL(path.join(folder, 'shared', 'binaries.js')).href)
  const missing = binaries.missingPostgres()
  if (!missing || process.env.CI !== 'true' || process.platform === 'win32') return missing
  for (const [program, ...args] of installers()) {
    execFileSync(program, args, { stdio: 'pipe', timeout: INSTALL, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  }
  if (binaries.missingPostgres()) throw new Error(missing)
}

/** @returns {string[][]} commands */
function installers() {
  if (process.platform === 'darwin') return [['brew', 'install', 'postgresql@17']]
  const root = process.getuid?.() === 0
  // One at a time: other test files may be installing too.
  const apt = ['flock', path.join(os.tmpdir(), 'ephemeral-broker-apt.lock'), ...(root ? [] : ['sudo', '-n']), 'apt-get']
  return [
    [...apt, 'update'],
    [...apt, 'install', '-y', '--no-install-recommends', 'postgresql']
  ]
}

module.exports = { folder, missingPostgres }
