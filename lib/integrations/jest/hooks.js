// @ts-check
'use strict'

/**
 * When tests and test files begin and end. Jest runs this in every test file, also in those that have nothing to do with a broker: it loads nothing, and what is
 * used is found on the realm.
 */

const { runInThisContext } = require('node:vm')
// Not those of the realm, which `injectGlobals: false` takes away.
const { afterAll, afterEach, beforeAll, beforeEach, expect } = jestGlobals()

/** @typedef {{ name: string, scope: InstanceType<typeof import('../scope.js').Scope> | null }} Test `scope`: made when something is asked of the broker */

const FILE = Symbol.for('ephemeral-broker.jest')
const FILE_NAME = Symbol.for('ephemeral-broker.test-file-name')
const TEST_FILE = Symbol.for('ephemeral-broker.test-file')
const WORKER = Symbol.for('ephemeral-broker.worker')

/** @typedef {{ test: Test | null }} File */

/**
 * @type {{
 *   [FILE]?: File,
 *   [FILE_NAME]?: string,
 *   [TEST_FILE]?: import('../../plugin/current.js').Begun | null,
 *   [WORKER]?: NonNullable<ReturnType<typeof import('../worker.js').currentWorker>>
 * }}
 */
const realm = /** @type {any} */ (globalThis)

const UNFINISHED = Symbol.for('ephemeral-broker.jest-unfinished')
/**
 * Each file has a realm of its own; what they have in common, one after the other, is the thread's main context.
 * @type {{ [UNFINISHED]?: (() => Promise<void>) | null }}
 */
const main = runInThisContext('globalThis')

/** Ten minutes, in ms, whatever a test may take: a program of a shared worker may start a server before it is ready. */
const TIMEOUT = 600_000

/** Jest makes this module itself, where it runs tests. */
function jestGlobals() {
  try {
    return require('@jest/globals')
  } catch (cause) {
    const text = 'ephemeral-broker/jest is for what Jest runs as tests: elsewhere, as in a globalSetup, use a Client of ephemeral-broker'
    throw new Error(text, { cause })
  }
}

/** Once for a test file, whoever loads this first. */
function define() {
  if (states().some(({ hasStarted }) => hasStarted)) {
    throw new Error(
      "ephemeral-broker/jest is loaded when tests run already: load it at the top of a test file, or have preset: 'ephemeral-broker' or setupFilesAfterEnv: ['ephemeral-broker/jest'] in jest.config"
    )
  }
  /** @type {File} */
  const file = { test: null }
  realm[FILE] = file
  realm[FILE_NAME] = expect.getState().testPath

  const beginFile = () => realm[TEST_FILE]?.available()
  const beginTest = () => {
    file.test = { name: expect.getState().currentTestName ?? '', scope: null }
  }
  const endTest = async () => {
    const scope = file.test?.scope
    file.test = null
    const error = scope && (await realm[WORKER]?.end(scope))
    if (error) throw error
  }
  const leaveFile = async (/** @type {boolean} */ late) => {
    await realm[WORKER]?.endFile({ late })
    await realm[TEST_FILE]?.teardown()
  }
  const endFile = () => {
    main[UNFINISHED] = null
    return leaveFile(false)
  }
  // Jest runs no hooks in a file that throws while it loads, or of which no test is to run: what it took is given back when the thread has its next file.
  void main[UNFINISHED]?.().catch(() => {})
  main[UNFINISHED] = () => leaveFile(true)

  beforeAll(beginFile, TIMEOUT)
  beforeEach(beginTest)
  afterEach(endTest, TIMEOUT)
  afterAll(endFile, TIMEOUT)
  putAround([beginFile, beginTest], [endTest, endFile])
}

/**
 * jest-circus runs the hooks of a level in the order in which they were defined, those after a test as well: ours are kept first and last. jest-jasmine2 runs those after a
 * test the other way round, which is right as it is.
 * @param {Function[]} first
 * @param {Function[]} last
 */
function putAround(first, last) {
  const hooks = states()
    .map(({ rootDescribeBlock }) => rootDescribeBlock.hooks)
    .find(hooks => hooks.some(({ fn }) => fn === first[0]))
  if (!hooks) return
  const rank = (/** @type {Hook} */ { fn }) => (first.includes(fn) ? -1 : last.includes(fn) ? 1 : 0)
  hooks.push = (...more) => {
    hooks.splice(hooks.length, 0, ...more)
    return hooks.sort((a, b) => rank(a) - rank(b)).length
  }
  hooks.push()
}

/** @typedef {{ fn: Function }} Hook */

/**
 * What jest-circus keeps on the realm: its own, and that of whoever requires jest-circus again.
 * @returns {Array<{ hasStarted: boolean, rootDescribeBlock: { hooks: Hook[] } }>}
 */
function states() {
  const symbols = Object.getOwnPropertySymbols(globalThis).filter(({ description }) => description === 'JEST_STATE_SYMBOL')
  return symbols.map(symbol => /** @type {any} */ (globalThis)[symbol])
}

if (!realm[FILE]) define()

module.exports = { expect, file: /** @type {File} */ (realm[FILE]) }
