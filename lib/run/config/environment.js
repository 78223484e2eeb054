// @ts-check
'use strict'

/**
 * Settings from the environment: for CI, where the command line is somebody else's. They are few, and their names begin with EPHEMERAL_RUN_:
 * what a run tells its tests (EPHEMERAL_WORKERS, EPHEMERAL_RUN_ID, …) must be no setting of a run inside them.
 */

const { invalidConfig, showValue } = require('./problems.js')
const { NAMES, parseReporter } = require('./reporters.js')
const { join, validateSetting } = require('./validate.js')

const BOOLEANS = new Map([
  ['1', true],
  ['true', true],
  ['yes', true],
  ['on', true],
  ['0', false],
  ['false', false],
  ['no', false],
  ['off', false]
])

/** @type {Record<string, { key: string, read: (word: string) => unknown, allowed?: string }>} */
const VARIABLES = {
  EPHEMERAL_RUN_WORKERS: { key: 'workers', read: numberOrWord },
  EPHEMERAL_RUN_RETRIES: { key: 'retries', read: numberOrWord, allowed: 'a whole number, 0 or more' },
  EPHEMERAL_RUN_TIMEOUT: { key: 'timeout', read: word => word },
  EPHEMERAL_RUN_REPORTER: {
    key: 'reporter',
    read: word => word.split(',').map(each => parseReporter(each.trim()) ?? each),
    allowed: `names with commas between, such as "list,junit=report.xml", of ${join([...NAMES])}`
  },
  EPHEMERAL_RUN_OUTPUT: { key: 'output', read: word => word },
  EPHEMERAL_RUN_CACHE: { key: 'cache', read: word => BOOLEANS.get(word.toLowerCase()) ?? word, allowed: '1 or 0' }
}

/** @param {string} word */
function numberOrWord(word) {
  return /^\d+$/.test(word) ? Number(word) : word
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Record<string, any>} settings; a variable that is empty is not set
 */
function settingsFromEnvironment(env) {
  /** @type {Record<string, unknown>} */
  const settings = {}
  const problems = []
  for (const [name, { key, read, allowed }] of Object.entries(VARIABLES)) {
    const word = env[name]
    if (word === undefined || word === '') continue
    settings[key] = read(word)
    const found = validateSetting(key, settings[key], name)
    problems.push(...(found.length > 0 && allowed !== undefined ? [`${name} is ${showValue(word)}; allowed is ${allowed}`] : found))
  }
  if (problems.length > 0) throw invalidConfig('the environment', problems)
  return settings
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the name of a profile
 */
function profileFromEnvironment(env) {
  return env.EPHEMERAL_RUN_PROFILE || env.EPHEMERAL_PROFILE || undefined
}

module.exports = { VARIABLES, profileFromEnvironment, settingsFromEnvironment }
