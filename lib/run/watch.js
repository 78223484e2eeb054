// @ts-check
'use strict'

/**
 * `--watch`: runs again when files change. Servers and directories stay from one time to the next, so that only the tests take time.
 *
 * Where only files of tests have changed, those tests are run; where anything else that results may depend on has, all of them, as far as the cache
 * does not know better.
 */

const { once } = require('node:events')
const path = require('node:path')
const native = require('../native.js')

/** Editors and git write several files at a time: what comes within this time (ms) is one change. */
const TOGETHER = 80

/**
 * @typedef {InstanceType<typeof import('./session.js').Session>} Session
 * @typedef {import('../../run.js').RunResult} RunResult
 */

/**
 * Until the session is stopped.
 * @param {Session} session
 * @param {{ ended?: (result: RunResult) => Promise<void> | void }} [tell]
 * @returns {Promise<RunResult>} the last one
 */
async function watch(session, { ended } = {}) {
  await session.open()
  const changes = await watchFiles(session)
  let result
  try {
    /** @type {Set<string> | null} */
    let changed = null
    do {
      result = await session.execute(affected(await session.choose(), changed), { keep: true })
      session.finish(result)
      await ended?.(result)
      changed = await changes.next()
    } while (changed !== null)
    result.errors.push(...(await session.end()))
  } finally {
    await changes.close()
    const report = await session.close()
    if (result) result.broker = report
  }
  return result
}

/**
 * @template {{ chosen: Array<{ file: string | null, affected?: boolean }> }} T
 * @param {T} tests
 * @param {Set<string> | null} changed paths from the root; null: the first time
 * @returns {T}
 */
function affected(tests, changed) {
  if (changed === null) return tests
  const mine = (/** @type {{ file: string | null }} */ { file }) => file !== null && changed.has(file)
  const files = new Set(tests.chosen.map(({ file }) => file))
  const chosen = [...changed].every(file => files.has(file)) ? tests.chosen.filter(mine) : tests.chosen
  return { ...tests, chosen: chosen.map(test => (mine(test) ? { ...test, affected: true } : test)) }
}

/**
 * What changes among the files that results depend on.
 * @param {Session} session
 */
async function watchFiles({ config, stopped }) {
  const { root, output } = config
  const chokidar = require('chokidar')
  const skipped = [path.join(root, '.git'), output]
  const ignored = (/** @type {string} */ file) => path.basename(file) === 'node_modules' || skipped.includes(file)
  const watcher = chokidar.watch(root, { ignored, ignoreInitial: true })
  /** @type {Set<string>} */
  const changed = new Set()
  let known = inputs(config)
  /** @type {(() => void) | null} */
  let wake = null
  watcher.on('all', (_event, file) => {
    changed.add(path.relative(root, file).split(path.sep).join('/'))
    wake?.()
  })
  stopped.addEventListener('abort', () => wake?.())
  await once(watcher, 'ready')
  return {
    /** @returns {Promise<Set<string> | null>} what has changed since; null: the session was stopped */
    async next() {
      for (;;) {
        while (changed.size === 0 && !stopped.aborted) {
          await new Promise(resolve => {
            wake = () => resolve(undefined)
          })
        }
        if (stopped.aborted) return null
        await settled(changed)
        const now = inputs(config)
        const concerned = new Set([...changed].filter(file => now.has(file) || known.has(file)))
        changed.clear()
        known = now
        if (concerned.size > 0) return concerned
      }
    },
    close: () => watcher.close()
  }
}

/** Until nothing more comes. @param {Set<string>} changed */
async function settled(changed) {
  const { setTimeout: sleep } = require('node:timers/promises')
  for (let before = -1; before !== changed.size; ) {
    before = changed.size
    await sleep(TOGETHER)
  }
}

/**
 * @param {import('./config/index.js').ResolvedConfig} config
 * @returns {Set<string>} paths from the root
 */
function inputs({ root, output, cache }) {
  return new Set(JSON.parse(native.inputFiles(JSON.stringify({ root, output, patterns: cache.inputs }))))
}

module.exports = { affected, watch }
