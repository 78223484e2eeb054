// @ts-check
'use strict'

const path = require('node:path')
const { captureList, fromRoot, jsonOf, listFailed, ofFiles } = require('./listing.js')
const { completed, escapeRegExp, like, programOf, splitArguments, startOf, withoutPlaceholders, wordsOr } = require('./words.js')

const DEFAULT = ['npx', 'playwright', 'test']
const KNOWN = {
  values: [
    ...[
      '-c',
      '--config',
      '-g',
      '--grep',
      '--grep-invert',
      '--project',
      '--reporter',
      '-j',
      '--workers',
      '--timeout',
      '--global-timeout',
      '--retries'
    ],
    ...['--browser', '--output', '--repeat-each', '--shard', '--trace', '--max-failures', '--tsconfig', '--test-list']
  ],
  switches: [
    '--headed',
    '--fully-parallel',
    '--forbid-only',
    '--pass-with-no-tests',
    '--quiet',
    '-x',
    '--no-deps',
    '--debug',
    '--fail-on-flaky-tests'
  ]
}

/** @param {readonly string[]} argv */
function partsOf(argv) {
  const at = programOf(argv).at + 1
  return { program: argv.slice(0, at + 1), ...splitArguments(withoutPlaceholders(argv.slice(at + 1)), KNOWN) }
}

/**
 * In mode test `{pattern}` is for `--grep`, which sees the project, the file, titles and tags; otherwise for the path.
 * @type {import('./index.js').Adapter['run']}
 */
function run({ mode, command }) {
  const test = mode === 'test' ? ['--grep', '{pattern}'] : ['{pattern}']
  const complete = (/** @type {string[]} */ words) => {
    const { program, options } = partsOf(words)
    return [...program, ...test, ...options]
  }
  return completed(command, DEFAULT, complete, test)
}

/**
 * @typedef {{ file: string, titles: string[], tags: string[], projects: string[] }} Spec
 * @typedef {{ title: string, tags?: string[], tests: Array<{ projectName?: string }> }} JsonSpec
 * @typedef {{ title: string, file: string, specs?: JsonSpec[], suites?: JsonSuite[] }} JsonSuite
 */

/**
 * The tests of a file, which is the outermost suite.
 * @param {JsonSuite} suite
 * @param {string} file
 * @param {string[]} titles
 * @returns {Spec[]}
 */
function specsOf(suite, file, titles) {
  const own = (suite.specs ?? []).map(({ title, tags = [], tests }) => {
    return { file, titles: [...titles, title], tags, projects: [...new Set(tests.map(({ projectName }) => projectName ?? ''))] }
  })
  return [...own, ...(suite.suites ?? []).flatMap(inner => specsOf(inner, file, [...titles, inner.title]))]
}

/** @param {string} file with the separators of either system */
const pathOf = file => file.split(/[\\/]/).map(escapeRegExp).join(String.raw`[\\/]`)

/**
 * Exactly one test, in all of its projects: `chromium a.spec.ts suite title @tag`, matched whole.
 * @param {Spec} spec
 */
function grepOf({ file, titles, projects }) {
  const project = `(?:${projects.map(escapeRegExp).join('|')})`
  const title = titles.map(escapeRegExp).join(' ')
  return String.raw`^${project} ${pathOf(file)} ${title}(?: @\S+)*$`
}

/**
 * Playwright matches paths by regular expressions: of a file as much of its path as tells it from the others, folders first.
 * @param {string} file absolute
 * @param {readonly string[]} all absolute
 */
function pathPattern(file, all) {
  const parts = file.split(/[\\/]/)
  let from = parts.length - 1
  const ending = () => `/${parts.slice(from).join('/')}`
  while (from > 1 && all.some(other => other !== file && other.replaceAll('\\', '/').endsWith(ending()))) from -= 1
  return String.raw`[\\/]${pathOf(parts.slice(from).join('/'))}$`
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, files, cwd, root, capture }) {
  const { program, options, paths } = partsOf(wordsOr(command, DEFAULT))
  const listing = like(command, [...program, ...paths, ...withoutReporter(options), '--list', '--reporter=json', '--pass-with-no-tests'])
  const captured = await captureList(capture, { command: listing, cwd })
  const printed = jsonOf(listing, captured)
  if (!Array.isArray(printed?.suites) || typeof printed?.config?.rootDir !== 'string')
    throw listFailed(listing, 'printed JSON that is no report of Playwright', captured)
  const { rootDir } = printed.config
  /** @type {Spec[]} */
  const specs = printed.suites.flatMap((/** @type {JsonSuite} */ suite) => specsOf(suite, suite.file, []))
  const nameOf = (/** @type {Spec} */ { file }) => fromRoot(root, path.resolve(rootDir, file))
  if (mode === 'test') {
    const tests = specs.map(spec => ({
      file: nameOf(spec),
      name: spec.titles.join(' > '),
      tags: spec.tags.map(tag => tag.replace(/^@/, '')),
      pattern: grepOf(spec)
    }))
    return ofFiles(tests, files)
  }
  const all = [...new Set(specs.map(({ file }) => path.resolve(rootDir, file)))]
  return ofFiles(
    all.map(file => ({ file: fromRoot(root, file), name: null, pattern: pathPattern(file, all) })),
    files
  )
}

/** @param {readonly string[]} options */
const withoutReporter = options => options.filter((word, at) => !/^--reporter(?:=|$)/.test(word) && options[at - 1] !== '--reporter')

/** @type {import('./index.js').Adapter} */
const playwright = {
  name: 'playwright',
  detect: argv => {
    const { at, name } = programOf(argv)
    return name === 'playwright' && argv[at + 1] === 'test'
  },
  list,
  run,
  pattern: ({ mode, file, name }) => {
    if (mode === 'test' && name !== null) return String.raw`${escapeRegExp(name).replaceAll(' > ', ' (?:> )?')}(?: @\S+)*$`
    return file === null ? null : String.raw`[\\/]${pathOf(file)}$`
  },
  output: {
    skipped: String.raw`^ +[1-9]\d* skipped`,
    passed: String.raw`^ +[1-9]\d* (?:passed|flaky)\b`,
    none: '^Error: No tests found'
  },
  toolchain: command => [
    ['node', '--version'],
    [...startOf(command, DEFAULT), '--version']
  ]
}

module.exports = playwright
