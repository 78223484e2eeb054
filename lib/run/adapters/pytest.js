// @ts-check
'use strict'

const { existsSync } = require('node:fs')
const path = require('node:path')
const { captureList, eachOnce, fromRoot, listFailed, ofFiles } = require('./listing.js')
const { completed, like, programOf, splitArguments, startOf, withoutPlaceholders, wordsOr } = require('./words.js')

const DEFAULT = ['pytest']
const NO_TESTS = 5
const KNOWN = {
  values: [
    ...[
      '-k',
      '-m',
      '-p',
      '-c',
      '-o',
      '-n',
      '-W',
      '-r',
      '--config-file',
      '--rootdir',
      '--tb',
      '--maxfail',
      '--junitxml',
      '--junit-xml',
      '--durations',
      '--color'
    ],
    ...[
      '--ignore',
      '--ignore-glob',
      '--deselect',
      '--confcutdir',
      '--basetemp',
      '--import-mode',
      '--log-level',
      '--timeout',
      '--dist',
      '--capture',
      '--override-ini'
    ],
    ...['--cov-report', '--cov-config', '--html', '--reruns', '--verbosity', '--log-cli-level', '--alluredir', '--splits', '--group']
  ],
  switches: [
    ...[
      '-v',
      '-vv',
      '-vvv',
      '-q',
      '-qq',
      '-s',
      '-x',
      '-l',
      '--lf',
      '--ff',
      '--sw',
      '--exitfirst',
      '--quiet',
      '--verbose',
      '--showlocals',
      '--strict-markers'
    ],
    ...[
      '--no-cov',
      '--last-failed',
      '--failed-first',
      '--stepwise',
      '--strict',
      '--strict-config',
      '--no-header',
      '--no-summary',
      '--pyargs',
      '--doctest-modules'
    ]
  ]
}

/** @param {readonly string[]} argv */
function partsOf(argv) {
  const { at } = programOf(argv)
  return { program: argv.slice(0, at + 1), ...splitArguments(withoutPlaceholders(argv.slice(at + 1)), KNOWN) }
}

/** @type {import('./index.js').Adapter['run']} */
function run({ mode, command }) {
  const test = mode === 'test' ? ['{pattern}'] : ['{file}']
  const complete = (/** @type {string[]} */ words) => {
    const { program, options } = partsOf(words)
    return [...program, ...test, ...options]
  }
  return completed(command, DEFAULT, complete, test)
}

/**
 * The folder that node ids begin at, which pytest finds by its configuration: the working directory or one above it.
 * @param {string} cwd
 * @param {readonly string[]} files
 */
function rootOf(cwd, files) {
  for (let folder = cwd; ; folder = path.dirname(folder)) {
    if (files.every(file => existsSync(path.resolve(folder, file)))) return folder
    if (path.dirname(folder) === folder) return null
  }
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, files, cwd, root, capture }) {
  const { program, options, paths } = partsOf(wordsOr(command, DEFAULT))
  // The last word on verbosity, whatever the configuration adds: one node id on each line.
  const listing = like(command, [...program, ...paths, ...options, '--collect-only', '--verbosity=-1', '--color=no'])
  const captured = await captureList(capture, { command: listing, cwd, also: [NO_TESTS] })
  if (captured.exitCode === NO_TESTS) return []
  const ids = nodeIds(captured.stdout)
  const counted = Number(/^=* ?(\d+)(?:\/\d+)? tests? collected/m.exec(captured.stdout)?.[1] ?? -1)
  if (ids.length !== counted) throw listFailed(listing, 'printed something else than the ids of tests and their number', captured)
  const base = rootOf(cwd, eachOnce(ids.map(({ file }) => file)))
  if (base === null) throw listFailed(listing, `printed files that are neither in ${cwd} nor in a folder above it`, captured)
  const found = ids.map(({ file, name }) => {
    const absolute = path.resolve(base, file)
    return { file: fromRoot(root, absolute), name, pattern: `${path.relative(cwd, absolute).replaceAll(path.sep, '/')}::${name}` }
  })
  if (mode === 'test') return ofFiles(found, files)
  return ofFiles(
    eachOnce(found.map(({ file }) => file)).map(file => ({ file, name: null })),
    files
  )
}

/**
 * Up to the first empty line. What plugins say about themselves has no `::`.
 * @param {string} stdout
 */
function nodeIds(stdout) {
  const lines = stdout.split(/\r?\n/)
  const ids = lines.slice(0, lines.indexOf('')).filter(line => line.includes('::'))
  return ids.map(id => ({ file: id.slice(0, id.indexOf('::')), name: id.slice(id.indexOf('::') + 2) }))
}

/** @type {import('./index.js').Adapter} */
const pytest = {
  name: 'pytest',
  detect: argv => ['pytest', 'py.test'].includes(programOf(argv).name),
  list,
  run,
  // A node id, which is what a name may be already.
  pattern: ({ file, name }) => (name === null ? file : file === null || name.startsWith(`${file}::`) ? name : `${file}::${name}`),
  output: {
    // The summary; with `-qq`, which leaves it out, the letters.
    skipped: String.raw`\b[1-9]\d* skipped\b.* in [\d.]+m?s|^(?:\S+ )?s+ +\[100%\]$`,
    passed: String.raw`\b[1-9]\d* (?:passed|xfailed|xpassed)\b.* in [\d.]+m?s|^(?:\S+ )?[sxX]*[.xX][.sxX]* +\[ *\d+%\]$`,
    none: '^=* ?no tests (?:ran|collected)|^collected 0 items$',
    // What it says when a module was skipped as a whole: nothing was collected.
    skipCode: 5
  },
  // Twice: with the paths, which tell Python's version, and with plugins.
  toolchain: command => [[...startOf(command, DEFAULT), '--version', '--version']]
}

module.exports = pytest
