// @ts-check
'use strict'

const path = require('node:path')
const { captureList, fromRoot, listFailed } = require('./listing.js')
const { completed, like, programOf, splitArguments, startOf, usesTest, withoutPlaceholders, wordsOr } = require('./words.js')

/**
 * @typedef {import('./index.js').Command} Command
 * @typedef {{ pkg: string, kind: string, name: string, source: string, folder: string, executable: string }} Binary
 */

const DEFAULT = ['cargo', 'test']
const KNOWN = {
  values: [
    ...[
      '-p',
      '--package',
      '--exclude',
      '--bin',
      '--test',
      '--example',
      '--bench',
      '-F',
      '--features',
      '--target',
      '--target-dir',
      '--profile',
      '-j',
      '--jobs'
    ],
    ...['--manifest-path', '--message-format', '--color', '--config', '-Z']
  ],
  switches: [
    ...[
      '--lib',
      '--bins',
      '--tests',
      '--examples',
      '--benches',
      '--all-targets',
      '--doc',
      '--workspace',
      '--all',
      '--no-fail-fast',
      '-r',
      '--release'
    ],
    ...[
      '--all-features',
      '--no-default-features',
      '-v',
      '-vv',
      '--verbose',
      '-q',
      '--quiet',
      '--locked',
      '--frozen',
      '--offline',
      '--ignore-rust-version'
    ]
  ]
}
const PACKAGES = ['-p', '--package', '--exclude', '--workspace', '--all']
const TARGETS = [
  '--lib',
  '--bins',
  '--tests',
  '--examples',
  '--benches',
  '--all-targets',
  '--doc',
  '--bin',
  '--test',
  '--example',
  '--bench'
]
const SELECTS_ONE = ['-p', '--package', '--exclude', '--bin', '--test', '--example', '--bench']

/**
 * `cargo test`, cargo's options, a filter of names, and what the test binaries are given after `--`.
 * @param {readonly string[]} words
 */
function partsOf(words) {
  const { at } = programOf(words)
  const start = words[at + 1]?.startsWith('+') ? at + 2 : at + 1
  const rest = words.slice(start + 1)
  const end = rest.indexOf('--')
  const { options, paths: filter } = splitArguments(withoutPlaceholders(end === -1 ? rest : rest.slice(0, end)), KNOWN)
  const harness = withoutPlaceholders(end === -1 ? [] : rest.slice(end + 1)).filter(word => word !== '--exact')
  return { program: words.slice(0, start + 1), options, filter, harness }
}

/**
 * @param {readonly string[]} options
 * @param {readonly string[]} names
 */
function without(options, names) {
  const isNamed = (/** @type {string} */ word) => names.includes(word.split('=')[0])
  return options.filter((word, at) => !isNamed(word) && !(at > 0 && SELECTS_ONE.includes(options[at - 1]) && isNamed(options[at - 1])))
}

/**
 * For a test of any binary; `list` gives each test the command that runs it in its own.
 * @type {import('./index.js').Adapter['run']}
 */
function run({ mode, command }) {
  const complete = (/** @type {string[]} */ words) => {
    const { program, options, filter, harness } = partsOf(words)
    const test = mode === 'test' ? ['--exact', '{test}'] : filter
    return [...program, ...options, '--', ...harness, ...test]
  }
  return completed(command, DEFAULT, complete, mode === 'test' ? ['--', '--exact', '{test}'] : [])
}

/**
 * @param {string} stdout
 * @returns {{ binaries: Binary[], libraries: Binary[] }}
 */
function artifactsOf(stdout) {
  const artifacts = stdout
    .split('\n')
    .filter(line => line.startsWith('{"reason":"compiler-artifact"'))
    .map(line => JSON.parse(line))
  const all = artifacts.map(({ package_id, manifest_path, target, profile, executable }) => ({
    pkg: packageName(package_id),
    kind: kindOf(target.kind),
    name: target.name,
    source: target.src_path,
    folder: path.dirname(manifest_path),
    executable,
    isTest: profile.test === true && typeof executable === 'string',
    hasDocs: target.doctest === true && /^path\+|^file:|^\//.test(package_id)
  }))
  const libraries = all.filter(({ kind, hasDocs }) => kind === 'lib' && hasDocs)
  return {
    binaries: all.filter(({ isTest }) => isTest),
    libraries: [...new Map(libraries.map(library => [library.pkg, library])).values()]
  }
}

/** @param {string[]} kinds */
const kindOf = kinds => ['bin', 'test', 'example', 'bench'].find(kind => kinds.includes(kind)) ?? 'lib'

/** @param {string} id `path+file:///w/a#0.1.0`, `path+file:///w/a#name@0.1.0`, and before 1.77 `name 0.1.0 (path+file:///w/a)` */
function packageName(id) {
  if (id.includes(' ')) return id.slice(0, id.indexOf(' '))
  const fragment = id.slice(id.indexOf('#') + 1)
  return fragment.includes('@')
    ? fragment.slice(0, fragment.indexOf('@'))
    : (id.slice(0, id.indexOf('#')).replace(/\/+$/, '').split('/').at(-1) ?? id)
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, cwd, root, capture }) {
  const parts = partsOf(wordsOr(command, DEFAULT))
  const building = like(command, [...parts.program, ...parts.options, '--no-run', '--message-format=json'])
  const onlyDocs = parts.options.includes('--doc')
  const listsDocs = onlyDocs || !parts.options.some(option => TARGETS.includes(option.split('=')[0]))
  const { binaries, libraries } = artifactsOf(
    (await captureList(capture, { command: onlyDocs ? like(command, withoutDocs(parts)) : building, cwd })).stdout
  )
  const own = command === null || !usesTest(command)
  /** @type {import('./index.js').Listed[]} */
  const found = []
  for (const binary of onlyDocs ? [] : binaries) {
    const select = binary.kind === 'lib' ? ['--lib'] : [`--${binary.kind}`, binary.name]
    const listing = [binary.executable, '--list', '--format=terse', ...parts.filter, ...parts.harness]
    const names = testNames(listing, await captureList(capture, { command: listing, cwd: binary.folder }))
    found.push(...items(mode, fromRoot(root, binary.source), names, own ? { command, parts, select: ['-p', binary.pkg, ...select] } : null))
  }
  for (const library of listsDocs && own ? libraries : []) {
    const kept = without(parts.options, [...PACKAGES, ...TARGETS])
    const documents = like(command, [...parts.program, ...kept, '-p', library.pkg, '--doc'])
    const listing = like(command, [...parts.program, ...kept, '-p', library.pkg, '--doc', '--', '--list', '--format=terse'])
    const names = testNames(listing, await captureList(capture, { command: listing, cwd }))
    // One item: rustdoc parts names at their spaces, so that none of its tests can be run by its name.
    if (names.length > 0) found.push({ file: fromRoot(root, library.source), name: 'doc tests', run: documents })
  }
  return found
}

/** @param {ReturnType<typeof partsOf>} parts `--doc` cannot be built without being run */
const withoutDocs = ({ program, options }) => [...program, ...without(options, ['--doc']), '--lib', '--no-run', '--message-format=json']

/**
 * @param {Command} listing
 * @param {import('./listing.js').Captured} captured
 */
function testNames(listing, captured) {
  const lines = captured.stdout.split(/\r?\n/).filter(line => line !== '')
  const strange = lines.find(line => !/: (?:test|benchmark|bench)$/.test(line))
  if (strange !== undefined) throw listFailed(listing, 'printed something else than names of tests', captured)
  return lines.filter(line => line.endsWith(': test')).map(line => line.slice(0, -': test'.length))
}

/**
 * @param {import('./index.js').Mode} mode
 * @param {string} file
 * @param {readonly string[]} names
 * @param {{ command: Command | null, parts: ReturnType<typeof partsOf>, select: string[] } | null} own
 * @returns {import('./index.js').Listed[]}
 */
function items(mode, file, names, own) {
  const runOf = (/** @type {readonly string[]} */ test) => {
    if (own === null) return {}
    const { program, options, harness } = own.parts
    return {
      run: like(own.command, [...program, ...without(options, [...PACKAGES, ...TARGETS]), ...own.select, '--', ...harness, ...test])
    }
  }
  if (mode === 'test') return names.map(name => ({ file, name, ...runOf(['--exact', '{test}']) }))
  return names.length === 0 ? [] : [{ file, name: null, ...runOf(own?.parts.filter ?? []) }]
}

/** @type {import('./index.js').Adapter} */
const cargo = {
  name: 'cargo',
  detect: argv => {
    const { at, name } = programOf(argv)
    const rest = argv.slice(at + 1).filter(word => !word.startsWith('+'))
    return name === 'cargo' && (rest[0] === 'test' || rest[0] === 't')
  },
  list,
  run,
  output: {
    skipped: String.raw`^test result: ok\. .*\b[1-9]\d* ignored;`,
    passed: String.raw`^test result: ok\. [1-9]\d* passed;`,
    none: '^running 0 tests$'
  },
  toolchain: command => {
    const program = startOf(command, DEFAULT)
    return [
      [...program, '--version'],
      ['rustc', '--version', '--verbose']
    ]
  }
}

module.exports = cargo
