// @ts-check
'use strict'

/** `start`: a broker in this process, for as long as a command runs or until it is stopped. */

const { Option } = require('commander')
const { once } = require('node:events')
const path = require('node:path')
const { runCommand } = require('./command.js')
const { ExitCode, printError, printHint, printResult } = require('./output.js')
const { UsageError, secret, wholeNumber } = require('./values.js')

const MORE = `
An option that is not given leaves the matter to the environment variable in
parentheses.

With a command: it finds the broker in EPHEMERAL_PIPE, and the secret in
EPHEMERAL_SECRET. SIGINT, SIGTERM and SIGHUP are passed on to it. A second one,
or --grace ms after SIGTERM or SIGHUP, kills it and what it started. What it
leaves in the background ends with it (at a terminal: does not). A start below
another one has a broker of its own, which its command finds.

Without a command: prints the pipe on standard output and runs until SIGINT,
SIGTERM or SIGHUP.

Exit codes:
  the command's own, or 128 + n when signal n ended it
  0    without a command: stopped
  1    the command ended with 0, but a shared worker failed, or something was
       not released (--leaks fail)
  2    the command line is wrong
  3    the broker could not be started
  126  the command cannot be executed
  127  there is no such command

Examples:
  $ ephemeral-broker start -- npx jest
  $ ephemeral-broker start --secret -- npx wdio run wdio.conf.js
  $ ephemeral-broker start --ttl 60000 --pipe-id my-tests`

/**
 * @param {import('commander').Command} program
 * @param {import('./output.js').Context} context
 */
function addStart(program, context) {
  const ms = 'milliseconds'
  const command = program
    .command('start')
    .description('start a broker, for a command or until stopped')
    .argument('[command...]', 'what to run with the broker, and its arguments')
    .usage('[options] [-- command …]')
    .passThroughOptions()
    .option(
      '--ttl <ms>',
      'how long a value lives that is set without a TTL; 0: for ever (BROKER_DEFAULT_TTL)',
      wholeNumber(0, ms, 'for ever')
    )
    .option('--require-ttl', 'refuse values without a TTL (BROKER_REQUIRE_TTL, else yes)')
    .option('--no-require-ttl', 'accept them')
    .option('--refresh-ttl-on-get', 'reading a value starts its TTL again (BROKER_REFRESH_TTL_ON_GET)')
    .option('--max-items <n>', 'the most values; 0: no limit (BROKER_MAX_ITEMS)', wholeNumber(0, 'values', 'no limit'))
    .option('--max-value-size <bytes>', 'the most bytes of one value (BROKER_MAX_VALUE_SIZE)', wholeNumber(1, 'bytes'))
    .option('--max-request-size <bytes>', 'the most bytes of one request (BROKER_MAX_REQUEST_SIZE)', wholeNumber(1, 'bytes'))
    .option('--max-connections <n>', 'the most connections (BROKER_MAX_CONNECTIONS)', wholeNumber(1, 'connections'))
    .option('--lease-start <n>', 'the lowest number that a lease gives (BROKER_LEASE_START, else 1)', wholeNumber(0, ''))
    .option('--pipe-id <id>', 'name the pipe: 1 to 32 of A-Z a-z 0-9 . _ - (else a random name)')
    .option(
      '--secret [value]',
      'workers must know this secret; without a value: a random one, which only the command gets. Others on this machine can read a value here, so prefer the environment variable (EPHEMERAL_SECRET)',
      secret
    )
    .option(
      '--idle-timeout <ms>',
      'stop when no request has come for this long; 0: never (BROKER_IDLE_TIMEOUT)',
      wholeNumber(0, ms, 'never')
    )
    .option('--heartbeat-interval <ms>', 'log the state each so many ms; 0: never (BROKER_HEARTBEAT_INTERVAL)', wholeNumber(0, ms, 'never'))
    .addOption(
      new Option('--log-level <level>', 'what is logged on standard error (BROKER_LOG_LEVEL, else warn)').choices([
        'debug',
        'info',
        'warn',
        'error',
        'silent'
      ])
    )
    .option('--structured-logging', 'log lines of JSON (BROKER_STRUCTURED_LOGGING)')
    .option('--debug', 'short for --log-level debug (BROKER_DEBUG)')
    .option(
      '--config <file>',
      'where pools, values, rateLimits and leaks are declared (default: ephemeral-broker.config.js, .toml or .json, here or above)'
    )
    .option('--no-config', 'look for no config')
    .addOption(
      new Option('--leaks <what>', 'what becomes of a run whose tests do not release what they took (default: warn)').choices([
        'warn',
        'fail',
        'off'
      ])
    )
    .option('--no-summary', 'say nothing of pools, waits and leaks at the end')
    .option('--grace <ms>', 'how long the command may take to end after SIGTERM (default: 5000)', wholeNumber(0, ms))
    .option('--json', 'print {"pipe":…,"pid":…} instead of the pipe, and errors as JSON')
    .addHelpText('after', MORE)
  command.action(async (/** @type {string[]} */ words) => {
    const given = { ...program.opts(), ...command.opts() }
    context.json = Boolean(given.json)
    check(given, words, process.argv)
    process.exitCode = words.length > 0 ? await startWith(words, given, context) : await startAlone(given, context)
  })
}

/**
 * @param {any} given
 * @param {string[]} words
 * @param {string[]} argv
 */
function check(given, words, argv) {
  if (given.pipe !== undefined) throw new UsageError('--pipe names a broker that runs; "start" takes --pipe-id')
  if (words.length === 0) {
    if (given.secret === true) {
      throw new UsageError('--secret without a value makes a secret that only the command gets; without a command, set EPHEMERAL_SECRET')
    }
  } else if (typeof given.secret === 'string' && argv.includes('--secret') && argv.at(-words.length - 1) !== '--') {
    // "start --secret npx jest": is "npx" the secret? Not to be guessed.
    throw new UsageError('put "--" before the command: start --secret -- …')
  }
}

/**
 * What the command line and the config say.
 * @param {any} given
 * @param {import('./output.js').Context} context
 */
async function settingsOf(given, context) {
  const { config = true, leaks, secret } = given
  const { readSettings } = require('../integrations/options.js')
  const summary = given.summary && !context.json
  const settings = await readSettings(
    'start',
    { leaks, secret, summary },
    config === true ? process.cwd() : config !== false ? { file: path.resolve(config) } : null
  )
  // Lines for people are no errors as JSON.
  return context.json ? { ...settings, leaks: settings.leaks === 'warn' ? /** @type {const} */ ('off') : settings.leaks } : settings
}

/**
 * What was not given stays undefined, so that the environment decides.
 * @param {any} given
 * @param {Record<string, any>} pools
 */
function makeBroker(given, pools) {
  const { Broker } = require('../broker.js')
  return new Broker({
    pools,
    defaultTTL: given.ttl,
    requireTTL: given.requireTtl,
    refreshTTLOnGet: given.refreshTtlOnGet,
    maxItems: given.maxItems,
    maxValueSize: given.maxValueSize,
    maxRequestSize: given.maxRequestSize,
    maxConnections: given.maxConnections,
    leaseStart: given.leaseStart,
    pipeId: given.pipeId,
    secret: given.secret,
    idleTimeout: given.idleTimeout,
    heartbeatInterval: given.heartbeatInterval,
    logLevel: given.logLevel,
    structuredLogging: given.structuredLogging,
    debug: given.debug
  })
}

/**
 * @param {string[]} words
 * @param {any} given
 * @param {import('./output.js').Context} context
 * @returns {Promise<number>} the exit code
 */
async function startWith(words, given, context) {
  const settings = await settingsOf(given, context)
  const broker = makeBroker(given, settings.pools)
  broker.once('stopped', ({ reason, error }) => {
    if (reason === 'failure') printError(error?.code ?? 'failed', `the broker failed: ${error?.message}`, context)
  })
  const { serve } = require('../integrations/host.js')
  /** @type {Awaited<ReturnType<typeof serve>> | undefined} */
  let host
  let failed = false
  const frame = {
    start: async () => {
      host = await serve(broker, settings)
    },
    spawn: broker.spawn.bind(broker),
    stop: async () => {
      failed = (await host?.stop())?.failed ?? false
    }
  }
  const code = await runCommand(frame, words, given.grace ?? 5000)
  // Why was told before.
  return code === ExitCode.OK && failed ? ExitCode.FALSE : code
}

/**
 * @param {any} given
 * @param {import('./output.js').Context} context
 * @returns {Promise<number>} the exit code
 */
async function startAlone(given, context) {
  const settings = await settingsOf(given, context)
  const broker = makeBroker(given, settings.pools)
  const stopped = once(broker, 'stopped')
  const { serve } = require('../integrations/host.js')
  const starting = serve(broker, settings)
  let asked = false
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, async () => {
      const again = asked
      asked = true
      const host = await starting
      // Who asks again does not want to wait for the requests under way.
      if (!again) await broker.drain()
      await host.stop()
    })
  }
  const { pipe } = await starting
  printResult(context.json ? { pipe, pid: process.pid } : pipe, context)
  if (!context.json) printHint(`Workers find this broker with EPHEMERAL_PIPE=${pipe}\nCtrl-C or SIGTERM stops it.`)
  const [{ reason, error }] = await stopped
  if (reason !== 'failure') return ExitCode.OK
  printError(error?.code ?? 'failed', `the broker failed: ${error?.message}`, context)
  return ExitCode.FAILED
}

module.exports = { addStart }
