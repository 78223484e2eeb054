// @ts-check
'use strict'

const { BrokerError } = require('../../errors.js')
const { captureList, fromRoot, jsonOf, listFailed, ofFiles } = require('./listing.js')
const { completed, escapeRegExp, like, programOf, splitArguments, startOf, withoutPlaceholders, wordsOr } = require('./words.js')

const DEFAULT = ['npx', 'jest']
const KNOWN = {
  values: [
    ...[
      '-c',
      '--config',
      '--rootDir',
      '-t',
      '--testNamePattern',
      '--maxWorkers',
      '-w',
      '--env',
      '--testEnvironment',
      '--testTimeout',
      '--selectProjects'
    ],
    ...[
      '--projects',
      '--reporters',
      '--outputFile',
      '--shard',
      '--maxConcurrency',
      '--workerIdleMemoryLimit',
      '--testPathIgnorePatterns',
      '--coverageDirectory'
    ]
  ],
  switches: [
    ...[
      '-i',
      '--runInBand',
      '--coverage',
      '--verbose',
      '--ci',
      '--forceExit',
      '--detectOpenHandles',
      '--passWithNoTests',
      '--silent',
      '--no-cache',
      '-u'
    ],
    ...['--no-coverage', '--bail', '-b', '--colors', '--watchman', '--expand', '-e', '--updateSnapshot', '--logHeapUsage', '--randomize']
  ]
}

/** @param {readonly string[]} argv */
function partsOf(argv) {
  const { at } = programOf(argv)
  const rest = withoutPlaceholders(argv.slice(at + 1)).filter(word => !/^--(?:watch(?:All)?|runTestsByPath)$/.test(word))
  return { program: argv.slice(0, at + 1), ...splitArguments(rest, KNOWN) }
}

/** @type {import('./index.js').Adapter['run']} */
function run({ mode, command }) {
  // By path: Jest takes other arguments for regular expressions.
  const test = ['--runTestsByPath', '{file}', ...(mode === 'test' ? ['-t', '{pattern}'] : [])]
  const complete = (/** @type {string[]} */ words) => {
    const { program, options } = partsOf(words)
    return [...program, ...options, ...test]
  }
  return completed(command, DEFAULT, complete, test)
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, files, cwd, root, capture }) {
  if (mode === 'test') {
    throw new BrokerError(
      'invalid_config',
      'Jest cannot list single tests without running them: take mode "file", or give the tests in `tests` or `list`.'
    )
  }
  const { program, options, paths } = partsOf(wordsOr(command, DEFAULT))
  const listing = like(command, [...program, ...options, '--listTests', '--json', ...paths])
  const captured = await captureList(capture, { command: listing, cwd })
  const printed = jsonOf(listing, captured)
  if (!Array.isArray(printed) || printed.some(file => typeof file !== 'string'))
    throw listFailed(listing, 'printed JSON that is not a list of files', captured)
  const found = [...printed].sort().map(file => ({ file: fromRoot(root, file), name: null }))
  return ofFiles(found, files)
}

// Jest gives each module a `jest`.
/** @type {import('./index.js').Adapter} */
const adapter = {
  name: 'jest',
  detect: argv => programOf(argv).name === 'jest',
  list,
  run,
  pattern: ({ name }) => (name === null ? null : `^${escapeRegExp(name).replaceAll(' > ', ' (?:> )?')}$`),
  output: {
    skipped: String.raw`^Tests: .*\b[1-9]\d* (?:skipped|todo)`,
    passed: String.raw`^Tests: .*\b[1-9]\d* passed`,
    none: '^No tests found|^Tests: +0 total'
  },
  toolchain: command => [
    ['node', '--version'],
    [...startOf(command, DEFAULT), '--version']
  ]
}

module.exports = adapter
