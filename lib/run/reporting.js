// @ts-check
'use strict'

/** The reporters that a config names, on this process's standard output. */

const path = require('node:path')
const { TO_STDOUT } = require('./config/reporters.js')
const { createReporters } = require('./reporters/index.js')
const { terminalOf } = require('./reporters/style.js')

const FILES = { json: 'report.json', jsonl: 'events.jsonl', junit: 'junit.xml', html: 'report.html', csv: 'report.csv' }

/** @typedef {Pick<import('../cli/run-options.js').Display, 'stream' | 'verbose' | 'quiet' | 'color' | 'explain'>} Display */

/**
 * @param {import('./config/index.js').ResolvedConfig} config
 * @param {Display} display
 */
function makeReporters(config, { stream, verbose, quiet, color, explain }) {
  const { stdout } = process
  const terminal = terminalOf(stdout, color ? process.env : { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined })
  const listed = config.reporters.map(([name, { output }]) => {
    const usual = FILES[/** @type {keyof typeof FILES} */ (name)]
    return /** @type {[import('../../run.js').ReporterName, { output?: string }]} */ ([
      name,
      usual === undefined ? {} : { output: output ?? path.join(config.output, usual) }
    ])
  })
  // Who asks for files only still wants to see what fails.
  if (!listed.some(([name]) => TO_STDOUT.has(name))) listed.push(['list', {}])
  const verbosity = quiet ? 'quiet' : verbose ? 'verbose' : 'normal'
  return createReporters(listed, { stream: stdout, terminal, verbosity, streamOutput: stream, explain, cwd: process.cwd() })
}

/**
 * Reporters anew for each cycle of a run.
 * @param {import('./config/index.js').ResolvedConfig} config
 * @param {Display} display
 */
function reportCycles(config, display) {
  /** @type {ReturnType<typeof makeReporters> | null} */
  let reporters = null
  return {
    /** @param {import('../../run.js').RunEvent} event */
    onEvent(event) {
      if (event.type === 'runStarted') reporters = makeReporters(config, display)
      reporters?.onEvent(event)
    },
    /** @param {import('../../run.js').RunResult} result */
    async ended(result) {
      const finished = reporters
      reporters = null
      await finished?.finish(result)
    }
  }
}

module.exports = { makeReporters, reportCycles }
