// @ts-check
'use strict'

/** What `run()` is asked for beside the config: a name that is mistyped would choose other tests than were meant. */

const { show } = require('../errors.js')
const { invalidConfig } = require('./config/problems.js')
const { didYouMean } = require('./config/suggest.js')

/** @typedef {(value: any) => boolean} Check */

const isText = (/** @type {unknown} */ value) => typeof value === 'string'
const isSwitch = (/** @type {unknown} */ value) => typeof value === 'boolean'
/** @type {[Check, string]} */
const TEXT = [isText, 'a text']
/** @type {[Check, string]} */
const TEXTS = [value => Array.isArray(value) && value.every(isText), 'a list of texts']
/** @type {[Check, string]} */
const SWITCH = [isSwitch, 'true or false']

/** What each may be; `undefined` is always allowed. @type {Record<keyof import('../../run.js').RunOptions, [Check, string]>} */
const OPTIONS = {
  root: TEXT,
  profile: TEXT,
  filters: TEXTS,
  // Not instanceof: each realm has classes of its own, and test runners make realms.
  grep: [value => isText(value) || Object.prototype.toString.call(value) === '[object RegExp]', 'a text or a regular expression'],
  files: TEXTS,
  projects: TEXTS,
  tags: TEXTS,
  excludeTags: TEXTS,
  shard: [
    value => Number.isInteger(value?.index) && Number.isInteger(value.count) && value.index >= 1 && value.index <= value.count,
    '{ index, count } with an index from 1 to count'
  ],
  changed: [value => isText(value) || isSwitch(value), 'true or a commit'],
  lastFailed: SWITCH,
  full: SWITCH,
  watch: SWITCH,
  signal: [value => isSwitch(value?.aborted) && typeof value.addEventListener === 'function', 'an AbortSignal'],
  onEvent: [value => typeof value === 'function', 'a function'],
  stream: SWITCH,
  reporters: SWITCH
}

/**
 * @param {object} options
 * @throws {import('../errors.js').BrokerError} `invalid_config`: one is not known, or is not what it may be
 */
function checkOptions(options) {
  const names = Object.keys(OPTIONS)
  const problems = Object.entries(options).flatMap(([name, value]) => {
    if (!names.includes(name)) return [`unknown option ${JSON.stringify(name)}${didYouMean(name, names)}`]
    const [isAllowed, allowed] = OPTIONS[/** @type {keyof typeof OPTIONS} */ (name)]
    return value === undefined || isAllowed(value) ? [] : [`${name} is ${show(value)}; allowed is ${allowed}`]
  })
  if (problems.length > 0) throw invalidConfig('the options of run()', problems)
}

module.exports = { checkOptions }
