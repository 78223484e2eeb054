// @ts-check
'use strict'

/** `ephemeral-broker run` and what goes with it: reporters, signals, exit codes. */

const _path = require('node:path')
const { BrokerError } = require('../errors.js')
const { printError, printResult } = require('../cli/output.js')
const { makeReporters, reportCycles } = require('./reporting.js')

/** A signal that comes twice within this time (ms) is one wish: `timeout` and npm send it to a process and to its group. */
const TOGETHER = 300

/** Before any test was run: the config, a list or a setup is wrong. */
const SETUP = 2

/** What becomes of work in hand when a signal ends it: no news. */
const STOPPED = new Set(['aborted', 'list_failed', 'setup_failed'])

/**
 * @typedef {import('../cli/run-options.js').RunRequest} RunRequest
 * @typedef {import('../cli/output.js').Context} Context
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {InstanceType<typeof import('./session.js').Session>} Session
 */

/**
 * @param {RunRequest} request
 * @param {Context} context
 * @returns {Promise<number>} the exit code
 */
async function runFromCli(request, context) {
  try {
    return await commands[request.mode](request, context)
  } catch (error) {
    const { code = 'run_failed', message, stack } = /** @type {any} */ (error)
    printError(code, error instanceof BrokerError ? message : stack, context)
    return SETUP
  }
}

const commands = { run: runTests, list: printTests, 'show-config': showConfig, clean, merge }

/** @param {RunRequest} request */
function load({ configPath, cli, options }) {
  return require('./config/index.js').loadConfig({ configPath, cli, profile: options.profile, selected: options.projects })
}

/** @param {RunRequest} request */
async function loadToRun(request) {
  const config = await load(request)
  require('./config/index.js').requireCommands(config)
  return config
}

/**
 * @param {RunRequest} request
 * @param {Context} context
 */
async function runTests(request, context) {
  keepSmall()
  const config = await loadToRun(request)
  const { Session } = require('./session.js')
  const { options, display } = request
  const { onEvent, ended } = reportCycles(config, display)
  const session = new Session(config, { ...options, stream: display.stream, exclusive: true, onEvent })
  return untilSignals(session, context, async endedBy => {
    if (options.watch) {
      await watchTests(session, ended, context)
      // How else it ends, is thrown.
      return require('./reporters/counts.js').signalExit(endedBy() ?? 'SIGINT')
    }
    const result = await require('./index.js').runSession(session)
    await ended(result)
    return result.exitCode
  })
}

/** Memory is for tests and servers: with many tests this process would take half as much again, and would be no faster for it. It waits for others. */
function keepSmall() {
  for (const flag of ['--semi-space-growth-factor=1', '--heap-growing-percent=20', '--no-opt']) require('node:v8').setFlagsFromString(flag)
}

/**
 * @param {Session} session
 * @param {(result: RunResult) => Promise<void>} ended
 * @param {Context} context
 */
function watchTests(session, ended, context) {
  const waits = (/** @type {string[]} */ rewritten) => {
    for (const file of rewritten) console.log(`${file} changes each time that tests run: not run again for that.`)
    console.log('Waiting for changes. Ctrl-C ends.')
  }
  const outdated = (/** @type {string} */ file) => console.log(`${file} has changed: end this and start it again to use it.`)
  const failed = (/** @type {import('../../run.js').RunError} */ { code, message }) => printError(code, message, context)
  return require('./watch.js').watch(session, { ended, waits, outdated, failed })
}

/**
 * What fails when it was asked to stop by a signal ends with that signal's exit code.
 * @param {Session} session
 * @param {Context} context
 * @param {(endedBy: () => NodeJS.Signals | undefined) => Promise<number>} work
 */
async function untilSignals(session, context, work) {
  const signals = catchSignals(session)
  try {
    return await work(signals.first)
  } catch (error) {
    const signal = signals.first()
    if (!signal) throw error
    const { code, message } = /** @type {any} */ (error)
    if (!STOPPED.has(code)) printError(code ?? 'run_failed', message, context)
    return require('./reporters/counts.js').signalExit(signal)
  } finally {
    signals.off()
  }
}

/**
 * The first asks what runs to end; who asks again does not want to wait.
 * @param {Session} session
 */
function catchSignals(session) {
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  /** @type {NodeJS.Signals | undefined} */
  let first
  let firstAt = 0
  const handle = (/** @type {NodeJS.Signals} */ signal) => {
    if (first === undefined) {
      first = signal
      firstAt = performance.now()
      session.stop(signal)
    } else if (performance.now() - firstAt > TOGETHER) {
      session.stop(signal, { now: true })
    }
  }
  for (const signal of signals) process.on(signal, handle)
  return {
    first: () => first,
    off() {
      for (const signal of signals) process.off(signal, handle)
    }
  }
}

/**
 * @param {RunRequest} request
 * @param {Context} context
 */
async function printTests(request, context) {
  const { Session } = require('./session.js')
  const config = await loadToRun(request)
  const session = new Session(config, { ...request.options, exclusive: true })
  return untilSignals(session, context, () => printChosen(session, request, context))
}

/**
 * @param {Session} session
 * @param {RunRequest} request
 * @param {Context} context
 */
async function printChosen(session, request, context) {
  await session.open()
  try {
    const { chosen, empty } = await session.choose()
    if (request.display.json)
      printResult(
        chosen.map(({ id, project, group, file, name, tags }) => ({ id, project, group, file, name, tags })),
        context
      )
    else for (const { id } of chosen) console.log(id)
    const { Exit } = require('./reporters/counts.js')
    return empty === 'none' && !session.config.passWithNoTests ? Exit.NO_TESTS : Exit.OK
  } finally {
    await session.close()
  }
}

/** @param {RunRequest} request */
async function showConfig(request) {
  const { configAsJson, showConfig: show } = require('./config/show.js')
  const config = await load(request)
  console.log(request.display.json ? JSON.stringify(configAsJson(config), null, 2) : show(config))
  return 0
}

/**
 * @param {RunRequest} _request
 * @param {Context} context
 */
async function clean(_request, context) {
  const native = require('../native.js')
  const { tmpdir } = require('node:os')
  /** @type {Array<{ runId: string, dir: string, killed: number[] }>} */
  const cleaned = JSON.parse(native.cleanRuns(tmpdir()))
  if (context.json) printResult(cleaned, context)
  else if (cleaned.length === 0) console.log('Nothing is left of earlier runs.')
  for (const { dir, killed } of context.json ? [] : cleaned) {
    console.log(`${dir} removed${killed.length > 0 ? `, and processes ${killed.join(', ')} ended` : ''}`)
  }
  return 0
}

/** @param {RunRequest} request */
async function merge(request) {
  const { mergeReports } = require('./merge.js')
  const { fromResult } = require('./reporters/index.js')
  const result = mergeReports(request.files)
  const config = await load(request)
  const reporters = makeReporters(config, request.display)
  for (const event of fromResult(result)) reporters.onEvent(event)
  await reporters.finish(result)
  return result.exitCode
}

module.exports = { runFromCli }
