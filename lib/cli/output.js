// @ts-check
'use strict'

/** What a command prints, and the exit codes. */

/** @typedef {{ json: boolean }} Context how results and errors are printed */

const ExitCode = Object.freeze({ OK: 0, FALSE: 1, USAGE: 2, FAILED: 3, NOT_EXECUTABLE: 126, NOT_FOUND: 127, SIGNAL: 128 })

const ABSENT = new Set(['not_found', 'expired'])
const WRONG_CALL = new Set([
  'invalid_config',
  'invalid_option',
  'invalid_ttl',
  'invalid_value',
  'key_and_worker_required',
  'key_required',
  'no_pipe',
  'ttl_required',
  'usage',
  'worker_required'
])

/** @param {string} code a BrokerError's, or one of the command line's own */
function exitCodeOf(code) {
  if (code === 'command_not_found') return ExitCode.NOT_FOUND
  if (code === 'not_executable') return ExitCode.NOT_EXECUTABLE
  if (ABSENT.has(code)) return ExitCode.FALSE
  return WRONG_CALL.has(code) ? ExitCode.USAGE : ExitCode.FAILED
}

/** A reader that has seen enough (`| head -1`) is no error, and what the process was doing goes on. */
function guardStreams() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', error => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') process.exitCode = ExitCode.FAILED
    })
  }
}

/**
 * A string as it is, anything else as JSON; with `--json` everything as JSON.
 * @param {unknown} value
 * @param {Context} context
 */
function printResult(value, { json }) {
  const text = typeof value === 'string' && !json ? value : JSON.stringify(value, null, process.stdout.isTTY && !json ? 2 : 0)
  process.stdout.write(`${text}\n`)
}

/**
 * @param {string} code
 * @param {string} message
 * @param {Context} context
 */
function printError(code, message, { json }) {
  process.stderr.write(json ? `${JSON.stringify({ error: code, message })}\n` : `ephemeral-broker: ${message}\n`)
}

/**
 * For people, so never on standard output, which is for programs.
 * @param {string} text
 */
function printHint(text) {
  process.stderr.write(`${text}\n`)
}

module.exports = { ExitCode, exitCodeOf, guardStreams, printError, printHint, printResult }
