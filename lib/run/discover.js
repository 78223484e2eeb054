// @ts-check
'use strict'

// Which tests a project has, and how one is run.

const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { NAMES, adapterNamed, adapterOf } = require('./adapters/index.js')
const { captureList, jsonOf, listFailed } = require('./adapters/listing.js')

/**
 * @typedef {import('../../run.js').Command} Command
 * @typedef {import('../../run.js').ProjectConfig} ProjectConfig
 * @typedef {import('./adapters/index.js').Adapter} Adapter
 * @typedef {import('./adapters/index.js').Listed} Listed
 * @typedef {import('./adapters/index.js').Mode} Mode
 * @typedef {import('./adapters/index.js').Capture} Capture
 * @typedef {(options: { root: string, cwd: string, patterns: string[] }) => Promise<string[]> | string[]} FindFiles files, from the root, with `/`
 * @typedef {{ id: string, project: string, group: string, file: string | null, name: string | null, tags: string[], pattern: string | null, run: Command | null }} Found
 * @typedef {{ mode: Mode, root: string, cwd: string, capture: Capture, findFiles: FindFiles, adapter: Adapter, command: Command | null }} Context
 */

/**
 * Lists a project's tests: those in `tests`, else what `list` prints, else the files of `files`, else what the runner itself finds.
 *
 * Throws `invalid_config` where there is no way to find any, and `list_failed` where that fails. No tests at all is not an error.
 *
 * @param {ProjectConfig} project
 * @param {{ mode: Mode, root: string, capture: Capture, findFiles: FindFiles }} options `root` is absolute
 * @returns {Promise<{ adapter: string, tests: Found[], run: Command | null, output: { skipped?: string, passed?: string, none?: string, skipCode?: number }, toolchain: Command[] }>}
 *   `run` of a test comes before that of the project, which is `null` where each test has its own
 */
async function discover(project, { mode, root, capture, findFiles }) {
  const command = project.run ?? null
  const adapter = adapterFor(project)
  const context = { mode, root, cwd: path.resolve(root, project.cwd ?? '.'), capture, findFiles, adapter, command }
  const listed = await listedBy(project, context)
  const tests = identified(project, listed, context)
  const needed = tests.length === 0 || tests.some(({ run }) => run === null)
  const run = needed || command !== null ? adapter.run({ mode, command }) : null
  return { adapter: adapter.name, tests, run, output: { ...adapter.output, ...project.output }, toolchain: adapter.toolchain(command) }
}

/** @param {ProjectConfig} project */
function adapterFor({ adapter, run }) {
  if (adapter === undefined || adapter === null) return adapterOf(run ?? null)
  if (NAMES.includes(adapter)) return adapterNamed(adapter)
  throw new BrokerError('invalid_config', `adapter: ${JSON.stringify(adapter)} is not known; it is one of ${NAMES.join(', ')}.`)
}

/**
 * @param {ProjectConfig} project
 * @param {Context} context
 * @returns {Promise<Listed[]>}
 */
async function listedBy(project, context) {
  const { mode, adapter } = context
  if (project.tests) return project.tests.map(asListed)
  if (project.list) return listedByCommand(project.list, context)
  if (project.files) {
    const files = await filesOf([project.files].flat(), context)
    if (files.length === 0) return []
    return mode === 'test' && adapter.name !== 'none' ? listedByAdapter(files, context) : files.map(file => ({ file, name: null }))
  }
  if (adapter.name === 'none') throw noSource(project)
  const files = adapter.globs ? await filesOf(adapter.globs(context.command), context) : []
  return listedByAdapter(files, context)
}

/**
 * @param {NonNullable<ProjectConfig['tests']>[number]} test
 * @returns {Listed}
 */
function asListed(test) {
  if (typeof test === 'string') return { file: null, name: test }
  const { run, ...rest } = test
  return {
    ...rest,
    ...(run === undefined ? {} : { run }),
    file: test.file?.replaceAll('\\', '/') ?? null,
    name: test.name ?? null,
    tags: [...(test.tags ?? [])]
  }
}

/**
 * @param {string[]} files
 * @param {Context} context
 */
const listedByAdapter = (files, { adapter, mode, command, cwd, root, capture }) =>
  adapter.list({ mode, command, files, cwd, root, capture })

/**
 * @param {string[]} patterns
 * @param {Context} context
 */
const filesOf = async (patterns, { root, cwd, findFiles }) => [...new Set(await findFiles({ root, cwd, patterns }))].sort()

/** @param {ProjectConfig} project */
function noSource({ name, run }) {
  const where = name ? `project ${JSON.stringify(name)}: ` : ''
  if (run === undefined || run === null) {
    return new BrokerError(
      'invalid_config',
      `${where}there is neither \`run\` nor \`adapter\`. Say what runs one test and where the tests are, such as run = "npx vitest run", ` +
        'or run = "node {file}" with files = "test/**/*.test.js".'
    )
  }
  const text = typeof run === 'string' ? run : run.join(' ')
  const example = /\{(?:test|pattern)\}/.test(text)
    ? 'list = "./list-tests", or tests = ["first", "second"]'
    : 'files = "test/**/*.test.js"'
  const completed = /\{/.test(text) ? text : `${text} {file}`
  return new BrokerError(
    'invalid_config',
    `${where}nothing says which tests \`${text}\` has. Give \`files\`, \`list\` or \`tests\`: run = ${JSON.stringify(completed)} with ${example}. ` +
      `For a command of a known runner, name it: adapter = "${NAMES.slice(0, -1).join('", "')}".`
  )
}

/**
 * @param {Command} list
 * @param {Context} context
 * @returns {Promise<Listed[]>}
 */
async function listedByCommand(list, { mode, cwd, capture, command }) {
  const captured = await captureList(capture, { command: list, cwd })
  if (isObject(captured.stdout)) throw listFailed(list, 'printed JSON that is not an array', captured)
  if (!/^\s*\[/.test(captured.stdout)) return linesOf(list, captured.stdout).map(name => ({ file: null, name }))
  const printed = jsonOf(list, captured)
  if (!Array.isArray(printed)) throw listFailed(list, 'printed JSON that is not an array', captured)
  const tests = printed.map((item, index) => {
    const test = typeof item === 'string' ? { name: item } : item
    const fault = faultOf(test)
    if (fault !== null) throw listFailed(list, `printed a test that cannot be understood, at [${index}]: ${fault}`, captured)
    const { run, ...rest } = test
    return { ...rest, ...(run === undefined ? {} : { run }), file: test.file?.replaceAll('\\', '/') ?? null, name: test.name ?? null }
  })
  return mode === 'test' || runsSingle(command) ? tests : eachFile(tests)
}

/** @param {string} text */
function isObject(text) {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Whether a command is for one test, whatever the mode: with no name in `{test}` it would run none, and pass.
 * @param {Command | null} command
 */
function runsSingle(command) {
  const text = [command ?? ''].flat().join(' ')
  return /\{(?:test|pattern|id)\}/.test(text.replaceAll('{{', ''))
}

/**
 * @param {any} test
 * @returns {string | null}
 */
function faultOf(test) {
  if (typeof test !== 'object' || test === null || Array.isArray(test)) return 'it is neither a name nor an object'
  for (const key of ['name', 'file', 'id', 'group']) {
    if (test[key] !== undefined && test[key] !== null && typeof test[key] !== 'string') return `${key} is not a string`
  }
  if (test.tags !== undefined && !(Array.isArray(test.tags) && test.tags.every((/** @type {unknown} */ tag) => typeof tag === 'string')))
    return 'tags is not an array of strings'
  return test.name || test.file ? null : 'it has neither name nor file'
}

/**
 * A name on each line; without what `go test -list` says about packages.
 * @param {Command} list
 * @param {string} stdout
 */
function linesOf(list, stdout) {
  const isGo = adapterOf(list).name === 'go'
  return stdout
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !(isGo && /^(?:ok\s|\?\s|Benchmark)/.test(line)))
}

/**
 * Tests of one file as one; those without a file, or with an id or a command of their own, as they are.
 * @param {Listed[]} tests
 */
function eachFile(tests) {
  /** @type {Map<string, Listed>} */
  const files = new Map()
  const kept = []
  for (const listed of tests) {
    const { file, name, tags = [], group } = listed
    if (listed.id || listed.run) {
      kept.push(listed)
      continue
    }
    const known = file === null ? undefined : files.get(file)
    if (known) known.tags = [...new Set([...(known.tags ?? []), ...tags])]
    else {
      const test = { file, name: file === null ? name : null, tags, ...(group ? { group } : {}) }
      kept.push(test)
      if (file !== null) files.set(file, test)
    }
  }
  return kept
}

/**
 * Tests with ids and groups. Ids are the same in each run, and each is there once.
 * @param {ProjectConfig} project
 * @param {Listed[]} listed
 * @param {Context} context
 * @returns {Found[]}
 */
function identified(project, listed, { mode, adapter }) {
  const name = project.name || (adapter.name === 'none' ? 'tests' : adapter.name)
  const seen = new Set()
  return listed.map(test => {
    const { file, name: title } = test
    if (!file && !title && !test.id) throw new BrokerError('invalid_config', 'tests: a test has neither `name` nor `file`.')
    const local = [file, title].filter(Boolean).join(' > ')
    const id = hasOwnId(project, test) ? /** @type {string} */ (test.id) : `${project.name ? `${project.name}:` : ''}${test.id ?? local}`
    if (seen.has(id)) throw twice(id, mode)
    seen.add(id)
    const pattern = test.pattern ?? adapter.pattern?.({ mode, file, name: title }) ?? null
    const group = test.group || groupOf(project.group, name, file) || name
    return { id, project: name, group, file, name: title, tags: test.tags ?? [], pattern, run: test.run ?? null }
  })
}

/**
 * What the user calls a test is its id as it is.
 * @param {ProjectConfig} project
 * @param {Listed} test
 */
const hasOwnId = (project, test) => test.id !== undefined && (project.tests !== undefined || project.list !== undefined)

/**
 * @param {string} id
 * @param {Mode} mode
 */
function twice(id, mode) {
  const advice = mode === 'test' ? 'Rename one, or take mode "file".' : 'Give each a name, file or id of its own.'
  return new BrokerError('list_failed', `${JSON.stringify(id)} is listed twice, so that its results could not be told apart. ${advice}`, {
    details: { id }
  })
}

/**
 * @param {string | undefined} template
 * @param {string} project
 * @param {string | null} file
 */
function groupOf(template, project, file) {
  // Tests that have no file are told apart by their project alone.
  const values = { project, file: file ?? project, dirname: file === null ? project : path.posix.dirname(file) }
  return template?.replace(/\{(project|file|dirname)\}/g, (_, key) => values[/** @type {keyof typeof values} */ (key)])
}

module.exports = { discover }
