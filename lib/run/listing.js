// @ts-check
'use strict'

/** All tests that there are, and those among them that a run takes. */

const { BrokerError, fromNative } = require('../errors.js')
const native = require('../native.js')
const { discover } = require('./discover.js')

/**
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {import('./config/index.js').ResolvedSettings} Settings
 * @typedef {import('./config/index.js').ResolvedCommand} ResolvedCommand
 * @typedef {import('../../run.js').Command} Command
 * @typedef {import('../../run.js').RunOptions} Options
 *
 * @typedef {{
 *   id: string, project: string, group: string, file: string | null, name: string | null, tags: string[], pattern: string | null,
 *   run: Command | null, settings: Settings, dependsOn: ListedTest[], affected?: boolean
 * }} ListedTest
 *
 * @typedef {object} Listing
 * @property {ListedTest[]} tests
 * @property {Map<string, { run: Command | null, output: object, toolchain: Command[] }>} projects
 */

/**
 * @param {Config} config
 * @param {import('./adapters/listing.js').Capture} capture
 * @returns {Promise<Listing>}
 * @throws {BrokerError} `list_failed`, `invalid_config`
 */
async function listTests(config, capture) {
  const { mode, root, settingsFor } = config
  /** @type {Listing} */
  const listing = { tests: [], projects: new Map() }
  const findFiles = (/** @type {object} */ options) => JSON.parse(called(() => native.findFiles(JSON.stringify(options))))
  for (const project of config.projects) {
    const group = project.given.group ?? config.merged.settings.group
    const given = { ...project.given, ...project, group, adapter: project.adapter, run: written(project.run), list: written(project.list) }
    const found = await discover(asConfig(given), { mode, root, capture, findFiles })
    listing.projects.set(project.name, found)
    for (const test of found.tests) {
      const { settings, group, tags } = settingsFor(project, test)
      listing.tests.push({ ...test, project: project.name, group, tags, settings, dependsOn: [] })
    }
  }
  resolveDependencies(listing.tests)
  return listing
}

/**
 * Without what was not given.
 * @param {Record<string, any>} project
 * @returns {any}
 */
function asConfig(project) {
  const tests = project.tests?.map((/** @type {any} */ test) => defined({ ...test, run: written(test.run) }))
  return defined({ ...project, tests })
}

/** @param {Record<string, any>} object */
function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined))
}

/**
 * A command as people write it.
 * @param {ResolvedCommand | null | undefined} command
 * @returns {Command | null}
 */
function written(command) {
  if (!command) return null
  return 'shell' in command ? command.shell : command.argv
}

/** @param {ListedTest[]} tests */
function resolveDependencies(tests) {
  if (tests.every(test => test.settings.dependsOn.length === 0)) return
  const query = { tests: tests.map(test => ({ ...described(test), dependsOn: test.settings.dependsOn })) }
  /** @type {number[][]} */
  const dependencies = JSON.parse(called(() => native.resolveDependencies(JSON.stringify(query))))
  for (const [index, others] of dependencies.entries()) tests[index].dependsOn = others.map(other => tests[other])
}

/**
 * @param {Config} config
 * @param {Listing} listing
 * @param {Options} options
 * @param {{ changed: string[] | null }} facts paths from the root
 * @returns {ListedTest[]} in the order of the list, with what they depend on
 * @throws {BrokerError} `invalid_config`: there is no such project
 */
function selectTests(config, listing, options, { changed }) {
  const { filters = [], grep, files = [], projects = [], tags = [], excludeTags = [], lastFailed = false, shard } = options
  const query = {
    tests: listing.tests.map(test => ({ ...described(test), dependsOn: test.dependsOn.map(({ id }) => id) })),
    grouped: config.mode === 'service',
    selection: {
      filters,
      grep: grep instanceof RegExp ? (grep.flags.includes('i') ? `(?i)${grep.source}` : grep.source) : (grep ?? null),
      files,
      projects,
      tags,
      excludeTags,
      lastFailed,
      changed: changed === null ? null : { files: changed, inputs: inputsByProject(config) },
      shard: shard ?? null,
      shardBy: config.shardBy
    }
  }
  /** @type {{ selected: number[] }} */
  const { selected } = JSON.parse(called(() => native.selectTests(JSON.stringify(query), config.output)))
  return selected.map(index => listing.tests[index])
}

/** Which files concern which projects; those without an entry, all. @param {Config} config */
function inputsByProject({ cache, projects }) {
  const { inputs } = cache
  return inputs === null ? {} : Object.fromEntries(projects.map(({ name }) => [name, inputs]))
}

/** @param {ListedTest} test */
function described({ id, project, group, file, name, tags }) {
  return { id, project, group, file, name, tags }
}

/**
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
function called(call) {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * What differs from a commit, committed or not.
 * @param {string | true} reference `true`: the last commit
 * @param {string} root
 * @param {import('./adapters/listing.js').Capture} capture
 * @returns {Promise<string[]>} paths from the root
 * @throws {BrokerError} `invalid_config`: git does not know the commit, or the root
 */
async function changedFiles(reference, root, capture) {
  const since = reference === true ? 'HEAD' : reference
  const git = async (/** @type {string[]} */ ...args) => {
    const { exitCode, stdout, stderr } = await capture({ command: ['git', ...args], cwd: root })
    if (exitCode === 0) return stdout.split('\0').filter(Boolean)
    throw new BrokerError('invalid_config', `--changed=${since}: git says: ${stderr.trim() || `exit code ${exitCode}`}`)
  }
  const changed = await git('diff', '--name-only', '--relative', '-z', since, '--')
  return [...changed, ...(await git('ls-files', '--others', '--exclude-standard', '-z'))]
}

module.exports = { changedFiles, listTests, selectTests }
