// @ts-check
'use strict'

// What is known of test runners: how to list their tests, to run one, and to read that it was skipped.

const { wordsOf } = require('./words.js')

/**
 * @typedef {import('../../../run.js').Command} Command
 * @typedef {import('./listing.js').Capture} Capture
 * @typedef {'service' | 'file' | 'test'} Mode
 */

/**
 * A test.
 * @typedef {object} Listed
 * @property {string | null} file from the root, with `/`
 * @property {string | null} name as the runner knows it; the names of suites and of the test are joined by ` > `
 * @property {string} [id] what tells it from the others of its project, where that is not `file > name`
 * @property {string[]} [tags]
 * @property {string} [group]
 * @property {string | null} [pattern] what `{pattern}` is: exactly this test, in the runner's own words. A path in it begins at the working directory
 * @property {Command} [run] its own command, where the project's would run others too
 */

/**
 * A test runner. All regular expressions of `output` are in the syntax of Rust's `regex`, searched in multi-line mode.
 * @typedef {object} Adapter
 * @property {string} name
 * @property {(argv: string[]) => boolean} detect whether a command is this runner's
 * @property {(options: { mode: Mode, command: Command | null, files: string[], cwd: string, root: string, capture: Capture }) => Promise<Listed[]>} list
 *   `command`: the user's, which may be incomplete. `files`: what globs found, from the root; none: all that the runner finds. Throws `list_failed`
 * @property {(options: { mode: Mode, command: Command | null }) => Command} run what is run for one test: the default, or the user's, completed
 * @property {(test: { mode: Mode, file: string | null, name: string | null }) => string | null} [pattern] for tests that the runner did not list
 * @property {(command: Command | null) => string[]} [globs] where its files are, from the working directory; for runners that cannot be asked
 * @property {{ skipped?: string, passed?: string, none?: string, skipCode?: number }} output `skipCode`: an exit code that may mean a skip
 * @property {(command: Command | null) => Command[]} toolchain what prints the versions that results depend on
 */

const NAMES = /** @type {const} */ (['vitest', 'jest', 'playwright', 'node', 'go', 'pytest', 'cargo', 'none'])

/**
 * @param {string} name one of `NAMES`
 * @returns {Adapter}
 */
const adapterNamed = name => require(`./${name}.js`)

/**
 * Whose command it is.
 * @param {Command | null} command
 * @returns {Adapter}
 */
function adapterOf(command) {
  const words = command === null ? null : wordsOf(command)
  const name = words === null ? undefined : NAMES.find(known => adapterNamed(known).detect(words))
  return adapterNamed(name ?? 'none')
}

module.exports = { NAMES, adapterNamed, adapterOf }
