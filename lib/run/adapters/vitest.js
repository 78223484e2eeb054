// @ts-check
'use strict'

const path = require('node:path')
const { captureList, eachOnce, fromRoot, jsonOf, listFailed, ofFiles } = require('./listing.js')
const { completed, escapeRegExp, like, programOf, splitArguments, startOf, usesTest, withoutPlaceholders, wordsOr } = require('./words.js')

const DEFAULT = ['npx', 'vitest', 'run']
const SUBCOMMANDS = ['run', 'watch', 'dev', 'related', 'list']
const KNOWN = {
  values: [
    ...[
      '-c',
      '--config',
      '-r',
      '--root',
      '--dir',
      '-t',
      '--testNamePattern',
      '--reporter',
      '--outputFile',
      '--project',
      '--environment',
      '--pool',
      '--mode'
    ],
    ...[
      '--exclude',
      '--testTimeout',
      '--hookTimeout',
      '--maxWorkers',
      '--minWorkers',
      '--retry',
      '--bail',
      '--shard',
      '--workspace',
      '--tagsFilter'
    ]
  ],
  switches: [
    '--run',
    '--globals',
    '--coverage',
    '--passWithNoTests',
    '--silent',
    '--no-file-parallelism',
    '--dom',
    '--typecheck',
    '--ui',
    '--no-color',
    '--update',
    '-u'
  ]
}

/**
 * @param {readonly string[]} argv
 * @returns {{ program: string[], options: string[], paths: string[] }}
 */
function partsOf(argv) {
  const { at } = programOf(argv)
  const rest = withoutPlaceholders(argv.slice(at + 1)).filter(word => word !== '--watch' && word !== '-w')
  if (SUBCOMMANDS.includes(rest[0])) rest.shift()
  return { program: argv.slice(0, at + 1), ...splitArguments(rest, KNOWN) }
}

/**
 * Matches the test's full name, whose parts some versions join by a space, others by " > ".
 * @param {string} name
 */
const patternOf = name => `^${escapeRegExp(name).replaceAll(' > ', ' (?:> )?')}$`

/** @param {string} file for a glob */
const escapeGlob = file => file.replace(/[[\]{}()*?!@+\\]/g, '\\$&')

/** @type {import('./index.js').Adapter['run']} */
function run({ mode, command }) {
  const file = mode === 'test' ? ['{file}', '-t', '{pattern}'] : ['{file}']
  const complete = (/** @type {string[]} */ words) => {
    const { program, options } = partsOf(words)
    return [...program, 'run', ...file, ...options.filter(option => option !== '--run')]
  }
  return completed(command, DEFAULT, complete, file)
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, files, cwd, root, capture }) {
  const { program, options, paths } = partsOf(wordsOr(command, DEFAULT))
  const words = [
    ...program,
    'list',
    ...paths,
    ...options.filter(option => option !== '--run'),
    '--json',
    ...(mode === 'test' ? [] : ['--filesOnly'])
  ]
  const listing = like(command, words)
  const captured = await captureList(capture, { command: listing, cwd })
  const printed = jsonOf(listing, captured)
  if (!Array.isArray(printed) || printed.some(item => typeof item?.file !== 'string')) {
    throw listFailed(listing, 'printed JSON that is not a list of tests with files', captured)
  }
  const absolute = eachOnce(printed.map(({ file }) => path.resolve(cwd, file)))
  const own = command === null || !usesTest(command) ? run({ mode, command }) : null
  const items = eachInOneProject(printed).map(({ file, name }) => ({
    file: fromRoot(root, path.resolve(cwd, file)),
    name: mode === 'test' ? String(name) : null,
    ...(mode === 'test' ? { pattern: patternOf(String(name)) } : {}),
    ...(own === null ? {} : alone(own, path.resolve(cwd, file), absolute, cwd))
  }))
  return ofFiles(items, files)
}

/**
 * What several of Vitest's projects have is run in all of them at once.
 * @param {Array<{ file: string, name?: string, projectName?: string }>} printed
 */
function eachInOneProject(printed) {
  const first = new Map()
  return printed.filter(({ file, name, projectName = '' }) => {
    const key = JSON.stringify([file, name])
    if (!first.has(key)) first.set(key, projectName)
    return first.get(key) === projectName
  })
}

/**
 * Vitest takes a file for a part of a path: `a.test.js` runs `lib/a.test.js` too. Such others are left out by name.
 * @param {import('./index.js').Command} command
 * @param {string} file absolute
 * @param {readonly string[]} all absolute
 * @param {string} cwd
 * @returns {{ run?: import('./index.js').Command }}
 */
function alone(command, file, all, cwd) {
  const part = fromRoot(cwd, file).toLowerCase()
  const others = all.filter(other => other !== file && fromRoot(cwd, other).toLowerCase().includes(part))
  if (others.length === 0 || typeof command === 'string') return {}
  return { run: [...command, ...others.map(other => `--exclude=**/${escapeGlob(fromRoot(cwd, other))}`)] }
}

/** @type {import('./index.js').Adapter} */
const vitest = {
  name: 'vitest',
  detect: argv => programOf(argv).name === 'vitest',
  list,
  run,
  pattern: ({ name }) => (name === null ? null : patternOf(name)),
  output: {
    skipped: String.raw`^ *Tests  .*\b[1-9]\d* (?:skipped|todo)`,
    passed: String.raw`^ *Tests  .*\b[1-9]\d* (?:passed|expected fail)`,
    none: '^No test files found|^ *Tests  no tests'
  },
  toolchain: command => [[...startOf(command, DEFAULT), '--version']]
}

module.exports = vitest
