// @ts-check
'use strict'

/** What changes among the files that results depend on. */

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const native = require('../native.js')

/** Editors and git write several files at a time: what comes within this time (ms) is one change. */
const TOGETHER = 80

/** A file that changes during so many cycles, one after the other, is rewritten by the tests: that is no reason for the next one. */
const REWRITTEN = 3

/** So often (ms) is looked whether the clock of files goes on. Some go by seconds. */
const LOOKS = 2000

/** @typedef {InstanceType<typeof import('./session.js').Session>} Session */

class Changes {
  /** Paths from the root. @type {Set<string>} */
  #changed = new Set()
  /** During how many of the last cycles each file changed. @type {Map<string, number>} */
  #during = new Map()
  #wake = () => {}

  /**
   * @param {Session} session
   * @param {import('chokidar').FSWatcher} watcher
   */
  constructor({ config, stopped }, watcher) {
    this.config = config
    this.stopped = stopped
    this.watcher = watcher
    this.known = inputs(config)
    watcher.on('all', (_event, file) => {
      this.#changed.add(fromRoot(config.root, file))
      this.#wake()
    })
    stopped.addEventListener('abort', () => this.#wake())
  }

  /**
   * To be called when a cycle is over.
   * @param {(rewritten: string[]) => void} waits told when there is nothing to do now
   * @returns {Promise<Set<string> | null>} what has changed since the cycle before began; null: the session was stopped
   */
  async next(waits) {
    const endedAt = await nextStep(this.config.output)
    /** @type {Set<string>} */
    const during = new Set()
    let waiting = false
    const wait = (/** @type {string[]} */ rewritten) => {
      if (!waiting || rewritten.length > 0) waits(rewritten)
      waiting = true
    }
    if (this.#changed.size === 0) wait([])
    for (;;) {
      const concerned = await this.#batch()
      if (concerned === null) return null
      const before = concerned.filter(file => hasChangedBefore(path.join(this.config.root, file), endedAt))
      for (const file of before) during.add(file)
      const rewritten = before.filter(file => (this.#during.get(file) ?? 0) + 1 >= REWRITTEN)
      if (concerned.length > rewritten.length) {
        this.#during = new Map([...during].map(file => [file, (this.#during.get(file) ?? 0) + 1]))
        return new Set(concerned)
      }
      wait(rewritten)
    }
  }

  close() {
    return this.watcher.close()
  }

  /** Files that belong together; those that results do not depend on are left out. `null`: the session was stopped. */
  async #batch() {
    while (this.#changed.size === 0 && !this.stopped.aborted) {
      await new Promise(resolve => {
        this.#wake = () => resolve(undefined)
      })
    }
    await this.#settled()
    if (this.stopped.aborted) return null
    const now = inputs(this.config)
    const isInput = (/** @type {string} */ file) => now.has(file) || this.known.has(file)
    const concerned = [...this.#changed].filter(file => isInput(file) && !isOwnOutput(path.join(this.config.root, file)))
    this.#changed.clear()
    this.known = now
    return concerned
  }

  /** Until nothing more comes. */
  async #settled() {
    const { setTimeout: sleep } = require('node:timers/promises')
    for (let before = -1; before !== this.#changed.size && !this.stopped.aborted; ) {
      before = this.#changed.size
      await sleep(TOGETHER)
    }
  }
}

/**
 * @param {Session} session
 * @returns {Promise<Changes>}
 */
async function watchFiles(session) {
  const { root, output, reporters } = session.config
  const chokidar = require('chokidar')
  const skipped = new Set([path.join(root, '.git'), output, ...(await ignoredFolders(session))])
  const reports = reporters.flatMap(([, options]) => options.output ?? [])
  // A report that is being written has another name.
  const isReport = (/** @type {string} */ file) => reports.some(report => file.startsWith(report))
  const ignored = (/** @type {string} */ file) => path.basename(file) === 'node_modules' || skipped.has(file) || isReport(file)
  const watcher = chokidar.watch(root, { ignored, ignoreInitial: true, followSymlinks: false })
  const ready = once(watcher, 'ready')
  try {
    const changes = new Changes(session, watcher)
    await ready
    return changes
  } catch (error) {
    await watcher.close()
    throw error
  }
}

/**
 * Folders that git ignores, and that hold nothing that results depend on: they may have thousands of others in them.
 * @param {Session} session
 * @returns {Promise<string[]>} absolute; none where there is no git
 */
async function ignoredFolders({ config, capture }) {
  const command = ['git', 'ls-files', '--others', '--ignored', '--exclude-standard', '--directory', '-z']
  try {
    const { exitCode, stdout } = await capture({ command, cwd: config.root })
    if (exitCode !== 0) return []
    const known = [...inputs(config)]
    const folders = stdout.split('\0').filter(name => name.endsWith('/') && !known.some(file => file.startsWith(name)))
    return folders.map(name => path.join(config.root, name))
  } catch {
    return []
  }
}

/**
 * As inputs are named.
 * @param {string} root
 * @param {string} file absolute
 */
function fromRoot(root, file) {
  return path.relative(root, file).split(path.sep).join('/')
}

/**
 * The time by which files are stamped: it goes on in steps of some milliseconds, behind the clock.
 * @param {string} folder
 * @returns {number} milliseconds since 1970
 */
function clockOf(folder) {
  const file = path.join(folder, '.clock')
  try {
    fs.writeFileSync(file, '')
    return fs.statSync(file).ctimeMs
  } catch {
    // Nothing can be written there.
    return Date.now()
  } finally {
    fs.rmSync(file, { force: true })
  }
}

/**
 * A time by which files are stamped that none has been stamped with yet.
 * @param {string} folder
 */
async function nextStep(folder) {
  const { setTimeout: sleep } = require('node:timers/promises')
  const now = clockOf(folder)
  let next = now
  for (let looks = 0; next === now && looks < LOOKS; looks++) {
    await sleep(1)
    next = clockOf(folder)
  }
  return next
}

/**
 * @param {string} file
 * @param {number} time milliseconds since 1970
 */
function hasChangedBefore(file, time) {
  // What is gone tells nothing: it counts as a change of now.
  const stat = fs.statSync(file, { throwIfNoEntry: false })
  return stat !== undefined && stat.ctimeMs < time
}

/**
 * Whether it is the file that standard output or error is written to: `--watch > watch.log` would run for ever, for what it says.
 * @param {string} file
 */
function isOwnOutput(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false })
  const isSame = (/** @type {number} */ descriptor) => {
    const { dev, ino } = fs.fstatSync(descriptor)
    return stat?.dev === dev && stat.ino === ino
  }
  return isSame(1) || isSame(2)
}

/**
 * @param {import('./config/index.js').ResolvedConfig} config
 * @returns {Set<string>} paths from the root
 */
function inputs({ root, output, cache }) {
  return new Set(JSON.parse(native.inputFiles(JSON.stringify({ root, output, patterns: cache.inputs }))))
}

module.exports = { fromRoot, watchFiles }
