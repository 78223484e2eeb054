// @ts-check
'use strict'

/**
 * `--watch`: runs again when files change. Servers and directories stay from one cycle to the next, so that only the tests take time.
 *
 * Where only files of tests have changed, those tests are run; where anything else that results may depend on has, all of them, as far as the cache
 * does not know better. What changes during a cycle leads to another.
 */

const { fromRoot, watchFiles } = require('./changes.js')
const { Exit } = require('./reporters/counts.js')

/**
 * @typedef {InstanceType<typeof import('./session.js').Session>} Session
 * @typedef {import('./session.js').Tests} Tests
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').RunError} RunError
 */

/**
 * @typedef {object} Tell
 * @property {(result: RunResult) => Promise<void>} [ended] a cycle is over
 * @property {(rewritten: string[]) => void} [waits] nothing has changed since, but for these files that tests rewrite each time
 * @property {(file: string) => void} [outdated] the config file has changed: what holds is what it was
 * @property {(error: RunError) => void} [failed] in the end
 */

/**
 * Until the session is stopped.
 * @param {Session} session
 * @param {Tell} [tell]
 * @returns {Promise<RunResult>} that of the last cycle
 */
async function watch(session, { ended, waits = () => {}, outdated, failed } = {}) {
  await session.open()
  const { root, file } = session.config
  const config = file && fromRoot(root, file)
  let changes
  let result
  try {
    changes = await watchFiles(session)
    /** What no cycle has seen yet; null: all. @type {Set<string> | null} */
    let unseen = null
    for (;;) {
      const changed = unseen
      result = await session.cycle({ keep: true, narrow: tests => affected(tests, changed) })
      session.finish(result)
      await ended?.(result)
      const more = await changes.next(waits)
      if (more === null) break
      if (config !== null && more.has(config)) outdated?.(config)
      // What could not be listed or set up has tested nothing.
      unseen = result.exitCode !== Exit.SETUP ? more : unseen && new Set([...unseen, ...more])
    }
    const { errors, kept } = await session.end()
    for (const error of errors) {
      result.errors.push(error)
      failed?.(error)
    }
    result.notes.push(...kept.map(dir => `kept: ${dir}`))
  } finally {
    await changes?.close()
    const report = await session.close()
    if (result) require('./index.js').addReport(result, report)
  }
  return result
}

/**
 * @param {Tests} tests
 * @param {Set<string> | null} changed paths from the root; null: the first time
 * @returns {Tests}
 */
function affected(tests, changed) {
  if (changed === null) return tests
  const mine = (/** @type {{ file: string | null }} */ { file }) => file !== null && changed.has(file)
  const files = new Set(tests.chosen.map(({ file }) => file))
  const chosen = [...changed].every(file => files.has(file)) ? tests.chosen.filter(mine) : tests.chosen
  return { ...tests, chosen: chosen.map(test => (mine(test) ? { ...test, affected: true } : test)) }
}

module.exports = { affected, watch }
