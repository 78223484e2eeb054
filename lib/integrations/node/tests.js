// @ts-check
'use strict'

/**
 * The side of `node --test` that is in test files, each of which is a process, unless `--test-isolation=none`. It registers hooks when it is loaded, so that these run
 * before those of the test file.
 */

const path = require('node:path')
const runner = require('node:test')
const { Scope, worker } = require('../worker.js')
const { workerName } = require('../../worker-name.js')

/** @typedef {import('node:test').TestContext} TestContext */

const tests = worker({
  runner: 'node:test',
  check: 'that node --test has --test-global-setup with a module that exports globalSetup of ephemeral-broker/node',
  // Each file is a process.
  name: () => (process.env.NODE_TEST_CONTEXT ? path.basename(process.argv[1]) : workerName()),
  running
})
const { broker } = tests

/** Node's name of what all tests are in. */
const ROOT = '<root>'

/** By the test's context. @type {WeakMap<object, InstanceType<typeof Scope>>} */
const scopes = new WeakMap()
/** Those of tests that run, as they began. @type {Set<InstanceType<typeof Scope>>} */
const open = new Set()

/**
 * Node 24 and later know which test runs, also beside others; and in a hook, whose it is.
 * @returns {InstanceType<typeof Scope> | null}
 */
function running() {
  /** @type {TestContext | undefined} */
  const context = /** @type {any} */ (runner).getTestContext?.()
  if (context === undefined) return innermost([...open])
  const ofHook = () => innermost([...open].filter(scope => context.name === ROOT || isBelow(scope, context.fullName)))
  return scopes.get(context) ?? ofHook()
}

/**
 * The test that runs, or its innermost subtest.
 * @param {InstanceType<typeof Scope>[]} begun
 * @returns {InstanceType<typeof Scope> | null} null: none, or several side by side, of which nobody knows which it is
 */
function innermost(begun) {
  const areNested = begun.every((scope, at) => at === 0 || isBelow(scope, String(begun[at - 1].title)))
  return areNested ? (begun.at(-1) ?? null) : null
}

/** @param {InstanceType<typeof Scope>} scope @param {string} over the title of a suite, or of a test */
const isBelow = ({ title }, over) => String(title).startsWith(`${over} > `)

/** @param {TestContext} t */
function begin(t) {
  const scope = new Scope(t.fullName ?? t.name)
  scopes.set(t, scope)
  open.add(scope)
  // What is registered while these hooks run comes after the test's own, so that what these release is no leak. It can fail the test.
  t.after(() =>
    t.after(async () => {
      const leaked = await end(scope)
      if (leaked) throw leaked
    })
  )
  // After a hook that failed no others run.
  t.signal.addEventListener('abort', () => void end(scope), { once: true })
}

/** @param {InstanceType<typeof Scope>} scope */
function end(scope) {
  open.delete(scope)
  return tests.end(scope)
}

/** Whether a global setup ran in this process. */
let hasTeardown = false

/** A global teardown may use `broker`, and Node starts it while hooks of the root run still: what was taken outside of tests is its then, until it calls `endFile`. */
function leaveEndToTeardown() {
  hasTeardown = true
}

const endFile = () => tests.endFile()

runner.beforeEach(context => begin(/** @type {TestContext} */ (context)))
runner.after(context => {
  if (hasTeardown) return
  // Here, too, it comes after the hooks that are there already; unless this is loaded in a suite.
  return 'after' in context ? /** @type {TestContext} */ (context).after(endFile) : endFile()
})

module.exports = { broker, endFile, leaveEndToTeardown }
