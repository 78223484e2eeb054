// @ts-check
'use strict'

/** `show-config`: each setting that holds, and where it comes from. */

const { TEST_SETTINGS } = require('./defaults.js')
const { displayPath, joinPath } = require('./problems.js')

/** Where comments begin, unless a line is longer. */
const COLUMN = 40
/** A line of a terminal. */
const WIDTH = 80

/**
 * @param {import('./index.js').ResolvedConfig} config
 * @param {{ cwd?: string }} [options]
 * @returns {string} as TOML, each value with its source behind it; ends with a newline
 */
function showConfig(config, { cwd = process.cwd() } = {}) {
  const lines = [
    `# ${config.file === null ? 'no config file' : displayPath(config.file, cwd)}${config.profile === null ? '' : `, profile ${config.profile}`}`
  ]
  lines.push(`# root: ${config.root}; workers here: ${config.workers}`)
  const { settings, sources } = config.merged
  writeTable(lines, settings, '', '', at => sources.get(at))
  for (const project of config.projects) {
    lines.push('', '[[projects]]')
    writeTable(lines, written(project), 'projects', 'projects', () => undefined)
  }
  for (const override of config.overrides) {
    lines.push('', '[[overrides]]')
    writeTable(lines, override, 'overrides', 'overrides', () => undefined)
  }
  return `${lines.join('\n')}\n`
}

/**
 * @param {import('./index.js').ResolvedConfig} config
 * @returns {Record<string, unknown>} the same for programs; `sources` by the path of a setting
 */
function configAsJson({ file, root, profile, workers, merged, projects, overrides }) {
  return {
    file,
    root,
    profile,
    workers,
    settings: merged.settings,
    sources: Object.fromEntries(merged.sources),
    projects: projects.map(written),
    overrides
  }
}

/**
 * A project as it would be written.
 * @param {import('./index.js').ResolvedProject} project
 */
function written({ given, output, list, run, tests, ...project }) {
  const all = {
    ...project,
    list: list && unresolved(list),
    run: run && unresolved(run),
    tests: tests?.map(test => withoutNull({ ...test, run: test.run && unresolved(test.run) })),
    output: Object.keys(output).length === 0 ? null : output,
    ...Object.fromEntries(TEST_SETTINGS.filter(key => given[key] !== undefined).map(key => [key, given[key]]))
  }
  return withoutNull(all)
}

/** @param {import('./index.js').ResolvedCommand} command */
function unresolved(command) {
  return 'argv' in command ? command.argv : command.shell
}

/** @param {Record<string, unknown>} table */
function withoutNull(table) {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== null && value !== undefined))
}

/**
 * Values first: after the head of a table, keys would be the table's.
 * @param {string[]} lines
 * @param {Record<string, any>} table
 * @param {string} head its name in TOML
 * @param {string} path
 * @param {(at: string) => string | undefined} sourceOf
 */
function writeTable(lines, table, head, path, sourceOf) {
  /** @type {Array<[string, any]>} */
  const entries = Object.entries(withoutNull(table))
  for (const [key, value] of entries) {
    if (!isTable(value)) lines.push(withSource(`${showKey(key)} = ${showToml(value)}`, sourceOf(joinPath(path, key))))
  }
  for (const [key, value] of entries) {
    if (!isTable(value) || Object.keys(value).length === 0) continue
    const at = joinPath(path, key)
    const inner = head === '' ? showKey(key) : `${head}.${showKey(key)}`
    // A table of tables is there when they are.
    if (sourceOf(at) !== undefined || !Object.values(value).every(isTable)) lines.push('', withSource(`[${inner}]`, sourceOf(at)))
    writeTable(lines, value, inner, at, sourceOf)
  }
}

/** @param {unknown} value */
function isTable(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * @param {string} line
 * @param {string | undefined} source
 */
function withSource(line, source) {
  return source === undefined ? line : `${line.padEnd(COLUMN)} # ${source}`
}

/** @param {string} key */
function showKey(key) {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key)
}

/**
 * @param {any} value
 * @param {number} [indent]
 * @returns {string}
 */
function showToml(value, indent = 0) {
  if (Array.isArray(value)) {
    const items = value.map(each => showToml(each, indent + 2))
    const line = `[${items.join(', ')}]`
    if (line.length <= WIDTH) return line
    const space = ' '.repeat(indent)
    return `[\n${items.map(item => `${space}  ${item}`).join(',\n')}\n${space}]`
  }
  if (!isTable(value)) return JSON.stringify(value)
  const members = Object.entries(withoutNull(value)).map(([key, each]) => `${showKey(key)} = ${showToml(each, indent)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

module.exports = { configAsJson, showConfig }
