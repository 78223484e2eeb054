// @ts-check
'use strict'

const fs = require('node:fs')
const path = require('node:path')

/** So many runs' logs are kept. */
const RUNS_KEPT = 10

/**
 * Makes the folder for a run's logs, and removes those of runs long ago.
 * @param {string} output the output folder
 * @param {number} startedAt milliseconds since 1970
 * @param {string} runId
 */
function makeLogs(output, startedAt, runId) {
  const runs = path.join(output, 'runs')
  const logs = path.join(runs, `${new Date(startedAt).toISOString().replace(/[:.]/g, '-')}-${runId}`)
  fs.mkdirSync(logs, { recursive: true })
  ignoreInGit(output)
  const old = fs.readdirSync(runs).sort().slice(0, -RUNS_KEPT)
  for (const name of old) fs.rmSync(path.join(runs, name), { recursive: true, force: true })
  return logs
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
