// @ts-check
'use strict'

/**
 * What the page is given. It is the run's result and record with all left out that is a default (null, false, empty), as most of a passed test
 * is: of 5,000 tests that is most of the file. `page/data.mjs` puts the defaults back.
 */

const path = require('node:path')

/**
 * @typedef {import('../../../../run.d.ts').RunResult} RunResult
 * @typedef {import('../../../../run.d.ts').TestResult} TestResult
 * @typedef {import('../../../../run.d.ts').AttemptResult} AttemptResult
 * @typedef {import('../../../../run.d.ts').RunError} RunError
 */

/** The most characters of one output that the page holds; the log file has the rest. */
const MAX_OUTPUT = 200_000
/** The most characters of all outputs, so that a run in which everything fails has a report that opens. */
const MAX_OUTPUTS = 24_000_000
/** What each output may have when that is used up. */
const MIN_OUTPUT = 2_000

/**
 * @param {RunResult} result
 * @param {InstanceType<typeof import('./record.js').Record>} record
 * @param {{ profile: string | null }} facts
 */
function collect(result, record, { profile }) {
  const output = outputLimit()
  const log = relativeTo(record.root)
  return bare({
    run: {
      runId: result.runId,
      startedAt: result.startedAt,
      duration: tenths(result.duration),
      exitCode: result.exitCode,
      ok: result.ok,
      workers: result.workers,
      shard: result.shard,
      root: record.root,
      profile
    },
    counts: result.counts,
    errors: result.errors.map(error => ({ ...error, output: output(error.output), log: log(error.log) })),
    tests: result.tests.map(test => ({
      ...test,
      duration: tenths(test.duration),
      repeat: test.repeat === 1 ? null : test.repeat,
      attempts: test.attempts.map(attempt => ({
        ...attempt,
        at: tenths(attempt.at),
        duration: tenths(attempt.duration),
        output: output(attempt.output),
        log: log(attempt.log),
        serverLogs: attempt.serverLogs.map(server => ({ ...server, output: output(server.output), log: log(server.log) }))
      }))
    })),
    steps: record.steps,
    starts: record.starts,
    losses: record.losses,
    servers: record.servers,
    waits: record.waits,
    stops: record.stops,
    broker: result.broker
  })
}

/** @param {number} ms */
const tenths = ms => Math.round(ms * 10) / 10

/**
 * Without what the page takes for granted. Numbers stay, 0 too: an exit code of 0 is not none.
 * @param {any} value
 * @returns {any}
 */
function bare(value) {
  if (Array.isArray(value)) return value.map(bare)
  if (value === null || typeof value !== 'object') return value
  /** @type {Record<string, unknown>} */
  const kept = {}
  for (const [key, one] of Object.entries(value)) {
    const isDefault = one === null || one === undefined || one === false || one === '' || (Array.isArray(one) && one.length === 0)
    if (!isDefault) kept[key] = bare(one)
  }
  return kept
}

/** Cuts outputs, so that all of them together stay within bounds. */
function outputLimit() {
  let left = MAX_OUTPUTS
  /** @param {string | null} text */
  return text => {
    if (text === null) return null
    const most = Math.max(MIN_OUTPUT, Math.min(MAX_OUTPUT, left))
    left -= Math.min(text.length, most)
    if (text.length <= most) return text
    // What went wrong is said at the end more often than at the beginning.
    const head = Math.floor(most / 4)
    return `${text.slice(0, head)}\n… ${text.length - most} characters are only in the log …\n${text.slice(head - most)}`
  }
}

/** @param {string | null} root */
function relativeTo(root) {
  /** @param {string | null} file */
  return file => {
    if (!root || !file || !path.isAbsolute(file)) return file
    const relative = path.relative(root, file)
    return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative
  }
}

module.exports = { collect }
