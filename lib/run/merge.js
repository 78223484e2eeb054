// @ts-check
'use strict'

/** `merge-reports`: the results of several runs, usually shards, as one. */

const fs = require('node:fs')
const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { gravest, summarize } = require('./reporters/counts.js')

/**
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').RunError} RunError
 * @typedef {import('../../run.js').TestResult} TestResult
 * @typedef {{ file: string, result: RunResult }} Part
 */

/**
 * @param {string} file
 * @param {string} what
 * @param {unknown} [cause]
 */
const invalid = (file, what, cause) => new BrokerError('invalid_report', `${file} ${what}`, { cause, details: { file } })

/**
 * The files that are meant: each that is named, and of a folder those that the reporters `json` and `jsonl` write by default. A folder that has both
 * counts once.
 * @param {string} named
 * @returns {string[]}
 */
function filesOf(named) {
  let stat
  try {
    stat = fs.statSync(named)
  } catch (error) {
    throw invalid(named, 'cannot be read: name report.json files, events.jsonl files, or folders of them', error)
  }
  if (!stat.isDirectory()) return [named]
  const found = reportsIn(named)
  if (found.length === 0) throw invalid(named, 'holds no report.json and no events.jsonl: run with --reporter json')
  return found
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function reportsIn(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const folders = entries.filter(entry => entry.isDirectory()).flatMap(({ name }) => reportsIn(path.join(folder, name)))
  const names = entries.filter(entry => !entry.isDirectory()).map(({ name }) => name)
  if (names.includes('report.json')) return [path.join(folder, 'report.json'), ...folders]
  if (names.includes('events.jsonl')) return [path.join(folder, 'events.jsonl'), ...folders]
  // Shards' reports side by side: shard-1.json, shard-2.json, …
  return [...names.filter(name => /\.jsonl?$/.test(name)).map(name => path.join(folder, name)), ...folders]
}

/**
 * @param {string} file
 * @returns {RunResult}
 */
function read(file) {
  let value
  try {
    const text = fs.readFileSync(file, 'utf8')
    value = file.endsWith('.jsonl') ? lastOf(text) : JSON.parse(text)
  } catch (error) {
    throw invalid(file, `is no report: ${/** @type {Error} */ (error).message}`, error)
  }
  if (value === null) throw invalid(file, 'has no event runFinished: its run was cut short, so what it found is not known')
  const isResult =
    Array.isArray(value?.tests) && Array.isArray(value.errors) && Number.isInteger(value.exitCode) && Number.isFinite(value.startedAt)
  if (!isResult) throw invalid(file, 'is no report of a run: the reporters json and jsonl write them')
  return value
}

/**
 * @param {string} text events, one in a line
 * @returns {any} the result, or null
 */
function lastOf(text) {
  const line = text.trimEnd().split('\n').at(-1) ?? ''
  const event = JSON.parse(line)
  return event?.type === 'runFinished' ? event.result : null
}

/**
 * All tests, each once. One that two reports know is an error, for which of them is right nobody can say; but where all but one report did not run
 * it (`not_run`), the one that did counts.
 * @param {readonly Part[]} parts
 * @returns {TestResult[]}
 */
function mergeTests(parts) {
  /** @type {Map<string, { file: string, test: TestResult }>} */
  const merged = new Map()
  for (const { file, result } of parts) {
    for (const test of result.tests) {
      const key = `${test.repeat} ${test.id}`
      const known = merged.get(key)
      if (known === undefined || known.test.status === 'not_run') merged.set(key, { file, test })
      else if (test.status !== 'not_run') {
        throw new BrokerError(
          'invalid_report',
          `${JSON.stringify(test.id)} was run in both ${known.file} and ${file}: merge the shards of one run`,
          {
            details: { id: test.id, files: [known.file, file] }
          }
        )
      }
    }
  }
  return [...merged.values()].map(({ test }) => test)
}

/**
 * A shard whose report is not there may have failed: its absence is an error.
 * @param {readonly Part[]} parts
 * @returns {RunError[]}
 */
function missingShards(parts) {
  const shards = parts.flatMap(({ file, result }) => (result.shard === null ? [] : [{ file, ...result.shard }]))
  if (shards.length === 0) return []
  const [{ count }] = shards
  const other = shards.find(shard => shard.count !== count)
  if (other !== undefined)
    throw invalid(other.file, `is a shard of ${other.count}, ${shards[0].file} one of ${count}: merge the shards of one run`)
  const present = new Set(shards.map(({ index }) => index))
  const missing = Array.from({ length: count }, (_, at) => at + 1).filter(index => !present.has(index))
  if (missing.length > 0) return [shardMissing(`of ${count} shards there is no report of ${missing.join(', ')}`)]
  return incomplete(shards, parts)
}

/**
 * Each machine cuts by what it knows of durations: cut differently, a test may be in no shard.
 * @param {Array<import('../../run.js').ShardOf & { file: string }>} shards
 * @param {readonly Part[]} parts
 */
function incomplete(shards, parts) {
  const [{ total, digest }] = shards
  const other = shards.find(shard => shard.digest !== digest)
  if (other !== undefined) throw invalid(other.file, `is a shard of other tests than ${shards[0].file}: merge the shards of one run`)
  const ran = new Set(parts.flatMap(({ result }) => result.tests.map(test => test.id))).size
  if (ran >= total) return []
  const why = 'the machines cut them by different durations; use --shard-by hash, or give all the same history'
  return [shardMissing(`${total - ran} of ${total} tests are in no shard: ${why}`)]
}

/** @param {string} message */
function shardMissing(message) {
  return { code: 'shard_missing', message: `shard_missing: ${message}`, output: null, log: null }
}

/**
 * The runs on one line of time, with workers numbered through, so that a timeline shows them beside each other.
 * @param {readonly Part[]} parts
 * @param {number} startedAt
 * @returns {Part[]}
 */
function aligned(parts, startedAt) {
  let workers = 0
  return parts.map(({ file, result }) => {
    const before = workers
    workers += result.workers
    const shift = result.startedAt - startedAt
    const tests = result.tests.map(test => ({
      ...test,
      attempts: test.attempts.map(attempt => ({ ...attempt, at: attempt.at + shift, worker: attempt.worker + before }))
    }))
    return { file, result: { ...result, tests } }
  })
}

/**
 * @param {readonly string[]} files `report.json`, `events.jsonl`, or folders that hold such files, at any depth
 * @returns {RunResult} its exit code is the gravest of the reports', and never 0 where a shard is missing
 * @throws {BrokerError} `invalid_report`
 */
function mergeReports(files) {
  const names = [...new Set(files.flatMap(filesOf).map(file => path.resolve(file)))]
  if (names.length === 0)
    throw new BrokerError('invalid_report', 'no report to merge: name report.json files, events.jsonl files, or folders of them')
  const reports = names.map(file => ({ file, result: read(file) }))
  const startedAt = Math.min(...reports.map(({ result }) => result.startedAt))
  const parts = aligned(reports, startedAt)
  const results = parts.map(({ result }) => result)
  const tests = mergeTests(parts)
  const missing = missingShards(parts)
  const errors = [...results.flatMap(result => result.errors), ...missing]
  // A test that one report did not run and another did is known now, so what the reports say of themselves counts only where it is graver.
  const summary = summarize({ tests, errors, flags: { passWithNoTests: true } })
  const exitCode = gravest([summary.exitCode, ...results.map(result => result.exitCode)])
  return {
    runId: results.map(result => result.runId).join('+'),
    startedAt,
    duration: Math.max(...results.map(result => result.startedAt - startedAt + result.duration)),
    ...summary,
    exitCode,
    ok: exitCode === 0,
    notes: results.flatMap(result => result.notes ?? []),
    workers: results.reduce((sum, result) => sum + result.workers, 0),
    tests,
    errors,
    shard: null,
    broker: results.length === 1 ? results[0].broker : null
  }
}

module.exports = { mergeReports }
