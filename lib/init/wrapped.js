// @ts-check
'use strict'

/** Runners of JavaScript around which `ephemeral-broker start` hosts the broker, or that have it without a config. */

const { reasonsFor, runs } = require('./found.js')
const { MODULES, commandOf, imported } = require('./javascript.js')
const { byHand, wrapScripts } = require('./steps.js')

/** @typedef {import('./javascript.js').Recipe} Recipe */

/** @param {string} script */
const runsNode = script => ['node', 'tsx'].some(program => runs(program)(script)) && /\s--test(?=\s|$)/.test(script)

/** @param {string} script */
const runsCodecept = script => /\bcodeceptjs(?:@\S+)?\s+run/.test(script)

/**
 * Scripts with a broker around a runner.
 * @param {(script: string) => boolean} script
 * @param {string} words what a script is, where there is none
 * @returns {Pick<Recipe, 'steps' | 'command'>}
 */
const wrapping = (script, words) => ({
  steps: project => wrapScripts(project, script, words),
  command: project => commandOf(project, script, `ephemeral-broker start -- ${words}`)
})

/** @type {Recipe} */
const node = {
  name: 'node',
  title: 'node:test',
  page: 'node-test.md',
  reasons: project => reasonsFor(project, { script: runsNode }),
  ...wrapping(runsNode, 'node --test'),
  use: project => [imported(project, 'ephemeral-broker/node')]
}

const CUCUMBER = /^cucumber\.(?:js|cjs|mjs|json|yaml|yml)$/

/** @type {Recipe} */
const cucumber = {
  name: 'cucumber',
  title: 'Cucumber',
  page: 'cucumber.md',
  reasons: project => reasonsFor(project, { packages: ['@cucumber/cucumber'], config: CUCUMBER, script: runs('cucumber-js') }),
  ...wrapping(runs('cucumber-js'), 'cucumber-js --parallel 5'),
  use: project => [imported(project, 'ephemeral-broker/cucumber')]
}

const CODECEPT = /^codecept\.conf\.\w+$/

/** @type {Recipe} */
const codeceptjs = {
  name: 'codeceptjs',
  title: 'CodeceptJS',
  page: 'codeceptjs.md',
  reasons: project => reasonsFor(project, { packages: ['codeceptjs'], config: CODECEPT, script: runsCodecept }),
  steps(project) {
    const file = project.find(CODECEPT) ?? `codecept.conf.${project.isTypeScript ? 'ts' : 'js'}`
    const lines = ["broker: { enabled: true, require: 'ephemeral-broker/codeceptjs' },"]
    const plugin = byHand(project, file, 'in `plugins`', lines, /['"]ephemeral-broker\/codeceptjs['"]/)
    return [plugin, ...wrapScripts(project, runsCodecept, 'codeceptjs run-workers 5')]
  },
  use: project => [imported(project, 'ephemeral-broker/codeceptjs')],
  command: wrapping(runsCodecept, 'codeceptjs run-workers 5').command
}

const TASKS = ['setupNodeEvents(on, config) {', '  brokerTasks(on, config)', '},']
const SCOPE = [
  "beforeEach(() => cy.task('broker:begin', Cypress.currentTest.titlePath.join(' ')))",
  "afterEach(() => cy.task('broker:end'))"
]

const SUPPORT = ['e2e', 'component'].flatMap(name => ['js', 'ts', 'jsx', 'tsx'].map(kind => `cypress/support/${name}.${kind}`))

const CYPRESS = /^cypress\.config\.\w+$/

/** @type {Recipe} */
const cypress = {
  name: 'cypress',
  title: 'Cypress',
  page: 'cypress.md',
  reasons: project => reasonsFor(project, { packages: ['cypress'], config: CYPRESS, script: runs('cypress') }),
  steps(project) {
    const kind = project.isTypeScript ? 'ts' : 'js'
    const file = project.find(CYPRESS) ?? `cypress.config.${kind}`
    const isModule = /\.m?ts$|\.mjs$/.test(file) || project.isEsm
    const has = isModule
      ? "import { brokerTasks } from 'ephemeral-broker/cypress'"
      : "const { brokerTasks } = require('ephemeral-broker/cypress')"
    const support = SUPPORT.filter(name => project.read(name) !== null)
    if (support.length === 0) support.push(`cypress/support/e2e.${kind}`)
    return [
      byHand(project, file, 'at the top, and in `e2e` or `component`', [has, ...TASKS], /['"]ephemeral-broker\/cypress['"]/),
      ...support.map(name => byHand(project, name, 'outside of any test', SCOPE, /['"]broker:begin['"]/))
    ]
  },
  use: () => ["cy.task('broker:acquire', 'accounts').then(account => …)"],
  command: project => commandOf(project, runs('cypress'), 'cypress run')
}

/** @type {Recipe} */
const ava = {
  name: 'ava',
  title: 'AVA',
  page: 'ava.md',
  reasons: project => reasonsFor(project, { packages: ['ava'], config: /^ava\.config\.\w+$/, key: 'ava', script: runs('ava') }),
  steps: () => [],
  use: () => [imported(MODULES, 'ephemeral-broker/ava')],
  command: project => commandOf(project, runs('ava'), 'ava')
}

module.exports = { wrapped: [node, ava, cucumber, cypress, codeceptjs] }
