// @ts-check
'use strict'

const { loadConfig, requireCommands } = require('./config/index.js')
const { checkOptions } = require('./options.js')
const { Exit } = require('./reporters/counts.js')
const { Session } = require('./session.js')

/**
 * @param {import('../../run.js').RunConfig | string} [config]
 * @param {import('../../run.js').RunOptions} [options]
 * @returns {Promise<import('../../run.js').RunResult>}
 */
async function run(config, options = {}) {
  checkOptions(options)
  const given = typeof config === 'string' ? { configPath: config } : { config }
  const resolved = await loadConfig({ ...given, root: options.root, profile: options.profile, selected: options.projects })
  requireCommands(resolved)
  if (!options.reporters) return runWith(resolved, options)
  const { reportCycles } = require('./reporting.js')
  const display = { stream: options.stream ?? false, verbose: false, quiet: false, color: true, explain: false }
  const { onEvent, ended } = reportCycles(resolved, display)
  const both = (/** @type {import('../../run.js').RunEvent} */ event) => {
    onEvent(event)
    options.onEvent?.(event)
  }
  return runWith(resolved, { ...options, onEvent: both }, ended)
}

/**
 * @param {import('./config/index.js').ResolvedConfig} config
 * @param {import('../../run.js').RunOptions} options
 * @param {(result: import('../../run.js').RunResult) => Promise<void>} [ended] after each cycle
 */
async function runWith(config, options, ended) {
  const session = new Session(config, options)
  if (options.watch) return require('./watch.js').watch(session, { ended })
  const result = await runSession(session)
  await ended?.(result)
  return result
}

/**
 * @param {InstanceType<typeof Session>} session
 * @returns {Promise<import('../../run.js').RunResult>}
 */
async function runSession(session) {
  await session.open()
  let result
  try {
    result = await session.cycle()
  } finally {
    const report = await session.close()
    if (result) addReport(result, report)
  }
  session.finish(result)
  return result
}

/**
 * What the broker knew at its end.
 * @param {import('../../run.js').RunResult} result
 * @param {import('../../index.js').BrokerReport} report
 */
function addReport(result, report) {
  result.broker = report
  for (const { filename, message, stack } of report.sharedWorkerErrors) {
    const error = { code: 'shared_worker_failed', message: `shared_worker_failed: ${filename}: ${message}`, output: stack, log: null }
    result.errors.push(error)
  }
  if (report.sharedWorkerErrors.length > 0 && result.ok) {
    result.exitCode = Exit.INFRASTRUCTURE
    result.ok = false
  }
}

module.exports = { addReport, run, runSession }
