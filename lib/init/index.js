// @ts-check
'use strict'

/** What a project needs so that its tests have a broker. */

const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { findConfig } = require('../run/config/find.js')
const { javascript } = require('./javascript.js')
const { languages } = require('./languages.js')
const { Project } = require('./project.js')
const { create, there } = require('./steps.js')
const { wrapped } = require('./wrapped.js')

/** @typedef {import('./javascript.js').Recipe} Recipe */
/** @typedef {InstanceType<typeof Project>} LookedAt */
/** @typedef {import('./steps.js').Step} Step */

/**
 * - `because`: by what the runner was found; empty: it was named.
 * - `use`: lines with which a test file has the broker.
 * - `command`: what runs the tests then; `page`: of docs, which has more.
 * @typedef {{ name: string, title: string, because: string[], steps: Step[], use: string[], command: string, page: string }} RunnerPlan
 */

/**
 * - `install`: the command that adds this package; null: it is among the dependencies.
 * - `config`: the file with what the tests share.
 * @typedef {{ install: string | null, runners: RunnerPlan[], config: Step, isDone: boolean, write: () => void }} Plan
 */

const RECIPES = [...javascript, ...wrapped, ...languages]
const NAMES = RECIPES.map(({ name }) => name)

const INSTALL = { npm: 'npm install --save-dev', pnpm: 'pnpm add --save-dev', yarn: 'yarn add --dev', bun: 'bun add --dev' }

/**
 * @param {string} folder
 * @param {string[]} named the runners that are wanted; empty: those that are found
 * @returns {Plan}
 * @throws {BrokerError} `invalid_config`: a package.json or a config cannot be read; `no_runner`: none was found; by `write`, `not_written`
 */
function planFor(folder, named) {
  const project = new Project(path.resolve(folder))
  const found = RECIPES.map(recipe => ({ recipe, because: recipe.reasons(project) }))
  const wanted = found.filter(({ recipe, because }) => (named.length > 0 ? named.includes(recipe.name) : because.length > 0))
  if (wanted.length === 0) {
    throw new BrokerError(
      'no_runner',
      `no test runner was found in ${project.root}; go to the package that has the tests, or name it with --runner: ${NAMES.join(', ')}`
    )
  }
  const runners = wanted.map(({ recipe, because }) => planOf(project, recipe, because))
  const config = configStep(
    project,
    wanted.map(({ recipe }) => recipe)
  )
  const steps = [...runners.flatMap(runner => runner.steps), config]
  const install = 'ephemeral-broker' in project.dependencies ? null : `${INSTALL[project.packageManager]} ephemeral-broker`
  return {
    install,
    runners,
    config,
    isDone: install === null && steps.every(({ state }) => state === 'there'),
    write: () => project.write()
  }
}

/**
 * @param {LookedAt} project
 * @param {Recipe} recipe
 * @param {string[]} because
 * @returns {RunnerPlan}
 */
function planOf(project, { name, title, steps, use, command, page }, because) {
  const planned = steps(project)
  return { name, title, because, steps: planned, use: use(project), command: command(project), page }
}

/**
 * @param {LookedAt} project
 * @param {Recipe[]} recipes
 */
function configStep(project, recipes) {
  const known = findConfig(project.root)
  if (known !== null) return there(path.relative(project.root, known))
  if (recipes.every(recipe => languages.includes(recipe))) return create(project, 'ephemeral-broker.toml', TOML)
  return create(project, 'ephemeral-broker.config.js', `${TYPE}${project.isEsm ? 'export default' : 'module.exports ='} ${POOLS}`)
}

const TYPE = "/** @type {import('ephemeral-broker').RunConfig} */\n"

const POOLS = `{
  pools: {
    // What one test has, no other test has meanwhile.
    accounts: [{ name: 'ada' }, { name: 'grace' }, { name: 'linus' }]
  }
}
`

const TOML = `[pools]
# What one test has, no other test has meanwhile.
accounts = [{ name = "ada" }, { name = "grace" }, { name = "linus" }]
`

module.exports = { NAMES, planFor }
