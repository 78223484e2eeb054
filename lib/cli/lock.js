// @ts-check
'use strict'

/** `lock`: a command that runs while this process holds a lock. */

const { spawn } = require('node:child_process')
const { addClientOptions, makeClient } = require('./client.js')
const { runCommand } = require('./command.js')
const { printHint } = require('./output.js')
const { UsageError, wholeNumber } = require('./values.js')

const MORE = `
The lock is released when the command ends, and when this process does, however
that happens. The command finds the broker in EPHEMERAL_PIPE. SIGINT, SIGTERM
and SIGHUP are passed on to it. A second one, or --grace ms after SIGTERM or
SIGHUP, kills it and what it started. What it leaves in the background ends
with it (at a terminal: does not).

Exit codes:
  the command's own, or 128 + n when signal n ended it
  2    the command line is wrong
  3    no broker there, or somebody else held the lock for all of --wait
  126  the command cannot be executed
  127  there is no such command

Examples:
  $ ephemeral-broker lock migrations -- npm run migrate
  $ ephemeral-broker lock schema --shared --wait 10000 -- npm test`

/**
 * @param {import('commander').Command} program
 * @param {import('./output.js').Context} context
 */
function addLock(program, context) {
  const ms = 'milliseconds'
  const command = program
    .command('lock')
    .description('run a command while holding a lock')
    .argument('<name>', 'the lock')
    .argument('<command...>', 'what to run, and its arguments')
    .usage('[options] <name> -- command …')
    .option('--shared', 'together with others that share, and with nobody who does not')
    .option('--wait <ms>', 'how long to wait for it, in milliseconds (default: 60000)', wholeNumber(0, ms, 'not at all'))
    .option('--grace <ms>', 'how long the command may take to end after SIGTERM (default: 5000)', wholeNumber(0, ms))
  addClientOptions(command)
  command.addHelpText('after', MORE).action(async (/** @type {string} */ name, /** @type {string[]} */ words) => {
    const given = { ...program.opts(), ...command.opts() }
    context.json = Boolean(given.json)
    // Without it, whose "--wait" is that?
    if (process.argv.at(-words.length - 1) !== '--') throw new UsageError('put "--" before the command: lock <name> -- …')
    process.exitCode = await runCommand(holding(name, words[0], given), words, given.grace ?? 5000)
  })
}

/**
 * @param {string} name
 * @param {string} doing what others see that the lock is held for; not its arguments, which may be secret
 * @param {import('./client.js').ClientOptions & { shared?: boolean, wait?: number }} options
 * @returns {import('./command.js').Frame}
 */
function holding(name, doing, options) {
  const client = makeClient(options)
  /** @type {import('../..').Lock | undefined} */
  let lock
  return {
    async start(signal) {
      client.describe(doing)
      lock = await client.lock(name, { shared: options.shared, wait: options.wait, signal })
      // With the broker all who could want it are gone: no reason to end the command.
      lock.signal.addEventListener('abort', () => printHint(`ephemeral-broker: ${lock?.signal.reason.message}`))
    },
    spawn: (command, args, more) => {
      const secret = options.secret === undefined ? {} : { EPHEMERAL_SECRET: options.secret }
      return spawn(command, args, { stdio: 'inherit', ...more, env: { ...process.env, EPHEMERAL_PIPE: client.pipe, ...secret } })
    },
    async stop() {
      // Before this process ends, so that who comes next finds it free. Without a broker there is nothing to release.
      await lock?.release().catch(() => {})
      await client.close()
    }
  }
}

module.exports = { addLock }
