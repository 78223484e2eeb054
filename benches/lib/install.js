// @ts-check
'use strict'

const { spawnSync } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')

const ROOT = join(__dirname, '..')

/** @type {(command: string, args: string[], options?: import('node:child_process').SpawnSyncOptions) => boolean} */
const run = (command, args, options) => {
  console.error(`$ ${command} ${args.join(' ')}`)
  // Standard output is the table's alone.
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32', ...options }).status === 0
}

/** Installs what the peers need, where it is missing. What cannot be installed is told by the table, not here. */
function install() {
  // Without their scripts: those of a peer's dependencies would download browser drivers.
  if (!existsSync(join(ROOT, 'node_modules'))) run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: ROOT })

  const hasRedis = spawnSync('redis-server', ['--version']).status === 0
  if (!hasRedis && process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    // RUNLEVEL: a package that is installed for its binary starts no service.
    run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    })
  }
}

module.exports = { install }
