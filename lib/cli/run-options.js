// @ts-check
'use strict'

/** The flags of `run`, and what they say of a run. */

const { Option } = require('commander')
const {
  each,
  notEmpty,
  readiness,
  regularExpression,
  reporter,
  serverPort,
  serverUrl,
  shard,
  share,
  time,
  workers
} = require('./run-values.js')
const { UsageError, wholeNumber } = require('./values.js')

/**
 * @typedef {'run' | 'list' | 'show-config' | 'clean' | 'merge'} Mode
 * @typedef {object} Display how the run is told of
 * @property {boolean} stream output at once
 * @property {boolean} verbose
 * @property {boolean} quiet
 * @property {boolean} color false: it was asked for none
 * @property {boolean} explain for each test, why it ran
 * @property {boolean} json lists and configs as JSON
 */

/**
 * What is asked of the runner.
 * @typedef {object} RunRequest
 * @property {Mode} mode
 * @property {string | undefined} configPath as it was given
 * @property {import('../run/config/index.js').CliConfig} cli
 * @property {import('../../run.js').RunOptions} options
 * @property {Display} display
 * @property {string[]} files the reports to merge
 */

const MODES = ['service', 'file', 'test']

/**
 * Their order is that of the help.
 * @param {import('commander').Command} command
 */
function addRunOptions(command) {
  addSelection(command)
  addScheduling(command)
  addServers(command)
  addOutcomes(command)
  addReporting(command)
  addConfigOptions(command)
  return command
}

/** @param {import('commander').Command} command */
function addSelection(command) {
  command
    .optionsGroup('Which tests (repeatable: any of several):')
    .option('-f, --file <text>', 'those in files that contain this', each(notEmpty))
    .option('-t, --grep <regex>', 'those whose id matches this regular expression', each(regularExpression))
    .option('-s, --service <name>', 'those of this project or group', each(notEmpty))
    .option('--project <name>', 'the same', each(notEmpty))
    .option('--tag <tag>', 'those with this tag', each(notEmpty))
    .option('--exclude-tag <tag>', 'those without it', each(notEmpty))
    .option('--shard <i/n>', 'the i-th of n parts of them, i from 1 on', shard)
    .addOption(
      new Option('--shard-by <how>', 'by recorded durations (default), in slices, or by hash').choices(['duration', 'slice', 'hash'])
    )
    .option('--changed [ref]', 'those whose inputs differ from this commit; without one: from the last')
    .option('--last-failed', 'those that failed or were not run last time, and new ones')
    .option('--full', 'those too that the cache has a result for; what comes of them is recorded')
    .option('--files <glob>', 'the test files there are (repeatable)', each(notEmpty))
    .option('--list-command <command>', 'a command that prints the tests there are', notEmpty)
    .option('--pass-with-no-tests', 'no tests are no failure')
}

/** @param {import('commander').Command} command */
function addScheduling(command) {
  command
    .optionsGroup('How they are run:')
    .option('-w, --workers <n>', 'how many at a time: a number, 50% of the processors, or auto; 0: one after the other', workers)
    .option('-j, --parallel [n]', 'the same; without a value: auto', workers)
    .addOption(new Option('--mode <mode>', 'what is one test: a service in order, a file, or a single test').choices(MODES))
    .addOption(new Option('--parallel-mode <mode>', 'the same').choices(MODES))
    .addOption(
      new Option('--isolation <what>', 'what shares a directory and servers; process is worker, service is group').choices([
        'worker',
        'test',
        'group',
        'none',
        'process',
        'service'
      ])
    )
    .option('--repeat <n>', 'run each test so many times', wholeNumber(1, 'times'))
    .option('--test-timeout <time>', 'end a test after this time: 90s, 10m, or milliseconds', time)
    .option('--global-timeout <time>', 'end the run after this time, with exit code 124', time)
    .option('--watch', 'run again when files change, until Ctrl-C')
}

/** @param {import('commander').Command} command */
function addServers(command) {
  command
    .optionsGroup('Servers and directories:')
    .option('--server <command>', 'start this for each worker', notEmpty)
    .option('--ready <what>', 'it is ready when this path, URL or port answers, or a line matches log:regex', readiness)
    .option('--timeout <time>', 'how long servers may take to be ready: 60s, or milliseconds (default: 60s)', time)
    .option('--port <port>', 'auto (default), or a number to which the number of the worker is added', serverPort)
    .option('--url <url>', 'use this server, and start none', serverUrl)
    .addOption(
      new Option('--keep-dirs [when]', "leave workers' directories behind; without a value: always")
        .choices(['never', 'failure', 'always'])
        .preset('always')
    )
}

/** @param {import('commander').Command} command */
function addOutcomes(command) {
  command
    .optionsGroup('What becomes of them:')
    .option('--retries <n>', 'run a test that failed again, so many times', wholeNumber(0, 'times'))
    .option('--fail-on-flaky', 'a test that passed only when run again is a failure')
    .option('--max-failures <n>', 'stop when so many failed; 0: never', wholeNumber(0, 'tests', 'never'))
    .option('-x', 'stop at the first failure')
    .option('--cache', 'do not run what passed and has not changed since')
    .option('--no-cache', 'neither look at recorded results nor record any')
    .option('--verify-cache [share]', 'run this share of the unchanged tests all the same: 0.1, 10%; without a value: all', share)
    .option('--explain', 'say for each test why it ran')
}

/** @param {import('commander').Command} command */
function addReporting(command) {
  addReporterOptions(command)
    .option('--stream', 'show the output of tests at once')
    .option('-v, --verbose', 'show more: passing tests, servers, setups')
    .option('-q, --quiet', 'show failures and the summary only')
    .option('--no-color', 'no colours')
    .option('--list', 'print the tests that would run, and run none')
    .option('--show-config', 'print the settings that hold, and run nothing')
    .option('--json', 'with --list and --show-config: as JSON; errors as JSON')
}

/** @param {import('commander').Command} command */
function addReporterOptions(command) {
  return command
    .optionsGroup('What is told:')
    .option('--reporter <name[=file]>', 'list, dot, json, jsonl, junit, html, csv or github (repeatable)', each(reporter))
    .option('--output <name[=file]>', 'the same', each(reporter))
    .option('--output-dir <folder>', 'where reports, logs and the cache are kept (default: .ephemeral-broker)', notEmpty)
}

/** @param {import('commander').Command} command */
function addConfigOptions(command) {
  return command
    .optionsGroup('Configuration:')
    .option('-c, --config <file>', 'this config file; else the one found from here upwards', notEmpty)
    .option('--profile <name>', 'with the settings of this profile (EPHEMERAL_PROFILE)', notEmpty)
}

/**
 * @param {Record<string, any>} given the flags
 * @param {string[]} filters
 * @param {string[]} command what stands behind `--`
 * @returns {RunRequest}
 */
function toRequest(given, filters, command) {
  checkTogether(given)
  const template = filters.find(word => /\{(?:file|test|pattern|id)\}/.test(word))
  if (template !== undefined) throw new UsageError(`"${template}" is no filter; put "--" before the command: run -- … ${template}`)
  return {
    mode: given.showConfig ? 'show-config' : given.list ? 'list' : 'run',
    configPath: given.config,
    cli: {
      settings: withoutUndefined(settingsOf(given)),
      project: withoutUndefined({ files: given.files, list: given.listCommand, run: command.length > 0 ? command : undefined }),
      ...withoutUndefined({ readyTimeout: given.timeout })
    },
    options: withoutUndefined(optionsOf(given, filters)),
    display: {
      stream: Boolean(given.stream),
      verbose: Boolean(given.verbose),
      quiet: Boolean(given.quiet),
      color: given.color !== false,
      explain: Boolean(given.explain),
      json: Boolean(given.json)
    },
    files: []
  }
}

/** @param {Record<string, any>} given */
function checkTogether(given) {
  const pairs = [
    ['workers', '--workers', 'parallel', '--parallel'],
    ['mode', '--mode', 'parallelMode', '--parallel-mode'],
    ['maxFailures', '--max-failures', 'x', '-x'],
    ['verbose', '--verbose', 'quiet', '--quiet'],
    ['server', '--server', 'url', '--url'],
    ['ready', '--ready', 'url', '--url'],
    ['port', '--port', 'url', '--url'],
    ['list', '--list', 'showConfig', '--show-config'],
    ['list', '--list', 'watch', '--watch']
  ]
  for (const [one, flag, other, otherFlag] of pairs) {
    if (given[one] !== undefined && given[other] !== undefined) throw new UsageError(`${flag} and ${otherFlag} do not go together`)
  }
  // After "--grep --", is what follows a filter or a command? Not to be guessed.
  if (Object.values(given).flat().includes('--')) throw new UsageError('"--" begins the command; no option takes it as its value')
  if (given.cache === false) {
    for (const [key, flag] of [
      ['full', '--full'],
      ['verifyCache', '--verify-cache']
    ]) {
      if (given[key] !== undefined) throw new UsageError(`${flag} needs the cache; --no-cache and ${flag} do not go together`)
    }
  }
}

/**
 * @param {Record<string, any>} given
 * @returns {Record<string, any>} settings of a config
 */
function settingsOf(given) {
  const { server: command, ready, port, parallel, verifyCache: verify } = given
  const server = withoutUndefined({ command, ready, port })
  const reporters = [...(given.reporter ?? []), ...(given.output ?? [])]
  return {
    workers: given.workers ?? (parallel === true ? 'auto' : parallel),
    mode: given.mode ?? given.parallelMode,
    isolation: given.isolation,
    shardBy: given.shardBy,
    repeat: given.repeat,
    timeout: given.testTimeout,
    globalTimeout: given.globalTimeout,
    retries: given.retries,
    failOnFlaky: given.failOnFlaky,
    maxFailures: given.x ? 1 : given.maxFailures,
    passWithNoTests: given.passWithNoTests,
    server: Object.keys(server).length === 0 ? undefined : server,
    url: given.url,
    dir: given.keepDirs === undefined ? undefined : { keep: given.keepDirs },
    cache: verify === undefined ? given.cache : { enabled: true, verify: verify === true ? 1 : verify },
    reporter: reporters.length === 0 ? undefined : reporters,
    output: given.outputDir
  }
}

/**
 * @param {Record<string, any>} given
 * @param {string[]} filters
 * @returns {import('../../run.js').RunOptions}
 */
function optionsOf(given, filters) {
  const projects = [...(given.service ?? []), ...(given.project ?? [])]
  return {
    profile: given.profile,
    filters: filters.length === 0 ? undefined : filters,
    grep: given.grep?.length > 1 ? given.grep.map((/** @type {string} */ one) => `(?:${one})`).join('|') : given.grep?.[0],
    files: given.file,
    projects: projects.length === 0 ? undefined : projects,
    tags: given.tag,
    excludeTags: given.excludeTag,
    shard: given.shard,
    changed: given.changed,
    lastFailed: given.lastFailed,
    full: given.full,
    watch: given.watch
  }
}

/**
 * @template {Record<string, any>} T
 * @param {T} table
 * @returns {T}
 */
function withoutUndefined(table) {
  return /** @type {T} */ (Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined)))
}

module.exports = { addConfigOptions, addReporterOptions, addRunOptions, toRequest }
