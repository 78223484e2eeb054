// @ts-check
'use strict'

/** Runners of JavaScript that start the broker by their own config. */

const { configOf, reasonsFor, runs } = require('./found.js')
const { parseJson } = require('./json.js')
const { byHand, changeJson, create, manual } = require('./steps.js')

/** @typedef {InstanceType<typeof import('./project.js').Project>} Project */
/** @typedef {import('./steps.js').Step} Step */

/**
 * @typedef {object} Recipe
 * @property {string} name
 * @property {string} title as people write it
 * @property {(project: Project) => string[]} reasons by what it is found; empty: it is not
 * @property {(project: Project) => Step[]} steps plans what is to be written
 * @property {(project: Project) => string[]} use lines with which a test file has the broker
 * @property {(project: Project) => string} command what runs the tests then
 * @property {string} page of docs, which has more
 */

/** @param {Project} project @param {string} value */
const asModule = ({ isEsm }, value) => `${isEsm ? 'export default' : 'module.exports ='} ${value}\n`

/**
 * @param {Pick<Project, 'isEsm' | 'isTypeScript'>} project
 * @param {string} specifier
 */
function imported({ isEsm, isTypeScript }, specifier, name = 'broker') {
  return isEsm || isTypeScript ? `import { ${name} } from '${specifier}'` : `const { ${name} } = require('${specifier}')`
}

/** A runner that has modules whatever package.json says. */
const MODULES = { isEsm: true, isTypeScript: false }

/**
 * The script of package.json that runs the tests, else the program itself.
 * @param {Project} project
 * @param {(script: string) => boolean} script
 * @param {string} words the program with its arguments
 */
function commandOf({ packageManager, scripts }, script, words) {
  const names = Object.keys(scripts).filter(name => script(scripts[name]))
  const name = names.includes('test') ? 'test' : names[0]
  if (name !== undefined) return name === 'test' && packageManager !== 'bun' ? `${packageManager} test` : `${packageManager} run ${name}`
  return `${EXECUTES[packageManager]} ${words}`
}

const EXECUTES = { npm: 'npx', pnpm: 'pnpm exec', yarn: 'yarn', bun: 'bunx' }

const JEST = /^jest\.config\.(?:js|ts|mjs|cjs|mts|cts|json)$/
const PRESET = { globalSetup: 'ephemeral-broker/jest/setup', globalTeardown: 'ephemeral-broker/jest/teardown' }

/** @type {Recipe} */
const jest = {
  name: 'jest',
  title: 'Jest',
  page: 'jest.md',
  reasons: project => reasonsFor(project, { packages: ['jest'], config: JEST, key: 'jest', script: runs('jest') }),
  steps: project => [jestStep(project)],
  use: project => [imported(project, 'ephemeral-broker/jest')],
  command: project => commandOf(project, runs('jest'), 'jest')
}

/** @param {Project} project */
function jestStep(project) {
  const named = project.manifest?.jest
  const file = typeof named === 'string' ? named : configOf(project, 'jest', JEST)
  const inManifest = file === null && named !== undefined
  if (file === null && !inManifest) return create(project, 'jest.config.js', asModule(project, "{\n  preset: 'ephemeral-broker'\n}"))
  const where = 'in the object that it exports; where there are projects, in each of them'
  const lines = ["preset: 'ephemeral-broker',"]
  if (file !== null && !file.endsWith('.json')) {
    const others = Object.entries(PRESET).map(([name, value]) => `${name}: '${value}',`)
    const hasPreset = /(?:^|[{,])\s*(['"]?)preset\1\s*:/m.test(project.read(file) ?? '')
    return byHand(project, file, where, hasPreset ? others : lines, /['"]ephemeral-broker(?:\/jest.*)?['"]/)
  }
  const name = file ?? 'package.json'
  const config = (/** @type {any} */ value) => (file === null ? value.jest : value)
  const text = project.read(name) ?? ''
  const conflict = jestConflict(config(parsed(text)))
  if (conflict !== null) return manual(name, conflict.where, conflict.lines)
  return changeJson(project, name, value => changeJest(config(value)), {
    where: 'in the configuration of Jest',
    lines: ['"preset": "ephemeral-broker",']
  })
}

/** @param {string} text @returns {any} undefined: it is no JSON */
function parsed(text) {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** What a config has in a place of ours. @param {any} config */
function jestConflict(config) {
  if (config?.projects !== undefined && !JSON.stringify(config.projects).includes('ephemeral-broker')) {
    return { where: 'in each of the projects', lines: ['"preset": "ephemeral-broker",'] }
  }
  if (config?.preset === undefined || config.preset === 'ephemeral-broker') return null
  const taken = Object.entries(PRESET).filter(([name, value]) => config[name] !== undefined && config[name] !== value)
  if (taken.length === 0) return null
  return {
    where: `${taken.map(([name]) => name).join(' and ')}: call these in yours`,
    lines: taken.map(([, value]) => `require('${value}')`)
  }
}

/** @param {any} config */
function changeJest(config) {
  if (config.projects !== undefined) return
  if (config.preset === undefined) config.preset = 'ephemeral-broker'
  if (config.preset === 'ephemeral-broker') return
  Object.assign(config, PRESET)
}

const VITEST = /^vitest\.(?:config|workspace)\.\w+$/
const VITE = /^vite\.config\.\w+$/

/** @type {Recipe} */
const vitest = {
  name: 'vitest',
  title: 'Vitest',
  page: 'vitest.md',
  reasons: project => reasonsFor(project, { packages: ['vitest'], config: VITEST, script: runs('vitest') }),
  steps(project) {
    const file = configOf(project, 'vitest', /^vitest\.config\.\w+$/) ?? project.find(VITE)
    const line = "globalSetup: 'ephemeral-broker/vitest'"
    if (file !== null) return [byHand(project, file, 'in `test`', [`${line},`], /['"]ephemeral-broker\/vitest['"]/)]
    const kind = project.isTypeScript ? 'ts' : project.isEsm ? 'js' : 'mjs'
    const text = `import { defineConfig } from 'vitest/config'\n\nexport default defineConfig({\n  test: {\n    ${line}\n  }\n})\n`
    return [create(project, `vitest.config.${kind}`, text)]
  },
  use: () => [imported(MODULES, 'ephemeral-broker/vitest')],
  command: project => commandOf(project, runs('vitest'), 'vitest run')
}

const PLAYWRIGHT = /^playwright\.config\.\w+$/

/** @type {Recipe} */
const playwright = {
  name: 'playwright',
  title: 'Playwright Test',
  page: 'playwright.md',
  reasons: project => reasonsFor(project, { packages: ['@playwright/test'], config: PLAYWRIGHT, script: runs('playwright') }),
  steps(project) {
    const file = configOf(project, 'playwright', PLAYWRIGHT)
    const line = "globalSetup: 'ephemeral-broker/playwright/setup'"
    if (file !== null) {
      const where = 'in the object that it exports; where there is a globalSetup, make it an array of both'
      return [byHand(project, file, where, [`${line},`], /['"]ephemeral-broker\/playwright\/setup['"]/)]
    }
    const kind = project.isTypeScript ? 'ts' : project.isEsm ? 'js' : 'mjs'
    const text = `import { defineConfig } from '@playwright/test'\n\nexport default defineConfig({\n  ${line}\n})\n`
    return [create(project, `playwright.config.${kind}`, text)]
  },
  use: () => [
    "import { test as base } from '@playwright/test'",
    imported(MODULES, 'ephemeral-broker/playwright', 'brokerFixtures'),
    "const test = base.extend(brokerFixtures({ account: { pool: 'accounts' } }))"
  ],
  command: project => commandOf(project, runs('playwright'), 'playwright test')
}

const MOCHA = /^\.mocharc\.(?:js|cjs|mjs|yaml|yml|jsonc|json)$/
const REQUIRE = 'ephemeral-broker/mocha'

/** @type {Recipe} */
const mocha = {
  name: 'mocha',
  title: 'Mocha',
  page: 'mocha.md',
  reasons: project => reasonsFor(project, { packages: ['mocha'], config: MOCHA, key: 'mocha', script: runs('mocha') }),
  steps(project) {
    const file = configOf(project, 'mocha', MOCHA)
    const inManifest = file === null && project.manifest?.mocha !== undefined
    if (file === null && !inManifest) return [create(project, '.mocharc.json', `${JSON.stringify({ require: [REQUIRE] }, null, 2)}\n`)]
    const otherwise = { where: 'beside its other members', lines: [`"require": ["${REQUIRE}"],`] }
    if (inManifest) return [changeJson(project, 'package.json', ({ mocha }) => changeMocha(mocha), otherwise)]
    const name = /** @type {string} */ (file)
    const isJson = /\.jsonc?$/.test(name)
    if (isJson && parsed(project.read(name) ?? '') !== undefined) return [changeJson(project, name, changeMocha, otherwise)]
    const code = isJson ? otherwise.lines : [`require: ['${REQUIRE}'],`]
    const lines = /\.ya?ml$/.test(name) ? ['require:', `  - ${REQUIRE}`] : code
    return [byHand(project, name, 'first in `require`', lines, /ephemeral-broker\/mocha/)]
  },
  use: project => [imported(project, REQUIRE)],
  command: project => commandOf(project, runs('mocha'), 'mocha')
}

/** First of all, so that it ends last. @param {any} config */
function changeMocha(config) {
  const required = [config.require ?? []].flat()
  if (!required.includes(REQUIRE)) config.require = [REQUIRE, ...required]
}

const WDIO = /^wdio(?:\.\w+)*\.conf(?:\.\w+)*\.\w+$/

/** @param {Project} project */
const wdioConfig = project => project.find(WDIO) ?? `wdio.conf.${project.isTypeScript ? 'ts' : 'js'}`

/** @type {Recipe} */
const wdio = {
  name: 'wdio',
  title: 'WebdriverIO',
  page: 'webdriverio.md',
  reasons: project => reasonsFor(project, { packages: ['@wdio/cli'], config: WDIO, script: runs('wdio') }),
  steps(project) {
    const file = wdioConfig(project)
    const lines = ["import { EphemeralBrokerService } from 'ephemeral-broker/wdio'", 'services: [[EphemeralBrokerService, {}]],']
    return [byHand(project, file, 'at the top, and in `config`', lines, /['"]ephemeral-broker\/wdio['"]/)]
  },
  use: project => [imported(project, 'ephemeral-broker/wdio')],
  command: project => commandOf(project, runs('wdio'), `wdio run ${wdioConfig(project)}`)
}

module.exports = { MODULES, commandOf, imported, javascript: [jest, vitest, playwright, mocha, wdio] }
