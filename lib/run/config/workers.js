// @ts-check
'use strict'

/** How many workers there are. */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

/** What `auto` leaves for a worker: a test, its runtime and a server of its own. Bytes. */
const MEMORY_OF_WORKER = 512 * 1024 ** 2
const CGROUPS = '/sys/fs/cgroup'

/**
 * @param {number | string} setting `auto`, a number, or a share of the processors like `50%`; 0: one after the other
 * @param {{ processors: number, memory: number | null }} machine what there is for us; `memory` in bytes, null: not known
 * @returns {number} at least 1
 */
function resolveWorkers(setting, { processors, memory }) {
  if (setting === 'auto') {
    const room = memory === null ? Infinity : Math.floor(memory / MEMORY_OF_WORKER)
    return Math.max(1, Math.min(processors, room))
  }
  const text = String(setting)
  const number = text.endsWith('%') ? Math.round((processors * Number(text.slice(0, -1))) / 100) : Number(text)
  return Math.max(1, number)
}

/** @returns {{ processors: number, memory: number | null }} what this process may use: containers give less than the machine has */
function readMachine() {
  const quota = process.platform === 'linux' ? readProcessorQuota(CGROUPS, ownCgroup()) : null
  const processors = os.availableParallelism()
  return { processors: quota === null ? processors : Math.max(1, Math.min(processors, Math.floor(quota))), memory: readMemory() }
}

/** What is free on macOS says little: it fills memory with files. */
function readMemory() {
  const limit = process.constrainedMemory?.() || Infinity
  const free = process.platform === 'darwin' ? os.totalmem() : (process.availableMemory?.() ?? os.freemem())
  return Math.min(limit, free)
}

/** @returns {string} its path in the hierarchy of version 2 */
function ownCgroup() {
  const [, group = '/'] = /^0::(\/.*)$/m.exec(readText('/proc/self/cgroup')) ?? []
  return group
}

/**
 * The least of what the cgroup and those above it are given.
 * @param {string} mount where cgroups are
 * @param {string} group its path there
 * @returns {number | null} how many processors' time; null: no limit
 */
function readProcessorQuota(mount, group) {
  const limits = []
  for (let at = path.posix.normalize(group); ; at = path.posix.dirname(at)) {
    const [quota, period] = readText(path.posix.join(mount, at, 'cpu.max'))
      .trim()
      .split(' ')
    limits.push(Number(quota) / Number(period))
    if (at === '/' || at === '.') break
  }
  const first = path.posix.join(mount, 'cpu')
  const quota = Number(readText(path.posix.join(first, 'cpu.cfs_quota_us')))
  limits.push(quota / Number(readText(path.posix.join(first, 'cpu.cfs_period_us'))))
  const known = limits.filter(limit => Number.isFinite(limit) && limit > 0)
  return known.length === 0 ? null : Math.min(...known)
}

/** What is not there limits nothing. @param {string} file */
function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

module.exports = { MEMORY_OF_WORKER, readMachine, readProcessorQuota, resolveWorkers }
