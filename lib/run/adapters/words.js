// @ts-check
'use strict'

// Command lines, looked at without being run: their words, the program in them, and what is an option, a value or a path.

const path = require('node:path')
const { BrokerError } = require('../../errors.js')

/** @typedef {import('../../../run.js').Command} Command */

const PLACEHOLDER = /\{(?:file|test|pattern|id|group)\}/
const OPERATORS = /[|&;<>()$`\\\n*?#~!]/

/** What stands before a program that it runs: the words after it that belong to it, by name. */
const LAUNCHERS = new Map([
  ['npx', []],
  ['bunx', []],
  ['pnpm', ['exec', 'dlx', 'run']],
  ['yarn', ['exec', 'dlx', 'run']],
  ['npm', ['exec', 'x']],
  ['bun', ['x', 'run']],
  ['uv', ['run']],
  ['poetry', ['run']],
  ['pipenv', ['run']],
  ['pdm', ['run']],
  ['hatch', ['run']],
  ['env', []],
  ['cross-env', []],
  ['time', []]
])

/** @param {string} text what `{{` stands for is no placeholder */
const hasPlaceholder = text => PLACEHOLDER.test(text.replaceAll('{{', ''))

/** @param {Command} command */
const usesTest = command => (typeof command === 'string' ? hasPlaceholder(command) : command.some(hasPlaceholder))

/**
 * The words of a command; `null` for a text that only a shell understands.
 * @param {Command} command
 * @returns {string[] | null}
 */
function wordsOf(command) {
  if (typeof command !== 'string') return [...command]
  const outside = command.replace(/'[^']*'|"[^"$`\\]*"/g, '')
  if (OPERATORS.test(outside) || /['"]/.test(outside)) return null
  const words = command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return words.map(word => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double))
}

/**
 * The words of a command, or others where there is none, or only a shell knows them.
 * @param {Command | null} command
 * @param {readonly string[]} byDefault
 */
const wordsOr = (command, byDefault) => (command === null ? null : wordsOf(command)) ?? [...byDefault]

/** @param {string} word */
const baseName = word => path.posix.basename(word.replaceAll('\\', '/')).replace(/\.(?:cmd|exe|ps1|bat|[cm]?js)$/i, '')

/** @param {string} word */
const isPython = word => /^(?:python|py|pypy)[\d.]*$/.test(baseName(word))

/**
 * Where the program is that others start: in `npx vitest run` the second word.
 * @param {readonly string[]} argv
 * @returns {{ at: number, name: string }}
 */
function programOf(argv) {
  let at = 0
  while (at < argv.length) {
    const name = baseName(argv[at])
    const subcommands = LAUNCHERS.get(name)
    if (/^[A-Za-z_]\w*=/.test(argv[at])) at += 1
    else if (subcommands) {
      at += 1
      while (at < argv.length && argv[at].startsWith('-')) at += 1
      if (subcommands.includes(argv[at])) at += 1
      while (at < argv.length && argv[at].startsWith('-')) at += 1
    } else if (isPython(argv[at]) && argv.includes('-m', at)) at = argv.indexOf('-m', at) + 1
    else if (name === 'node' && !argv.includes('--test', at) && scriptOf(argv, at) > 0) at = scriptOf(argv, at)
    else return { at, name: /@playwright[\\/]test[\\/]cli/.test(argv[at]) ? 'playwright' : name }
  }
  return { at: -1, name: '' }
}

/**
 * The script of a `node` at `from`; −1 where there is none.
 * @param {readonly string[]} argv
 * @param {number} from
 */
function scriptOf(argv, from) {
  const isValue = (/** @type {number} */ at) => /^(?:-r|--require|--import|--loader|--experimental-loader)$/.test(argv[at - 1])
  return argv.findIndex((word, at) => at > from && !word.startsWith('-') && !isValue(at) && /\.[cm]?js$|[\\/]\.bin[\\/]/.test(word))
}

/**
 * Words without those that depend on a test, and without the options whose values they are.
 * @param {readonly string[]} words
 */
function withoutPlaceholders(words) {
  const kept = []
  for (const word of words) {
    if (!hasPlaceholder(word)) kept.push(word)
    else if (!word.startsWith('-') && /^(?:-t|-g|-k|-run|--?[a-zA-Z-]*(?:[nN]ame-?[pP]attern|grep))$/.test(kept.at(-1) ?? '')) kept.pop()
  }
  return kept
}

/**
 * Tells options from paths.
 * @param {readonly string[]} args
 * @param {{ values: readonly string[], switches: readonly string[] }} known options with a value in the next word, and those without any
 * @returns {{ options: string[], paths: string[] }}
 */
function splitArguments(args, known) {
  const options = []
  const paths = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at]
    const next = args[at + 1]
    if (!word.startsWith('-') || word === '-') paths.push(word)
    else if (word === '--') return { options, paths: [...paths, ...args.slice(at + 1)] }
    else {
      options.push(word)
      if (word.includes('=') || next === undefined || next.startsWith('-') || known.switches.includes(word)) continue
      if (!known.values.includes(word)) throw ambiguous(args, word, next)
      options.push(next)
      at += 1
    }
  }
  return { options, paths }
}

/**
 * @param {readonly string[]} args
 * @param {string} option
 * @param {string} next
 */
const ambiguous = (args, option, next) =>
  new BrokerError(
    'invalid_config',
    `run: in "${args.join(' ')}", ${JSON.stringify(next)} may be the value of ${option}, or a path. Write ${option}=${next} if it is its value, ` +
      'or put {file} where the file belongs.'
  )

/**
 * Words as a command of the kind that was given: a text stays one, since it may begin with variables.
 * @param {Command | null} given
 * @param {readonly string[]} words
 * @returns {Command}
 */
function like(given, words) {
  if (typeof given !== 'string') return words
  return words.map(word => (/[\s"']/.test(word) ? `"${word}"` : word)).join(' ')
}

/**
 * A user's command with what is missing for one test, or the default. One that has placeholders is complete.
 * @param {Command | null} command
 * @param {readonly string[]} byDefault
 * @param {(words: string[]) => string[]} complete
 * @param {string[]} appended to a text that only a shell understands
 * @returns {Command}
 */
function completed(command, byDefault, complete, appended) {
  if (command === null) return complete([...byDefault])
  if (usesTest(command)) return command
  const words = wordsOf(command)
  return words === null ? `${command} ${appended.join(' ')}` : like(command, complete(words))
}

/**
 * A command up to its program: what is asked for a version.
 * @param {Command | null} command
 * @param {readonly string[]} byDefault
 */
function startOf(command, byDefault) {
  const words = wordsOr(command, byDefault)
  const { at } = programOf(words)
  return words.slice(
    words.findIndex(word => !/^[A-Za-z_]\w*=/.test(word)),
    at + 1
  )
}

/** @param {string} text for the regular expressions of JavaScript, Python, Go and Rust */
const escapeRegExp = text => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

module.exports = { completed, escapeRegExp, like, programOf, splitArguments, startOf, usesTest, withoutPlaceholders, wordsOf, wordsOr }
