// @ts-check
'use strict'

/**
 * Which test runs, and when tests and test files are over. Vitest is asked when something is asked of the broker: files that do not use it have no part in this.
 *
 * From Vitest 4.1 on there are hooks around a test, with which tests that run side by side are told apart. Before that, what these take is the file's.
 */

const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { resolvePeer } = require('../peer.js')
const { slotOf } = require('../slot.js')
const { Scope, worker } = require('../worker.js')
const { NAME } = require('./provided.js')

/** @typedef {InstanceType<typeof Scope>} TestScope */
/** @typedef {{ afterAll: Function[], aroundEach?: Function[] }} Hooks */

/**
 * A test, or a suite, or a file, which is a suite too.
 * @typedef {object} Task
 * @property {'test' | 'suite'} type
 * @property {string} name of a file: its path below the project's root
 * @property {Task} [suite] absent: it is in the file itself
 * @property {Task} file
 * @property {boolean} [concurrent]
 * @property {{ retryCount?: number, repeatCount?: number }} [result] `repeatCount` is absent until the first `beforeEach` hooks are run
 * @property {{ onTestFinished: (end: () => Promise<void>) => void }} context
 */

/**
 * What is used of Vitest.
 * @typedef {object} Vitest
 * @property {(suite: Task) => Hooks | undefined} getHooks none while the file's tests are collected
 * @property {() => { on: (name: string, hook: Function) => void }} getCurrentSuite the suite whose tests are collected
 * @property {boolean} knowsAround
 */

/** @type {Vitest | null} */
let vitest = null
/** @type {WeakSet<Task>} */
const begun = new WeakSet()
/** The scope of each test's last attempt. `attempt`: which that is; null: one that has a hook around it. @type {WeakMap<Task, { scope: TestScope, attempt: string | null }>} */
const attempts = new WeakMap()

/**
 * What Vitest knows of this worker.
 * @returns {{ current?: Task, providedContext?: { [NAME]?: import('./provided.js').Provided } } | undefined} undefined: this is no worker of Vitest's
 */
const state = () => /** @type {any} */ (globalThis).__vitest_worker__

/** What runs in this worker. */
const current = () => state()?.current

const provided = () => state()?.providedContext?.[NAME]

const tests = worker({
  runner: 'Vitest',
  check: "that vitest.config has globalSetup: 'ephemeral-broker/vitest'",
  slot: () => (provided()?.workersAreNumbered === false ? null : slotOf()),
  running
})

/**
 * Finds the broker and Vitest, in a worker; elsewhere there is nothing to do.
 * @param {(url: string) => Promise<any>} load imports as the test file does
 */
async function beginWorker(load) {
  if (!state()) return
  const pipe = provided()?.pipe
  if (pipe) process.env.EPHEMERAL_PIPE ??= pipe
  vitest ??= await loadVitest(load)
  beginFile()
}

/**
 * What is used of the Vitest that runs this.
 * @param {(url: string) => Promise<any>} load
 * @returns {Promise<Vitest>}
 */
async function loadVitest(load) {
  const folder = path.join(path.dirname(resolvePeer('vitest/package.json')), 'dist')
  const file = (/** @type {string} */ name) => pathToFileURL(path.join(folder, name)).href
  const { TestRunner, aroundEach } = await load(file('index.js'))
  if (TestRunner?.getSuiteHooks)
    return { getHooks: TestRunner.getSuiteHooks, getCurrentSuite: TestRunner.getCurrentSuite, knowsAround: aroundEach !== undefined }
  return { ...(await load(file('suite.js'))), knowsAround: false }
}

/** Has our hooks outside of the test file's own. Where the modules of a file stay for the next, this is when it uses the broker first. */
function beginFile(file = current()?.file) {
  if (!file || !vitest || begun.has(file)) return
  begun.add(file)
  const hooks = vitest.getHooks(file)
  const add = (/** @type {'afterAll' | 'aroundEach'} */ name, /** @type {Function} */ hook) =>
    hooks ? hooks[name]?.unshift(hook) : vitest?.getCurrentSuite().on(name, hook)
  if (vitest.knowsAround) add('aroundEach', around)
  add('afterAll', () => tests.endFile())
}

/** @returns {TestScope | null} null: what is taken now is the file's */
function running() {
  const task = current()
  if (!task) return null
  beginFile(task.file)
  // Of those that run side by side, it is the last that was begun.
  if (task.type !== 'test' || runsBesideOthers(task)) return null
  const attempt = `${task.result?.retryCount}/${task.result?.repeatCount}`
  const known = attempts.get(task)
  if (known && (known.attempt === null || known.attempt === attempt)) return known.scope
  // A hook around the test, of a file that had none of ours when the test was begun.
  if (task.result?.repeatCount === undefined) return null
  const scope = new Scope(titleOf(task))
  attempts.set(task, { scope, attempt })
  // Vitest runs these after the hooks, the first last.
  task.context.onTestFinished(() => end(scope))
  return scope
}

/**
 * A hook around each attempt of a test, and around its other hooks.
 * @param {() => Promise<void>} run
 * @param {{ task: Task }} context
 */
async function around(run, { task }) {
  const scope = new Scope(titleOf(task))
  attempts.set(task, { scope, attempt: null })
  await (runsBesideOthers(task) ? tests.run(scope, run) : run())
  await end(scope)
}

/** @param {TestScope} scope */
async function end(scope) {
  const error = await tests.end(scope)
  if (error) throw error
}

/** @param {Task | undefined} task @returns {boolean} */
const runsBesideOthers = task => task !== undefined && (task.concurrent === true || runsBesideOthers(task.suite))

/**
 * As Vitest's reporters write it: `src/cart.test.js > cart > is empty`.
 * @param {Task} task
 */
function titleOf(task) {
  const names = [task.name]
  for (let suite = task.suite; suite && suite !== task.file; suite = suite.suite) names.unshift(suite.name)
  return [task.file.name, ...names].join(' > ')
}

module.exports = { beginWorker, broker: tests.broker, end, tests, titleOf }
