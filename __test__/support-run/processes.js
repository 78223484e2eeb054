// @ts-check
'use strict'

/** Which processes there are, as Linux tells in /proc: whoever started them, and whatever group or session they are in by now. */

const fs = require('node:fs')

/**
 * Processes that have this in their environment or their command line, but for this one. What has ended and is only not reaped yet is none.
 * @param {string} marker
 * @returns {Array<{ pid: number, command: string }>}
 */
function processesWith(marker) {
  const found = []
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const command = read(`/proc/${pid}/cmdline`)
    if (!command.includes(marker) && !read(`/proc/${pid}/environ`).split('\0').includes(marker)) continue
    if (isAlive(pid)) found.push({ pid, command: command.replaceAll('\0', ' ').trim() })
  }
  return found
}

/** @param {number} pid */
function isAlive(pid) {
  // The name, in brackets, may hold anything.
  const state = read(`/proc/${pid}/stat`).split(') ').at(-1) ?? ''
  return state !== '' && !/^[ZX]/.test(state)
}

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    // It ended meanwhile, or is somebody else's.
    return ''
  }
}

module.exports = { isAlive, processesWith }
