// @ts-check
'use strict'

/** What is tested: `projects`, or the one that the config itself is. */

const { resolveCommand } = require('./command.js')
const { TEST_SETTINGS } = require('./defaults.js')

/**
 * @typedef {{ name: string | null, file: string | null, id: string | null, tags: string[], group: string | null, run: import('./command.js').ResolvedCommand | null }} ResolvedTest
 * @typedef {{
 *   name: string, adapter: string, files: string[] | null, list: import('./command.js').ResolvedCommand | null, tests: ResolvedTest[] | null,
 *   run: import('./command.js').ResolvedCommand | null, output: { skipped?: string, passed?: string, none?: string },
 *   given: Record<string, any>
 * }} ResolvedProject `files` are globs from its `cwd`; null: not given; `given`: its own test settings as they are written, for `settingsFor`
 */

const OWN_KEYS = ['name', 'adapter', 'files', 'list', 'tests', 'run']

/**
 * @param {Record<string, any>} config as it is written
 * @param {Record<string, any>} cli `files`, `list` and `run` of the command line
 * @param {readonly string[]} selected names given as `--project`
 * @param {string[]} problems
 * @returns {ResolvedProject[]} at least one
 */
function resolveProjects(config, cli, selected, problems) {
  const own = Object.fromEntries(OWN_KEYS.filter(key => config[key] !== undefined).map(key => [key, config[key]]))
  if (config.projects !== undefined && Object.keys(own).length > 0) {
    const keys = Object.keys(own).join(', ')
    problems.push(`${keys} cannot stand beside projects; put ${Object.keys(own).length === 1 ? 'it' : 'them'} into a project`)
  }
  const given = config.projects?.length > 0 ? config.projects : [own]
  const projects = addFromCommandLine(given, cli, selected, problems).map(resolveProject)
  const seen = new Set()
  for (const { name } of projects) {
    if (seen.has(name)) problems.push(`two projects are called ${JSON.stringify(name)}; give each a "name" of its own`)
    seen.add(name)
  }
  return projects
}

/**
 * What to run, given on the command line, is for one project.
 * @param {Array<Record<string, any>>} given
 * @param {Record<string, any>} cli
 * @param {readonly string[]} selected
 * @param {string[]} problems
 */
function addFromCommandLine(given, cli, selected, problems) {
  const more = Object.fromEntries(Object.entries(cli).filter(([, value]) => value !== undefined))
  if (Object.keys(more).length === 0) return given
  const chosen = given.length === 1 ? given : given.filter(({ name }) => selected.includes(name))
  if (chosen.length !== 1) {
    const names = given.map(({ name, adapter }) => name ?? adapter ?? 'one without a name').join(', ')
    problems.push(`a command after "--", --files and --list-command are for one project; choose it with --project, of ${names}`)
    return given
  }
  // Who says which files there are does not want those of the config besides.
  const { files, list, tests, ...rest } = chosen[0]
  const kept = more.files === undefined && more.list === undefined ? { files, list, tests } : {}
  return given.map(each => (each === chosen[0] ? { ...rest, ...kept, ...more } : each))
}

/**
 * @param {Record<string, any>} project
 * @returns {ResolvedProject}
 */
function resolveProject(project) {
  const run = project.run === undefined ? null : resolveCommand(project.run)
  const adapter = project.adapter ?? (project.run === undefined ? 'none' : detectAdapter(project.run))
  return {
    name: project.name ?? (adapter === 'none' ? 'tests' : adapter),
    adapter,
    files: project.files === undefined ? null : typeof project.files === 'string' ? [project.files] : [...project.files],
    list: project.list === undefined ? null : resolveCommand(project.list),
    tests: project.tests === undefined ? null : project.tests.map(resolveTest),
    run,
    output: { ...project.output },
    given: Object.fromEntries(TEST_SETTINGS.filter(key => project[key] !== undefined).map(key => [key, project[key]]))
  }
}

/**
 * Whose command that is.
 * @param {import('../../../run.js').Command} run
 */
function detectAdapter(run) {
  const { adapterOf } = require('../adapters/index.js')
  return adapterOf(run).name
}

/**
 * @param {string | Record<string, any>} test
 * @returns {ResolvedTest}
 */
function resolveTest(test) {
  const { name, file, id, tags = [], group, run } = typeof test === 'string' ? { name: test } : test
  return {
    name: name ?? null,
    file: file ?? null,
    id: id ?? null,
    tags: [...tags],
    group: group ?? null,
    run: run === undefined ? null : resolveCommand(run)
  }
}

module.exports = { resolveProjects }
