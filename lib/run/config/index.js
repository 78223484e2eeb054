// @ts-check
'use strict'

/**
 * The config of a run: found (find.js), read (read.js), held against its schema (validate.js), laid over the defaults and under what the environment
 * (environment.js) and the command line say (layers.js), and with all that was left open decided (resolve.js, settings.js). show.js prints it.
 *
 * What wins, from the lowest on: defaults, the config, its profile, a project, overrides (those of the profile after the others), the environment,
 * the command line.
 */

const path = require('node:path')
const { DEFAULTS } = require('./defaults.js')
const { profileFromEnvironment, settingsFromEnvironment } = require('./environment.js')
const { findConfig } = require('./find.js')
const { displayPath, invalidConfig } = require('./problems.js')
const { readConfig } = require('./read.js')
const { resolveConfig } = require('./resolve.js')
const { didYouMean } = require('./suggest.js')
const { validate } = require('./validate.js')
const { readMachine } = require('./workers.js')

/**
 * A command as the core takes it: a program and its arguments, or a line for the shell.
 * @typedef {import('./command.js').ResolvedCommand} ResolvedCommand
 * @typedef {import('./servers.js').ResolvedServer} ResolvedServer
 * @typedef {import('./projects.js').ResolvedProject} ResolvedProject
 * @typedef {import('./projects.js').ResolvedTest} ResolvedTest
 * @typedef {import('./settings.js').ResolvedSettings} ResolvedSettings
 * @typedef {import('./settings.js').SettingsOfTest} SettingsOfTest
 * @typedef {import('./settings.js').TestLike} TestLike
 */

/**
 * Times are in milliseconds, sizes in bytes, paths absolute; null is what was not given and has no default.
 * @typedef {object} ResolvedConfig
 * @property {string | null} file the config file; null: there is none
 * @property {string} root where the config's paths begin
 * @property {string | null} profile
 * @property {number} workers at least 1
 * @property {'service' | 'file' | 'test'} mode
 * @property {'worker' | 'test' | 'group' | 'none'} isolation
 * @property {boolean} failOnFlaky
 * @property {number | null} globalTimeout
 * @property {number} maxFailures 0: never stop
 * @property {boolean} passWithNoTests
 * @property {number} repeat
 * @property {'duration' | 'slice' | 'hash'} shardBy
 * @property {Array<[import('../../../run.js').ReporterName, { output?: string }]>} reporters
 * @property {string} output a folder
 * @property {{ template: string | null, files: Record<string, string>, reset: 'never' | 'test' | 'failure', keep: 'never' | 'failure' | 'always' }} dir
 * @property {ResolvedServer[]} servers none where there is a `url`
 * @property {string | null} url
 * @property {{ enabled: boolean, inputs: string[] | null, env: string[] | null, lockfiles: string[] | null, toolchain: ResolvedCommand[] | null, verify: number }} cache
 * `enabled` for the run; what holds for a test is in its settings
 * @property {Record<string, { max: number }>} groups
 * @property {Record<string, import('../../../run.js').RateLimit>} rateLimits
 * @property {number | null} minFreeMemory
 * @property {{ globalSetup: ResolvedCommand | null, globalTeardown: ResolvedCommand | null, workerSetup: ResolvedCommand | null, workerTeardown: ResolvedCommand | null, timeout: number }} setup
 * @property {{ command: ResolvedCommand | null, file: string | null, format: 'dotenv' | 'json' | 'yaml' | null } | null} secrets
 * @property {Record<string, any>} pools as they are written
 * @property {Record<string, unknown>} values as they are written
 * @property {ResolvedSettings} settings what holds for tests of no project in particular, and for setups
 * @property {ResolvedProject[]} projects at least one
 * @property {(project: ResolvedProject, test: TestLike) => SettingsOfTest} settingsFor
 * @property {import('./layers.js').Merged} merged what was decided from, and where it comes from; for `show-config`
 * @property {Array<Record<string, any>>} overrides as they are written, the profile's last
 */

/**
 * What the command line says.
 * @typedef {object} CliConfig
 * @property {Record<string, any>} [settings] of the run: a part of `RunSettings`, whose `server` may lack its command
 * @property {{ files?: string[], list?: import('../../../run.js').Command, run?: import('../../../run.js').Command }} [project] of the only
 * project, or the selected one
 * @property {number} [readyTimeout] milliseconds, for all servers
 */

/**
 * @typedef {object} LoadOptions
 * @property {import('../../../run.js').RunConfig} [config] in place of a file
 * @property {string} [configPath] in place of the file that is found; from `cwd`
 * @property {string} [root] where the config's paths begin, and where a file is looked for, from there upwards
 * @property {string} [profile]
 * @property {readonly string[]} [selected] the names given as `--project`
 * @property {CliConfig} [cli] its paths are from `cwd`
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [cwd]
 * @property {{ processors: number, memory: number | null }} [machine] what `workers` are reckoned by
 */

/**
 * @param {LoadOptions} [options]
 * @returns {Promise<ResolvedConfig>}
 * @throws {import('../../errors.js').BrokerError} `invalid_config`, with all that is wrong
 */
async function loadConfig(options = {}) {
  const { env = process.env, cwd = process.cwd(), cli = {} } = options
  const { file, config, source } = await findAndRead(options, cwd)
  const problems = validate(config)
  if (problems.length > 0) throw invalidConfig(source, problems)
  const name = options.profile ?? profileFromEnvironment(env)
  const profile = name === undefined ? {} : profileOf(config, name, source)
  const { overrides = [], ...ofProfile } = profile
  const origin = file === null ? 'config' : 'file'
  const resolved = resolveConfig(
    {
      file,
      root: options.root !== undefined ? path.resolve(cwd, options.root) : file === null ? cwd : path.dirname(file),
      profile: name ?? null,
      config,
      base: [
        { source: 'default', settings: DEFAULTS },
        { source: origin, settings: settingsOf(config) },
        { source: `profile ${name}`, settings: ofProfile }
      ],
      forced: [
        { source: 'environment', settings: fromFolder(settingsFromEnvironment(env), cwd) },
        { source: 'command line', settings: fromFolder(checkCli(cli.settings ?? {}), cwd) }
      ],
      overrides: [...(config.overrides ?? []), ...overrides],
      cliProject: cli.project ?? {},
      readyTimeout: cli.readyTimeout,
      selected: options.selected ?? [],
      machine: options.machine ?? readMachine()
    },
    problems
  )
  if (problems.length > 0) throw invalidConfig(source, problems)
  return resolved
}

/**
 * @param {LoadOptions} options
 * @param {string} cwd
 * @returns {Promise<{ file: string | null, config: any, source: string }>} `source` as it is told
 */
async function findAndRead({ config, configPath, root }, cwd) {
  if (config !== undefined) return { file: null, config, source: 'the config' }
  const file = configPath !== undefined ? path.resolve(cwd, configPath) : findConfig(root === undefined ? cwd : path.resolve(cwd, root))
  if (file === null) return { file, config: {}, source: '' }
  return { file, config: await readConfig(file), source: displayPath(file, cwd) }
}

/** The settings of the run, without what else a config has. @param {Record<string, any>} config */
function settingsOf(config) {
  const { $schema, projects, overrides, profiles, name, adapter, files, list, tests, run, ...settings } = config
  return settings
}

/**
 * @param {Record<string, any>} config
 * @param {string} name
 * @param {string} source
 */
function profileOf(config, name, source) {
  const profiles = config.profiles ?? {}
  if (Object.hasOwn(profiles, name)) return profiles[name]
  const names = Object.keys(profiles)
  const there = names.length === 0 ? 'there are no profiles' : `there are ${names.map(each => JSON.stringify(each)).join(', ')}`
  throw invalidConfig(source, [`there is no profile ${JSON.stringify(name)}; ${there}${didYouMean(name, names)}`])
}

/** Flags are checked where they are read; what is put together of them is checked here. @param {Record<string, any>} settings */
function checkCli(settings) {
  const problems = validate(settings)
  if (problems.length > 0) throw invalidConfig('the command line', problems)
  return settings
}

/**
 * Who types a path means it from where he is.
 * @param {Record<string, any>} settings
 * @param {string} cwd
 */
function fromFolder({ output, reporter, ...settings }, cwd) {
  const moved = (/** @type {any} */ each) => (typeof each === 'string' ? each : [each[0], { output: path.resolve(cwd, each[1].output) }])
  return {
    ...settings,
    ...(output === undefined ? {} : { output: path.resolve(cwd, output) }),
    ...(reporter === undefined ? {} : { reporter: reporter.map(moved) })
  }
}

/**
 * @param {ResolvedConfig} config
 * @throws {import('../../errors.js').BrokerError} `invalid_config`: a project says nothing of what to run
 */
function requireCommands({ file, projects }) {
  const problems = projects
    .filter(({ run, adapter, tests }) => run === null && adapter === 'none' && !tests?.every(test => test.run !== null))
    .map(({ name }) => `project ${JSON.stringify(name)} has no "run" and no "adapter": there is nothing to run`)
  if (problems.length === 0) return
  if (file !== null || projects.length > 1 || projects[0].tests !== null)
    throw invalidConfig(file === null ? 'the config' : displayPath(file), problems)
  throw invalidConfig('', ['there is nothing to run: no config was found from here upwards, and no command was given after "--"'])
}

module.exports = { loadConfig, requireCommands }
