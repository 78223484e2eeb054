// @ts-check
'use strict'

/** `run`: tests as commands, on isolated workers. And what goes with it: `show-config`, `clean`, `merge-reports`. */

const { Command } = require('commander')
const { addConfigOptions, addReporterOptions, addRunOptions, toRequest } = require('./run-options.js')

const MORE = `
A test is a command. Where there is no config file, it stands behind "--", and
may hold {file}, {test}, {pattern}, {id}, {project}, {group}, {worker}, {dir},
{port} and {url}. Filters are parts of ids, which look like
project:file > name. A time without a unit is in milliseconds.

The config file is ephemeral-broker.toml, ephemeral-broker.json or
ephemeral-broker.config.js, .mjs or .cjs, here or in a folder above, up to the
repository's root. The command line wins over the environment, that over
overrides, those over a project, that over the profile, that over the rest.

Environment: EPHEMERAL_RUN_WORKERS, EPHEMERAL_RUN_RETRIES,
EPHEMERAL_RUN_TIMEOUT (of a test), EPHEMERAL_RUN_REPORTER (list,junit=a.xml),
EPHEMERAL_RUN_OUTPUT (the folder), EPHEMERAL_RUN_CACHE (1 or 0),
EPHEMERAL_RUN_PROFILE or EPHEMERAL_PROFILE.

Exit codes:
  0        all passed
  1        tests failed
  2        the command line, the config or a setup is wrong
  3        the run could not do its work: a server or a worker was lost
  4        there were no tests
  124      out of time
  128 + n  ended by signal n

Examples:
  $ ephemeral-broker run
  $ ephemeral-broker run users --parallel 4 --reporter list --reporter html
  $ ephemeral-broker run --service users --parallel 0
  $ ephemeral-broker run --changed=main --explain
  $ ephemeral-broker run --shard 1/4 --reporter json=shard-1.json
  $ ephemeral-broker run -w 4 --server "npm run dev" --ready /health \\
      -- npx vitest run {file}`

const MERGE_MORE = `
Examples:
  $ ephemeral-broker merge-reports shard-*.json --reporter html
  $ ephemeral-broker merge-reports shard-*.json --reporter junit=all.xml`

/**
 * @typedef {import('./output.js').Context} Context
 * @typedef {import('./run-options.js').RunRequest} RunRequest
 */

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addRun(program, context) {
  addRunCommand(program, given => execute(given, context))
  addShowConfig(program, context)
  addClean(program, context)
  addMerge(program, context)
}

/**
 * @param {import('commander').Command} program
 * @param {(request: RunRequest) => Promise<void> | void} act
 */
function addRunCommand(program, act) {
  const command = program
    .command('run')
    .description('run tests on isolated workers, each with a directory, a port and\nservers of its own')
    .argument('[filters...]', 'run only tests whose id contains one of these')
    .usage('[filters…] [options] [-- command …]')
  addRunOptions(command)
  command.addHelpText('after', MORE).action((/** @type {string[]} */ words) => {
    const behind = wordsBehindDashes(program)
    const filters = words.slice(0, words.length - behind.length)
    return act(toRequest({ ...pick(program.opts(), 'json'), ...command.opts() }, filters, behind))
  })
}

/**
 * Commander does not tell filters from the command.
 * @param {import('commander').Command} program
 */
function wordsBehindDashes(program) {
  const { rawArgs } = /** @type {{ rawArgs: string[] }} */ (/** @type {unknown} */ (program))
  const at = rawArgs.indexOf('--')
  return at === -1 ? [] : rawArgs.slice(at + 1)
}

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addShowConfig(program, context) {
  const command = program.command('show-config').description('print the settings of "run" that hold, and where each comes from')
  addRunOptions(command)
  command.action(() =>
    execute({ ...toRequest({ ...pick(program.opts(), 'json'), ...command.opts() }, [], []), mode: 'show-config' }, context)
  )
}

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addClean(program, context) {
  const command = program
    .command('clean')
    .description('end processes and remove directories that are left of runs which were killed')
    .option('--json', 'print JSON, errors too')
  addConfigOptions(command)
  command.action(() => execute({ ...toRequest({ ...pick(program.opts(), 'json'), ...command.opts() }, [], []), mode: 'clean' }, context))
}

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addMerge(program, context) {
  const command = program
    .command('merge-reports')
    .description('make one report of those of several shards, written by --reporter json')
    .argument('<files...>', 'the reports')
    .option('--json', 'print JSON, errors too')
  addReporterOptions(command)
  addConfigOptions(command)
  command
    .addHelpText('after', MERGE_MORE)
    .action((/** @type {string[]} */ files) =>
      execute({ ...toRequest({ ...pick(program.opts(), 'json'), ...command.opts() }, [], []), mode: 'merge', files }, context)
    )
}

/**
 * What stands before the name of a command counts too.
 * @param {Record<string, any>} options
 * @param {string} key
 */
function pick(options, key) {
  return options[key] === undefined ? {} : { [key]: options[key] }
}

/**
 * @param {RunRequest} request
 * @param {Context} context
 */
async function execute(request, context) {
  context.json = request.display.json
  const { runFromCli } = require('../run/cli.js')
  process.exitCode = await runFromCli(request, context)
}

/**
 * What the words behind `ephemeral-broker run` ask for.
 * @param {string[]} args
 * @returns {RunRequest}
 * @throws {import('commander').CommanderError | import('./values.js').UsageError} which has not been printed
 */
function parseRun(args) {
  /** @type {RunRequest | undefined} */
  let parsed
  const program = new Command()
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  addRunCommand(program, request => {
    parsed = request
  })
  program.parse(['run', ...args], { from: 'user' })
  return /** @type {RunRequest} */ (/** @type {unknown} */ (parsed))
}

module.exports = { addRun, parseRun }
