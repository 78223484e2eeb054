// @ts-check
'use strict'

/**
 * What an integration is told: in its runner's own place for options, or in the config file that `ephemeral-broker run` has too. What is said in the runner's
 * place counts; pools, first values and rates of both are there.
 */

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
 * @param {string | { file: string } | null} [config] where the config file is looked for, from there upwards; or the file; null: there is none
 * @returns {Promise<Settings>}
 * @throws {BrokerError} `invalid_option`, `invalid_config`
 */
async function readSettings(owner, given = {}, config = process.cwd()) {
  if (!kinds.members.check(given)) throw new BrokerError('invalid_option', `${owner} takes an object of options, not ${show(given)}`)
  const { pools = {}, seed = {}, rateLimits = {}, leaks, summary = true, ...broker } = given
  for (const [name, value] of Object.entries({ pools, seed, rateLimits })) {
    if (!kinds.members.check(value)) throw wrong(owner, name, kinds.members.allowed, value)
  }
  if (leaks !== undefined && !LEAKS.includes(leaks)) throw wrong(owner, 'leaks', `one of ${LEAKS.join(', ')}`, leaks)
  if (!kinds.flag.check(summary)) throw wrong(owner, 'summary', 'true or false', summary)
  checkNames(owner, Object.keys(broker))
  checkRates(owner, rateLimits)
  const file = await readFile(config)
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
 * @param {string} owner
 * @param {string[]} names of what is handed on to the broker
 */
function checkNames(owner, names) {
  if (names.length === 0) return
  const { OPTIONS } = require('../broker.js')
  const unknown = names.find(name => !OPTIONS.includes(name))
  if (unknown === undefined) return
  const known = ['pools', 'seed', 'rateLimits', 'leaks', 'summary', ...OPTIONS.filter(name => name !== 'pools')]
  throw new BrokerError('invalid_option', `${owner} has no option ${show(unknown)}; there are ${known.join(', ')}`, {
    details: { option: unknown }
  })
}

/**
 * As in the config file.
 * @param {string} owner
 * @param {Record<string, unknown>} rateLimits
 */
function checkRates(owner, rateLimits) {
  if (Object.keys(rateLimits).length === 0) return
  const { validateSetting } = require('../run/config/validate.js')
  const [problem] = validateSetting('rateLimits', rateLimits, 'rateLimits')
  if (problem) throw new BrokerError('invalid_option', `${owner}: ${problem}`, { details: { option: 'rateLimits' } })
}

/**
 * @param {string | { file: string } | null} where
 * @returns {Promise<import('../../run.js').RunConfig>} empty, where there is no config
 */
async function readFile(where) {
  if (where === null) return {}
  const file = typeof where === 'string' ? require('../run/config/find.js').findConfig(where) : where.file
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
