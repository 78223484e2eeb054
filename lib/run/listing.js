// @ts-check
'use strict'

/** All tests that there are, and those among them that a run takes. */

const { BrokerError, fromNative } = require('../errors.js')
const native = require('../native.js')
const { globsOfFolder, lockfilesOf } = require('./depends.js')
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
    const { run, output, toolchain } = found
    listing.projects.set(project.name, { run, output, toolchain })
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
  const query = { tests: tests.map(test => ({ ...describe(test), dependsOn: test.settings.dependsOn })) }
  /** @type {number[][]} */
  const dependencies = JSON.parse(called(() => native.resolveDependencies(JSON.stringify(query))))
  for (const [index, others] of dependencies.entries()) tests[index].dependsOn = others.map(other => tests[other])
}

/**
 * What a run takes, in the order of the list.
 * @typedef {object} Selected
 * @property {ListedTest[]} chosen with what they depend on
 * @property {boolean} settled none were chosen, but some would be if it were not for `lastFailed` and `changed`
 * @property {{ total: number, digest: string } | null} whole what all shards take together; null: there are no shards
 */

/**
 * @param {Config} config
 * @param {Listing} listing
 * @param {Options} options
 * @param {{ changed: string[] | null }} facts paths from the root
 * @returns {Selected}
 * @throws {BrokerError} `invalid_config`: there is no such project
 */
function selectTests(config, listing, options, { changed }) {
  const { lastFailed = false } = options
  if (asksForAll(options) && changed === null) return { chosen: listing.tests, settled: false, whole: null }
  const selection = { ...selectionOf(config, options), lastFailed, changed: changed && { files: changed, inputs: inputsByProject(config) } }
  const { chosen, whole } = select(config, listing, options, selection)
  if (chosen.length > 0 || !(lastFailed || changed !== null)) return { chosen, settled: false, whole }
  const all = select(config, listing, options, { ...selection, lastFailed: false, changed: null, shard: null })
  return { chosen, settled: all.chosen.length > 0, whole }
}

/** @param {Options} options */
function asksForAll({ filters, files, projects, tags, excludeTags, grep, shard, lastFailed }) {
  return !(lastFailed || shard || grep) && [filters, files, projects, tags, excludeTags].every(words => !words?.length)
}

/**
 * @param {Config} config
 * @param {Options} options
 */
function selectionOf({ shardBy }, { filters = [], files = [], projects = [], tags = [], excludeTags = [], shard }) {
  return { filters, files, projects, tags, excludeTags: [...excludeTags, OTHER], shard: shard ?? null, shardBy }
}

/** The tag of tests that `grep` does not match: the core's regular expressions have no look-around, those of JavaScript do. */
const OTHER = '\0other'

/**
 * @param {Config} config
 * @param {Listing} listing
 * @param {Options} options
 * @param {object} selection
 */
function select({ mode, output }, { tests }, { grep }, selection) {
  const matches = matcherOf(grep)
  const described = tests.map(test => {
    const { id, tags, dependsOn } = test
    return { ...describe(test), tags: matches(id) ? tags : [...tags, OTHER], dependsOn: dependsOn.map(other => other.id) }
  })
  const query = JSON.stringify({ tests: described, grouped: mode === 'service', selection })
  /** @type {{ selected: number[], whole?: Selected['whole'] }} */
  const { selected, whole = null } = JSON.parse(called(() => native.selectTests(query, output)))
  return { chosen: selected.map(index => tests[index]), whole }
}

/**
 * @param {string | RegExp | undefined} grep
 * @returns {(id: string) => boolean}
 */
function matcherOf(grep) {
  if (grep === undefined) return () => true
  try {
    const { source, flags } = new RegExp(grep)
    // With "g" or "y" it would go on where the last match ended.
    const pattern = new RegExp(source, flags.replace(/[gy]/g, ''))
    return id => pattern.test(id)
  } catch (error) {
    throw new BrokerError('invalid_config', `grep: ${/** @type {Error} */ (error).message}`)
  }
}

/**
 * Which files concern which projects.
 * @param {Config} config
 */
function inputsByProject({ root, cache, dir, projects }) {
  const inputs = cache.inputs ?? ['**', '!../**']
  const globs = [...inputs, ...lockfilesOf(cache), ...globsOfFolder(root, dir.template)].flatMap(withContent)
  return Object.fromEntries(projects.map(({ name }) => [name, globs]))
}

/** What names a folder means all that is in it. @param {string} glob */
function withContent(glob) {
  const path = glob.replace(/\/+$/, '')
  return path.endsWith('**') ? [glob] : [path, `${path}/**`]
}

/** @param {ListedTest} test */
function describe({ id, project, group, file, name, tags }) {
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

module.exports = { listTests, selectTests }
