// @ts-check
'use strict'

const { createRequire } = require('node:module')
const { resolvePeer } = require('../peer.js')
const { here } = require('./here.js')

/** WebdriverIO runs the user's `beforeHook` and `afterHook` for all hooks but those of this name. */
const PREFIX = 'wdioHook'

/** @typedef {{ gherkinDocument: { feature?: { name: string } }, pickle: { name: string }, result?: { status: string } }} Scenario */

/** @param {Scenario} scenario */
function begin({ gherkinDocument, pickle }) {
  here.begin(`${gherkinDocument.feature?.name}: ${pickle.name}`)
}

/** @param {Scenario} scenario */
async function end({ result }) {
  const error = await here.end()
  if (error && result?.status !== 'FAILED') throw error
}

/**
 * Has hooks defined around those of WebdriverIO, which it defines, before it loads files, right after it has reset what was defined. Its hooks run `beforeScenario` and
 * `afterScenario`, which are inside of ours then.
 */
function defineHooks() {
  const { supportCodeLibraryBuilder: builder } = createRequire(resolvePeer('@wdio/cucumber-framework'))('@cucumber/cucumber')
  const { reset } = builder
  builder.reset = (/** @type {unknown[]} */ ...values) => {
    reset.apply(builder, values)
    builder.methods.Before(named(begin, `${PREFIX}BeginTest`))
    builder.methods.After(named(end, `${PREFIX}EndTest`))
  }
}

/**
 * @template {(...values: any[]) => unknown} F
 * @param {F} fn
 * @param {string} name
 * @returns {F}
 */
const named = (fn, name) => Object.defineProperty(fn, 'name', { value: name })

module.exports = { defineHooks }
