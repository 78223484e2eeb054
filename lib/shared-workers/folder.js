// @ts-check
'use strict'

/** Where programs listen: a folder of the host's own, which nobody else can look into. Windows has names of pipes instead. */

const { randomBytes } = require('node:crypto')
const { mkdtempSync, readdirSync, rmSync, statSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

const PREFIX = 'ephemeral-programs-'
/** What is younger may be of a process that another system's eyes see, as in containers that share a folder. */
const OLD = 60 * 60 * 1000

class Folder {
  /** @type {string | null} */
  #path = null
  #count = 0
  #remove = () => this.remove()

  /** @returns {string} a new address for `net.listen()` */
  address() {
    if (process.platform === 'win32') return `\\\\.\\pipe\\${PREFIX}${process.pid}-${randomBytes(16).toString('hex')}`
    this.#path ??= this.#make()
    return join(this.#path, String(++this.#count))
  }

  remove() {
    if (this.#path === null) return
    process.off('exit', this.#remove)
    rmSync(this.#path, { recursive: true, force: true })
    this.#path = null
  }

  #make() {
    sweep()
    process.on('exit', this.#remove)
    return mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  }
}

/** Removes the folders of hosts that were killed. */
function sweep() {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^ephemeral-programs-(\d+)-/u.exec(name) ?? []
    if (!pid || isAlive(Number(pid))) continue
    const path = join(tmpdir(), name)
    try {
      if (Date.now() - statSync(path).mtimeMs > OLD) rmSync(path, { recursive: true, force: true })
    } catch {
      // Somebody else's, or removed by another host meanwhile.
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH'
  }
}

module.exports = { Folder }
