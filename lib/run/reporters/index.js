// @ts-check
'use strict'

/**
 * Reporters: they are told what happens, in order, and write it down. Those for people are `list`, `dot` and `github`; the others write a file, or
 * standard output where none is named.
 */

const { BrokerError } = require('../../errors.js')

/**
 * @typedef {import('../../../run.js').RunEvent} RunEvent
 * @typedef {import('../../../run.js').RunResult} RunResult
 * @typedef {import('../../../run.js').ReporterName} ReporterName
 * @typedef {InstanceType<typeof BrokerError>} Failure
 *
 * @typedef {object} Reporter
 * @property {(event: RunEvent) => void} onEvent
 * @property {(result: RunResult) => Promise<void> | void} [finish] after all events, however the run ended
 *
 * @typedef {object} Shared what all reporters of a run are told
 * @property {NodeJS.WritableStream & { columns?: number, rows?: number, writableNeedDrain?: boolean }} stream
 * @property {import('./style.js').Terminal} terminal
 * @property {'quiet' | 'normal' | 'verbose'} verbosity
 * @property {boolean} streamOutput whether what tests write is shown as they write it
 * @property {boolean} explain whether to say why each test runs
 * @property {string} cwd from where paths are shown
 * @property {NodeJS.ProcessEnv} [env] default: the process's
 * @property {() => number} [now] a clock in milliseconds that only goes forward; default: the process's
 * @property {ReadonlyArray<{ name: ReporterName, output: string }>} [reports] the files that are written, to be named in the summary
 *
 * @typedef {Shared & { options: { output?: string } }} Context `output`: an absolute path
 */

/** @type {Record<ReporterName, () => { create: (context: any) => Reporter }>} */
const MODULES = {
  list: () => require('./list.js'),
  dot: () => require('./dot.js'),
  json: () => require('./json.js'),
  jsonl: () => require('./jsonl.js'),
  junit: () => require('./junit.js'),
  html: () => require('./html.js'),
  csv: () => require('./csv.js'),
  github: () => require('./github.js')
}

/** They speak of where the others' files are, so they finish last. */
const FOR_PEOPLE = new Set(['list', 'dot', 'github'])

/**
 * Several reporters as one.
 * @param {ReadonlyArray<readonly [ReporterName, { output?: string }]>} list
 * @param {Shared} context
 * @returns {Required<Reporter>} `finish` tells all of them, then rejects with the first thing that went wrong (`report_failed`, which names the file)
 */
function createReporters(list, context) {
  const reports = list.flatMap(([name, { output }]) => (output === undefined || FOR_PEOPLE.has(name) ? [] : [{ name, output }]))
  const reporters = list.map(([name, options]) => ({ name, options, ...MODULES[name]().create({ ...context, reports, options }) }))
  const last = [...reporters].sort((a, b) => Number(FOR_PEOPLE.has(a.name)) - Number(FOR_PEOPLE.has(b.name)))
  return {
    onEvent(event) {
      for (const reporter of reporters) reporter.onEvent(event)
    },
    async finish(result) {
      /** @type {Failure[]} */
      const failures = []
      for (const { name, options, finish } of last) {
        try {
          await finish?.(result)
        } catch (error) {
          failures.push(asReportFailed(error, options.output ?? name))
        }
      }
      if (failures.length === 1) throw failures[0]
      if (failures.length > 1) {
        const message = failures.map(failure => failure.message.replace(/^report_failed: /, '')).join('; ')
        throw new BrokerError('report_failed', message, { cause: new AggregateError(failures), details: { files: failures.map(fileOf) } })
      }
    }
  }
}

/** @param {Failure} failure */
const fileOf = ({ details }) => details.file

/**
 * @param {unknown} error
 * @param {string} what
 * @returns {Failure}
 */
function asReportFailed(error, what) {
  if (error instanceof BrokerError) return error
  return require('./files.js').reportFailed(what, error)
}

/**
 * The events of a run that is over, as far as its result tells: for reporters that are to show it.
 * @param {RunResult} result
 * @param {{ root?: string, logs?: string }} [where]
 * @returns {RunEvent[]}
 */
const fromResult = (result, where) => require('./replay.js').fromResult(result, where)

module.exports = { createReporters, fromResult }
