// @ts-check
'use strict'

/**
 * How each test framework is followed. WebdriverIO's own `beforeTest` comes after `beforeEach`, its `afterTest` before `afterEach`, and what they throw is printed and
 * forgotten: so it is done by hooks of the framework's own, of which the first is first and the last is last.
 */

const path = require('node:path')

/** @typedef {Record<string, any>} Config */

/** @param {string} name */
const file = name => path.join(__dirname, name)

/** @type {Record<string, (config: Config) => void>} */
const frameworks = {
  mocha: config => {
    config.mochaOpts = loadingFirst(config.mochaOpts, 'require', file('mocha-hooks.js'))
  },
  jasmine: config => {
    config.jasmineOpts = loadingFirst(config.jasmineOpts, 'requires', file('jasmine-hooks.js'))
  },
  cucumber: () => require('./cucumber-hooks.js').defineHooks()
}

/**
 * @param {Config | undefined} options a framework's
 * @param {string} option names files that are loaded before all specs
 * @param {string} first
 */
function loadingFirst(options = {}, option, first) {
  return { ...options, [option]: [first, ...[options[option] ?? []].flat()] }
}

/**
 * In other frameworks all that is taken is the spec's.
 * @param {Config} config of a worker; its framework is not loaded yet
 */
function followTests(config) {
  frameworks[config.framework]?.(config)
}

module.exports = { followTests }
