// @ts-check
'use strict'

/** What is to be done to a file, as it is told and, where that is safe, done. */

const { editedJson, lineChanges, linesOf } = require('./json.js')

/** @typedef {InstanceType<typeof import('./project.js').Project>} Project */

/**
 * - `new`: the file is made; `changed`: lines of it are replaced; `there`: nothing is to be done; `manual`: the user writes it.
 * - `where`: for `manual`, in which part of the file.
 * @typedef {{ file: string, state: 'new' | 'changed' | 'there' | 'manual', removed: string[], added: string[], where: string | null }} Step
 */

/** @param {string} file @returns {Step} */
const there = file => ({ file, state: 'there', removed: [], added: [], where: null })

/** @param {string} file @param {string} where @param {string[]} added @returns {Step} */
const manual = (file, where, added) => ({ file, state: 'manual', removed: [], added, where })

/**
 * A file that is made unless it is there.
 * @param {Project} project
 * @param {string} file
 * @param {string} text
 * @returns {Step}
 */
function create(project, file, text) {
  if (project.read(file) !== null) return there(file)
  project.plan(file, text)
  return { file, state: 'new', removed: [], added: linesOf(text), where: null }
}

/**
 * Lines for a file that nobody but its owner changes.
 * @param {Project} project
 * @param {string} file
 * @param {string} where
 * @param {string[]} lines
 * @param {RegExp} sign what is in the file when it has them
 * @returns {Step}
 */
function byHand(project, file, where, lines, sign) {
  const code = linesOf(project.read(file) ?? '').filter(line => !/^\s*(?:\/\/|\/?\*|#)/.test(line))
  return code.some(line => sign.test(line)) ? there(file) : manual(file, where, lines)
}

/**
 * A change of a file of JSON.
 * @param {Project} project
 * @param {string} file
 * @param {(value: any) => void} change leaves alone what is as it should be
 * @param {{ where: string, lines: string[] }} otherwise what the user does where the file is not to be changed
 * @returns {Step}
 */
function changeJson(project, file, change, { where, lines }) {
  const text = project.read(file) ?? ''
  const edited = editedJson(text, change)
  if (edited === null) return manual(file, where, lines)
  const changes = editedJson(text, () => {}) === edited ? null : lineChanges(text, edited)
  if (changes === null) return there(file)
  project.plan(file, edited)
  return { file, state: 'changed', ...changes, where: null }
}

const WRAPPER = 'ephemeral-broker start -- '

/** Words that a shell would take apart, or assign: what stands before them is not before the whole. */
const COMPOUND = /[&|;<>()]|^\s*\w+=/

/**
 * Scripts of package.json that run a program, with a broker around it.
 * @param {Project} project
 * @param {(script: string) => boolean} runs
 * @param {string} command what a script `test` is, where no script runs the program
 * @returns {Step[]}
 */
function wrapScripts(project, runs, command) {
  if (project.manifest === null) return []
  const names = Object.keys(project.scripts).filter(name => runs(project.scripts[name]))
  const { test } = project.scripts
  if (names.length === 0 && (test === undefined || test.includes('no test specified'))) {
    return [changeScripts(project, { test: WRAPPER + command })]
  }
  if (names.length === 0) return [manual('package.json', 'in "scripts"', [`"test:broker": "${WRAPPER}${command}"`])]
  const open = names.filter(name => !/\bephemeral-broker (?:start|run)\b/.test(project.scripts[name]))
  const simple = open.filter(name => !COMPOUND.test(project.scripts[name]))
  const steps = open
    .filter(name => !simple.includes(name))
    .map(name => manual('package.json', `in the script "${name}"`, [`${WRAPPER}${command}`]))
  if (simple.length > 0)
    steps.unshift(changeScripts(project, Object.fromEntries(simple.map(name => [name, WRAPPER + project.scripts[name]]))))
  return steps.length > 0 ? steps : [there('package.json')]
}

/**
 * @param {Project} project
 * @param {Record<string, string>} scripts
 */
function changeScripts(project, scripts) {
  const change = (/** @type {any} */ manifest) => {
    manifest.scripts = { ...manifest.scripts, ...scripts }
  }
  const lines = Object.entries(scripts).map(([name, script]) => `${JSON.stringify(name)}: ${JSON.stringify(script)}`)
  return changeJson(project, 'package.json', change, { where: 'in "scripts"', lines })
}

module.exports = { byHand, changeJson, create, manual, there, wrapScripts }
