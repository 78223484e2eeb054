// @ts-check
'use strict'

const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { missingLibrary } = require('./missing')

// @ts-expect-error It has no declarations.
const load = async () => require('proper-lockfile')

/** What was fastest for eight processes and one lock, of those that were tried: it looks again at once, then less and less often. */
const RETRIES = { forever: true, minTimeout: 1, maxTimeout: 50, factor: 2, randomize: true }

/** @type {import('.').Peer} */
module.exports = {
  name: 'proper-lockfile',
  about: 'locks that are folders; who waits looks again and again, here as often as was fastest',
  locks: true,
  only: true,
  missing: () => missingLibrary('proper-lockfile'),

  async startServer() {
    const directory = mkdtempSync(join(tmpdir(), 'bench-lockfile-'))
    const clean = () => rmSync(directory, { recursive: true, force: true })
    process.once('exit', clean)
    return { address: directory, pid: process.pid, stop: async () => clean() }
  },

  async connect(directory) {
    const lockfile = await load()
    const none = async () => {
      throw new Error('it has only locks')
    }
    return {
      lock: name => lockfile.lock(join(directory, name), { realpath: false, retries: RETRIES }),
      get: none,
      set: none,
      del: none,
      lease: none,
      release: none,
      close: async () => {}
    }
  }
}
