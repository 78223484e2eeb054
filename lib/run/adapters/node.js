// @ts-check
'use strict'

const { BrokerError } = require('../../errors.js')
const { completed, programOf, splitArguments, startOf, withoutPlaceholders, wordsOf } = require('./words.js')

const DEFAULT = ['node', '--test']
const KNOWN = {
  values: [
    ...[
      '--import',
      '--require',
      '-r',
      '--loader',
      '--experimental-loader',
      '--env-file',
      '--test-reporter',
      '--test-reporter-destination',
      '-C',
      '--conditions'
    ],
    ...[
      '--test-concurrency',
      '--test-timeout',
      '--test-name-pattern',
      '--test-skip-pattern',
      '--test-shard',
      '--test-global-setup',
      '--max-old-space-size'
    ]
  ],
  switches: [
    '--test',
    '--experimental-strip-types',
    '--experimental-test-coverage',
    '--test-only',
    '--test-force-exit',
    '--enable-source-maps',
    '--no-warnings',
    '--expose-gc'
  ]
}
const ENDINGS = '{js,cjs,mjs}'
const NAMES = [
  `**/*.test.${ENDINGS}`,
  `**/*-test.${ENDINGS}`,
  `**/*_test.${ENDINGS}`,
  `**/test-*.${ENDINGS}`,
  `**/test.${ENDINGS}`,
  `**/test/**/*.${ENDINGS}`
]

/** @param {readonly string[]} argv */
function partsOf(argv) {
  const { at } = programOf(argv)
  return { program: argv.slice(0, at + 1), ...splitArguments(withoutPlaceholders(argv.slice(at + 1)), KNOWN) }
}

/** @type {import('./index.js').Adapter['run']} */
function run({ mode, command }) {
  // Node 22 and later count a file in which `--test` finds no test of the name as one that passed. Without it they count nothing.
  const test = mode === 'test' ? ['--test-name-pattern', '{pattern}', '{file}'] : ['{file}']
  const complete = (/** @type {string[]} */ words) => {
    const { program, options } = partsOf(words)
    return [...program, ...(mode === 'test' ? options.filter(option => option !== '--test') : options), ...test]
  }
  return completed(command, DEFAULT, complete, test)
}

/** Where `node --test` looks when it is given nothing, or what it is given. @type {NonNullable<import('./index.js').Adapter['globs']>} */
function globs(command) {
  const words = command === null ? null : wordsOf(command)
  const { paths } = words === null ? { paths: [] } : partsOf(words)
  if (paths.length === 0) return [...NAMES, '!**/node_modules/**']
  const isFolder = (/** @type {string} */ given) => !/[*?{[]|\.[cm]?[jt]s$/.test(given)
  return paths.flatMap(given =>
    isFolder(given) ? NAMES.map(name => `${given.replace(/\/+$/, '')}/${name}`) : [given.replace(/^\.\//, '')]
  )
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, files }) {
  if (mode === 'test') {
    throw new BrokerError(
      'invalid_config',
      'node --test cannot list single tests without running them: take mode "file", or give the tests in `tests` or `list`.'
    )
  }
  return files.map(file => ({ file, name: null }))
}

/** @type {import('./index.js').Adapter} */
const node = {
  name: 'node',
  detect: argv => {
    const { at, name } = programOf(argv)
    return name === 'node' && argv.includes('--test', at)
  },
  globs,
  list,
  run,
  output: {
    // The suites that are skipped as a whole have no part in the count.
    skipped: String.raw`^(?:#|ℹ) (?:skipped|todo) [1-9]|^ *(?:ok \d+ - |﹣ ).* # SKIP`,
    passed: '^(?:#|ℹ) pass [1-9]',
    none: '^(?:#|ℹ) tests 0$'
  },
  toolchain: command => [[...startOf(command, DEFAULT), '--version']]
}

module.exports = node
