// @ts-check
'use strict'

/**
 * What an integration is told: in its runner's own place for options, or in the config file that `ephemeral-broker run` has too. What is said in the runner's
 * place counts; pools, first values and rates of both are there.
 */

const path = require('node:path')
const { BrokerError, show } = require('../errors.js')
const { kinds } = require('../options.js')

/** @typedef {import('./types.js').IntegrationOptions} IntegrationOptions */

/**
 * @typedef {object} Settings
 * @property {Record<string, any>} pools
 * @property {Record<string, unknown>} values
 * @property {Record<string, import('../../run.js').RateLimit>} rateLimits
 * @property {'warn' | 'fail' | 'off'} leaks
 * @property {boolean} summary
 * @property {import('../../index.js').BrokerOptions} broker
 */

const LEAKS = ['warn', 'fail', 'off']

/**
 * @param {string} owner for messages
 * @param {IntegrationOptions | undefined} given
 * @param {string | null} [folder] where the config file is looked for, from there upwards; or the file; null: there is none
 * @returns {Promise<Settings>}
 * @throws {BrokerError} `invalid_option`, `invalid_config`
 */
async function readSettings(owner, given = {}, folder = process.cwd()) {
  if (!kinds.members.check(given)) throw new BrokerError('invalid_option', `${owner} takes an object of options, not ${show(given)}`)
  const { pools = {}, seed = {}, rateLimits = {}, leaks, summary = true, ...broker } = given
  for (const [name, value] of Object.entries({ pools, seed, rateLimits })) {
    if (!kinds.members.check(value)) throw wrong(owner, name, kinds.members.allowed, value)
  }
  if (leaks !== undefined && !LEAKS.includes(leaks)) throw wrong(owner, 'leaks', `one of ${LEAKS.join(', ')}`, leaks)
  if (!kinds.flag.check(summary)) throw wrong(owner, 'summary', 'true or false', summary)
  const file = await readFile(folder)
  return {
    pools: { ...file.pools, ...pools },
    values: { ...file.values, ...seed },
    rateLimits: { ...file.rateLimits, ...rateLimits },
    leaks: leaks ?? file.leaks ?? 'warn',
    summary,
    broker
  }
}

/**
 * @param {string | null} folder
 * @returns {Promise<import('../../run.js').RunConfig>} empty, where there is no config
 */
async function readFile(folder) {
  if (folder === null) return {}
  const { NAMES, findConfig } = require('../run/config/find.js')
  const file = NAMES.some(name => folder.endsWith(path.extname(name))) ? folder : findConfig(folder)
  if (file === null) return {}
  const { displayPath, invalidConfig } = require('../run/config/problems.js')
  const config = await require('../run/config/read.js').readConfig(file)
  const problems = require('../run/config/validate.js').validate(config)
  if (problems.length > 0) throw invalidConfig(displayPath(file), problems)
  return /** @type {import('../../run.js').RunConfig} */ (config)
}

/**
 * @param {string} owner
 * @param {string} option
 * @param {string} allowed
 * @param {unknown} value
 */
function wrong(owner, option, allowed, value) {
  return new BrokerError('invalid_option', `${option} of ${owner} must be ${allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { readSettings }
