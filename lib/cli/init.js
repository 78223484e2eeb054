// @ts-check
'use strict'

/** `init`: what to write so that the tests of a project have a broker; with `--write` it is written. */

const { Option } = require('commander')
const { printResult } = require('./output.js')
const { harmless } = require('./text.js')

const MORE = `
Looks at package.json, at config files of test runners, pyproject.toml,
pytest.ini, conftest.py and go.mod in this folder, says which runner it found
and by what, and shows the lines to write.

With --write it makes the files that are not there and changes those of JSON.
What is there is never overwritten; code it does not change, but says what to
add, and where. Doing it twice does no harm.

Runners: jest, vitest, playwright, mocha, wdio, node, ava, cucumber, cypress,
codeceptjs, pytest, go.

Examples:
  $ ephemeral-broker init
  $ ephemeral-broker init --write
  $ ephemeral-broker init --runner jest --runner playwright --write`

/**
 * @typedef {import('./output.js').Context} Context
 * @typedef {import('../init/index.js').Plan} Plan
 * @typedef {import('../init/steps.js').Step} Step
 */

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addInit(program, context) {
  const command = program
    .command('init')
    .description('show, or write, the lines that give the tests of a project a broker')
    .addOption(new Option('--runner <name>', 'for this one, not for those that are found; may be given again').argParser(addRunner))
    .option('--write', 'write them')
    .option('--json', 'print JSON, errors too')
  command.addHelpText('after', MORE).action(() => {
    const given = { ...program.opts(), ...command.opts() }
    context.json = Boolean(given.json)
    const plan = require('../init/index.js').planFor(process.cwd(), given.runner ?? [])
    if (given.write) plan.write()
    if (context.json) printResult({ ...plan, written: Boolean(given.write) }, context)
    else process.stdout.write(`${linesOf(plan, Boolean(given.write)).join('\n')}\n`)
  })
}

/**
 * @param {string} name
 * @param {string[]} [before]
 */
function addRunner(name, before = []) {
  const { NAMES } = require('../init/index.js')
  const { InvalidArgumentError } = require('commander')
  if (!NAMES.includes(name)) throw new InvalidArgumentError(`Allowed is one of ${NAMES.join(', ')}.`)
  return [...before, name]
}

/**
 * @param {Plan} plan
 * @param {boolean} isWritten
 */
function linesOf({ install, runners, config, isDone }, isWritten) {
  const lines = []
  for (const { title, because, steps, use, command, page } of runners) {
    lines.push(because.length > 0 ? `${title}, found by ${because.map(harmless).join(', ')}` : title)
    lines.push(...steps.flatMap(step => linesOfStep(step, isWritten)))
    lines.push('  in a test file', ...use.map(line => `    ${line}`))
    lines.push('  run', `    ${harmless(command)}`, `  more in docs/${page} of this package`, '')
  }
  lines.push('What the tests share', ...linesOfStep(config, isWritten), '')
  if (install !== null) lines.push('Not among the dependencies yet', `  ${install}`, '')
  const isOpen = [...runners.flatMap(({ steps }) => steps), config].some(({ state }) => state === 'new' || state === 'changed')
  if (isDone) lines.push('All is there.')
  else if (isOpen && !isWritten) lines.push('Nothing was written: ephemeral-broker init --write makes what is new or changed.')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/**
 * @param {Step} step
 * @param {boolean} isWritten
 */
function linesOfStep({ file, state, removed, added, where }, isWritten) {
  const told = {
    new: isWritten ? 'made' : 'new',
    changed: isWritten ? 'changed' : 'to be changed',
    there: 'there already',
    manual: `by hand, ${where}`
  }
  // Of a file that is copied as it is, all of it is too much.
  const isLong = state === 'new' && added.length > 30
  const shown = isLong
    ? [`+ (${added.length} lines)`]
    : [...removed.map(line => `- ${harmless(line)}`), ...added.map(line => `+ ${harmless(line)}`)]
  return [`  ${harmless(file)}: ${told[state]}`, ...shown.map(line => `    ${line}`.trimEnd())]
}

module.exports = { addInit }
