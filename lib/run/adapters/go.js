// @ts-check
'use strict'

const { captureList, listFailed } = require('./listing.js')
const {
  completed,
  escapeRegExp,
  like,
  programOf,
  splitArguments,
  startOf,
  usesTest,
  withoutPlaceholders,
  wordsOf,
  wordsOr
} = require('./words.js')
const { BrokerError } = require('../../errors.js')

/** @typedef {import('./index.js').Command} Command */

const DEFAULT = ['go', 'test', './...']
const KNOWN = {
  values: [
    ...[
      '-run',
      '-skip',
      '-count',
      '-timeout',
      '-tags',
      '-p',
      '-parallel',
      '-cpu',
      '-bench',
      '-benchtime',
      '-covermode',
      '-coverpkg',
      '-coverprofile'
    ],
    ...[
      '-mod',
      '-modfile',
      '-ldflags',
      '-gcflags',
      '-asmflags',
      '-exec',
      '-o',
      '-outputdir',
      '-overlay',
      '-pkgdir',
      '-shuffle',
      '-vet',
      '-list',
      '-C'
    ],
    ...[
      '-cpuprofile',
      '-memprofile',
      '-blockprofile',
      '-mutexprofile',
      '-trace',
      '-fuzz',
      '-fuzztime',
      '-buildmode',
      '-compiler',
      '-toolexec'
    ]
  ],
  switches: [
    '-v',
    '-race',
    '-msan',
    '-asan',
    '-short',
    '-cover',
    '-failfast',
    '-json',
    '-a',
    '-n',
    '-x',
    '-work',
    '-trimpath',
    '-c',
    '-i',
    '-fullpath',
    '-benchmem'
  ]
}
/** What `-run` runs; benchmarks are not among it. */
const RUNNABLE = /^(?:Test|Fuzz|Example)(?!\p{Ll})[\p{L}\p{N}_]*$/u

/**
 * `go test`, its options, its packages, and what follows `-args`.
 * @param {readonly string[]} words
 */
function partsOf(words) {
  const at = programOf(words).at + 1
  const rest = withoutPlaceholders(words.slice(at + 1))
  const end = rest.findIndex(word => /^--?args$/.test(word))
  const own = (end === -1 ? rest : rest.slice(0, end)).map(word => word.replace(/^--(?=\w)/, '-'))
  return { program: words.slice(0, at + 1), ...splitArguments(own, KNOWN), args: end === -1 ? [] : rest.slice(end) }
}

/**
 * Options without some, and without their values.
 * @param {readonly string[]} options
 * @param {readonly string[]} names
 */
function without(options, names) {
  const isNamed = (/** @type {string | undefined} */ word) => word !== undefined && names.includes(word.split('=')[0])
  return options.filter(
    (word, at) => !isNamed(word) && !(isNamed(options[at - 1]) && !options[at - 1].includes('=') && !word.startsWith('-'))
  )
}

/**
 * Skips show with `-v` alone, and go answers from a cache of its own without `-count=1`.
 * @param {readonly string[]} program
 * @param {readonly string[]} rest
 */
function always(program, rest) {
  const has = (/** @type {RegExp} */ option) => rest.some(word => option.test(word))
  return [...program, ...(has(/^--?(?:v(?:=|$)|json$)/) ? [] : ['-v']), ...(has(/^--?count(?:=|$)/) ? [] : ['-count=1']), ...rest]
}

/**
 * For packages: `{test}` is one. For tests the package is each test's own, see `list`.
 * @type {import('./index.js').Adapter['run']}
 */
function run({ mode, command }) {
  if (command !== null && usesTest(command)) return verbose(command)
  const complete = (/** @type {string[]} */ words) => {
    const { program, options, paths, args } = partsOf(words)
    if (mode !== 'test') return [...always(program, options), '{test}', ...args]
    return [...always(program, without(options, ['-run'])), '-run', '{pattern}', ...paths, ...args]
  }
  if (command !== null && wordsOf(command) === null) {
    throw new BrokerError(
      'invalid_config',
      `run: ${JSON.stringify(command)} has no {test} or {pattern}: say where the test's name goes, as in "go test ./... -run ^{test}$".`
    )
  }
  return completed(command, DEFAULT, complete, [])
}

/** @param {Command} command that is complete but for `-v` and `-count=1` */
function verbose(command) {
  if (typeof command === 'string') {
    const before = command.match(/^.*?\bgo(?:\.exe)?\s+test\b/)?.[0]
    return before === undefined ? command : always([before], command.slice(before.length).trim().split(/\s+/)).join(' ')
  }
  const { at } = programOf(command)
  return always(command.slice(0, at + 2), command.slice(at + 2))
}

/**
 * What go prints with `-json`; of what is no JSON (a build that failed), the text.
 * @param {string} stdout
 * @returns {Array<{ Action?: string, Package?: string, Output?: string }>}
 */
function eventsOf(stdout) {
  return stdout.split('\n').map(line => {
    try {
      return line.startsWith('{') ? JSON.parse(line) : { Output: `${line}\n` }
    } catch {
      return { Output: `${line}\n` }
    }
  })
}

/** @type {import('./index.js').Adapter['list']} */
async function list({ mode, command, cwd, capture }) {
  const { program, options, paths } = partsOf(wordsOr(command, DEFAULT))
  const at = options.indexOf('-run')
  const selected = (at >= 0 ? options[at + 1] : options.find(option => option.startsWith('-run='))?.slice('-run='.length)) ?? '.'
  const others = without(options, ['-run', '-v', '-json', '-count', '-list', '-bench'])
  const packages = paths.length === 0 && command !== null && !usesTest(command) ? ['.'] : paths.length === 0 ? ['./...'] : paths
  const listing = like(command, [...program, '-json', '-list', selected.split('/')[0] || '.', ...others, ...packages])
  const captured = await captureList(
    async options => {
      const result = await capture(options)
      return result.exitCode === 0
        ? result
        : {
            ...result,
            stdout: eventsOf(result.stdout)
              .map(({ Output = '' }) => Output)
              .join('')
          }
    },
    { command: listing, cwd }
  )
  const events = eventsOf(captured.stdout)
  if (!events.some(({ Action, Package }) => Action !== undefined && Package !== undefined) && captured.stdout.trim() !== '') {
    throw listFailed(listing, 'printed no events of `go test -json`', captured)
  }
  return mode === 'test' ? testsOf(events, command) : packagesOf(events)
}

/**
 * @param {ReturnType<typeof eventsOf>} events
 * @returns {Array<{ pkg: string, name: string }>}
 */
function namesOf(events) {
  /** @type {Map<string, string>} */
  const outputs = new Map()
  for (const { Action, Package, Output } of events) {
    if (Action === 'output' && Package !== undefined) outputs.set(Package, `${outputs.get(Package) ?? ''}${Output ?? ''}`)
  }
  return [...outputs].flatMap(([pkg, output]) => {
    return output
      .split(/\r?\n/)
      .filter(line => RUNNABLE.test(line))
      .map(name => ({ pkg, name }))
  })
}

/** @param {ReturnType<typeof eventsOf>} events */
const packagesOf = events => [...new Set(namesOf(events).map(({ pkg }) => pkg))].map(pkg => ({ file: null, name: pkg, pattern: '.' }))

/**
 * @param {ReturnType<typeof eventsOf>} events
 * @param {Command | null} command
 * @returns {import('./index.js').Listed[]}
 */
function testsOf(events, command) {
  const own = command === null || !usesTest(command)
  return namesOf(events).map(({ pkg, name }) => {
    const test = { file: null, name, id: `${pkg} > ${name}`, pattern: `^${name}$` }
    return own ? { ...test, run: inPackage(command, pkg) } : test
  })
}

/**
 * @param {Command | null} command
 * @param {string} pkg
 */
function inPackage(command, pkg) {
  const { program, options, args } = partsOf(wordsOr(command, DEFAULT))
  return like(command, [...always(program, without(options, ['-run'])), '-run', '{pattern}', pkg, ...args])
}

/** @type {import('./index.js').Adapter} */
const go = {
  name: 'go',
  detect: argv => {
    const { at, name } = programOf(argv)
    return name === 'go' && argv[at + 1] === 'test'
  },
  list,
  run,
  // Each level of a name of subtests is a regular expression of its own.
  pattern: ({ name }) =>
    name === null
      ? null
      : name
          .split('/')
          .map(part => `^${escapeRegExp(part)}$`)
          .join('/'),
  output: {
    skipped: '^--- SKIP: ',
    passed: '^--- PASS: ',
    none: String.raw`^testing: warning: no tests to run|\[no tests? (?:to run|files)\]`
  },
  toolchain: command => [
    [...startOf(command, DEFAULT), 'version'],
    [...startOf(command, DEFAULT), 'env', 'GOFLAGS', 'GOOS', 'GOARCH', 'CGO_ENABLED']
  ]
}

module.exports = go
