// @ts-check
'use strict'

/**
 * The command line: `ephemeral-broker run` runs tests (run.js), `start` hosts a broker (start.js), `status` shows what goes on in one (status.js), `lock` runs a command that
 * holds a lock (lock.js), the other commands are one request each (calls.js).
 * Nothing here loads the native addon before a command needs it: `--help` works wherever Node does.
 */

const { Command, CommanderError } = require('commander')
const { version } = require('../../package.json')
const { addCalls } = require('./calls.js')
const { addClientOptions } = require('./client.js')
const { addLock } = require('./lock.js')
const { addInit } = require('./init.js')
const { ExitCode, exitCodeOf, guardStreams, printError } = require('./output.js')
const { addRun } = require('./run.js')
const { addStart } = require('./start.js')
const { addStatus } = require('./status.js')

const MORE = `
Examples:
  See what to add for this project's test runner:
    $ ephemeral-broker init

  Run each test file on one of four workers, each with a server of its own:
    $ ephemeral-broker run -w 4 --server "npm run dev" --ready /health \\
        -- npx vitest run {file}

  Run tests with a broker. They find it in EPHEMERAL_PIPE; it is gone when they
  are done:
    $ ephemeral-broker start -- npx jest

  Keep a broker running, and use it from another terminal:
    $ ephemeral-broker start
    $ export EPHEMERAL_PIPE=…    (the line that it printed)
    $ ephemeral-broker set token abc --ttl 60000
    $ ephemeral-broker get token
    $ ephemeral-broker lease accounts worker-1

  Run something while nobody else does, and see who waits for it:
    $ ephemeral-broker lock migrations -- npm run migrate
    $ ephemeral-broker status --watch

Exit codes:
  0  done, or true
  1  false: no such key, nothing to release, not healthy
  2  the command line is wrong
  3  it could not be done: no broker there, wrong secret, broker full, …
  "run", "start" and "lock" have more: see their --help.`

/**
 * @param {string[]} argv as process.argv
 * @returns {Promise<void>} sets process.exitCode
 */
async function main(argv) {
  guardStreams()
  // What decides before (or instead of) a command how errors are told. A command that was understood corrects it.
  const context = { json: argv.slice(2, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json') }
  try {
    await makeProgram(context).parseAsync(argv)
  } catch (error) {
    process.exitCode = report(error, context)
  }
}

/** @param {import('./output.js').Context} context */
function makeProgram(context) {
  const program = new Command('ephemeral-broker')
    .description(
      'Accounts, tokens and locks that parallel test workers share: a broker in memory,\nthat starts with the test run and is gone when the run is over.'
    )
    .version(version)
    .enablePositionalOptions()
    .addHelpText('after', MORE)
    .exitOverride()
    .configureOutput({ outputError: text => printError('usage', text.replace(/^error: /, '').trim(), context) })
  if (!context.json) program.showHelpAfterError('(--help tells more)')
  addClientOptions(program)
  addRun(program, context)
  addStart(program, context)
  addStatus(program, context)
  addLock(program, context)
  addInit(program, context)
  addCalls(program, context)
  return program
}

/**
 * @param {any} error
 * @param {import('./output.js').Context} context
 * @returns {number} the exit code
 */
function report(error, context) {
  if (error instanceof CommanderError) {
    // Commander has said what there was to say; its exit code for help that was asked for is 0, for everything else 1.
    return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
  }
  if (typeof error?.code === 'string') {
    printError(error.code, error.message, context)
    return exitCodeOf(error.code)
  }
  printError('failed', error?.stack ?? String(error), context)
  return ExitCode.FAILED
}

module.exports = { main }
