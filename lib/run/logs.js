// @ts-check
'use strict'

const fs = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')

/** So many runs' logs are kept. */
const RUNS_KEPT = 10

/**
 * Makes the folder for a run's logs, and removes those of runs long ago. Where the output folder cannot be written, logs go to the system's folder
 * for temporary files: a checkout that nobody may write can be tested all the same.
 * @param {string} output the output folder
 * @param {number} startedAt milliseconds since 1970
 * @param {string} runId
 * @returns {{ folder: string, note: string | null }} `note`: what a person should know
 */
function makeLogs(output, startedAt, runId) {
  const runs = path.join(output, 'runs')
  const folder = path.join(runs, `${new Date(startedAt).toISOString().replace(/[:.]/g, '-')}-${runId}`)
  try {
    fs.mkdirSync(folder, { recursive: true })
  } catch (error) {
    const elsewhere = path.join(tmpdir(), `ephemeral-logs-${runId}`)
    fs.mkdirSync(elsewhere, { recursive: true, mode: 0o700 })
    const why = /** @type {NodeJS.ErrnoException} */ (error).code
    return {
      folder: elsewhere,
      note: `${output} cannot be written (${why}): logs are in ${elsewhere}; durations and the cache are not kept`
    }
  }
  ignoreInGit(output)
  removeOld(runs)
  return { folder, note: null }
}

/** @param {string} runs */
function removeOld(runs) {
  for (const name of fs.readdirSync(runs).sort().slice(0, -RUNS_KEPT)) {
    try {
      fs.rmSync(path.join(runs, name), { recursive: true, force: true })
    } catch {
      // Somebody else's, or in use: no business of this run.
    }
  }
}

/** Nothing in the output folder is for git. @param {string} folder */
function ignoreInGit(folder) {
  try {
    fs.writeFileSync(path.join(folder, '.gitignore'), '*\n', { flag: 'wx' })
  } catch {
    // It is there.
  }
}

module.exports = { makeLogs }
