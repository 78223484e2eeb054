// @ts-check
'use strict'

/**
 * Which test runs, and when tests and test files are over. Vitest is asked when something is asked of the broker: files that do not use it have no part in this.
 *
 * From Vitest 4.1 on there are hooks around a test, with which tests that run side by side are told apart, and around a file. Before that, what such tests take is the file's.
 */

const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { mainGlobal } = require('../home.js')
const { resolvePeer } = require('../peer.js')
const { slotOf } = require('../slot.js')
const { Scope, worker } = require('../worker.js')
const { NAME } = require('./provided.js')

/** @typedef {InstanceType<typeof Scope>} TestScope */
/** @typedef {{ afterAll: Function[], aroundEach?: Function[] }} Hooks */
/** @typedef {(hook: (...args: any[]) => unknown, timeout?: number) => void} AddHook */

/**
 * A test, or a suite, or a file, which is a suite too.
 * @typedef {object} Task
 * @property {'test' | 'suite'} type
 * @property {string} name of a file: its path below the project's root
 * @property {Task} [suite] absent: it is in the file itself
 * @property {Task} file
 * @property {string} [filepath] of a file
 * @property {boolean} [concurrent]
 * @property {{ retryCount?: number, repeatCount?: number }} [result] `repeatCount` is absent until the first `beforeEach` hooks are run
 * @property {{ onTestFinished: (end: () => Promise<void>) => void }} context
 */

/**
 * What is used of Vitest.
 * @typedef {object} Vitest
 * @property {(suite: Task) => Hooks | undefined} getHooks none while the file's tests are collected
 * @property {AddHook} beforeAll while they are
 * @property {AddHook} [aroundEach]
 * @property {AddHook} [aroundAll]
 */

const FILE_NAME = Symbol.for('ephemeral-broker.test-file-name')
const TEST_FILE = Symbol.for('ephemeral-broker.test-file')
const END = Symbol.for('ephemeral-broker.vitest-file-end')

/**
 * What Vitest, and shared workers if there are any, keep on the realm.
 * @type {{
 *   __vitest_index__?: any,
 *   __vitest_worker__?: { current?: Task, providedContext?: { [NAME]?: import('./provided.js').Provided } },
 *   [FILE_NAME]?: string,
 *   [TEST_FILE]?: import('../../plugin/current.js').Begun | null
 * }}
 */
const realm = /** @type {any} */ (globalThis)

/** What ends the file that this thread runs, in whatever context. @type {{ [END]?: (() => Promise<void>) | null }} */
const thread = mainGlobal()

/** Ten minutes, in ms, whatever a hook may take: a program of a shared worker may start a server before it is ready. */
const TIMEOUT = 600_000

/** @type {Vitest | null} */
let vitest = null
/** @type {WeakSet<Task>} */
const begun = new WeakSet()
/** The scope of each test's last attempt. `attempt`: which that is; null: one that has a hook around it. @type {WeakMap<Task, { scope: TestScope, attempt: string | null }>} */
const attempts = new WeakMap()

/** What runs in this worker. */
const current = () => realm.__vitest_worker__?.current

const provided = () => realm.__vitest_worker__?.providedContext?.[NAME]

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
  if (!realm.__vitest_worker__) return
  const pipe = provided()?.pipe
  if (pipe) process.env.EPHEMERAL_PIPE ??= pipe
  vitest ??= await findVitest(load)
  beginFile()
  // Without isolation this is run once, for all files: whoever registers a shared worker asks.
  Object.defineProperty(realm, FILE_NAME, { get: fileName, configurable: true })
}

function fileName() {
  beginFile()
  return current()?.file.filepath
}

/**
 * What is used of the Vitest that runs this.
 * @param {(url: string) => Promise<any>} load
 * @returns {Promise<Vitest>}
 */
async function findVitest(load) {
  // What Vitest has there for tests that are in the source, and has always. The project's own may be anywhere, or none at all.
  const { TestRunner, aroundAll, aroundEach, beforeAll } = realm.__vitest_index__
  if (TestRunner?.getSuiteHooks) return { getHooks: TestRunner.getSuiteHooks, aroundAll, aroundEach, beforeAll }
  const suite = path.join(path.dirname(resolvePeer('vitest/package.json')), 'dist', 'suite.js')
  const { getHooks } = await load(pathToFileURL(suite).href)
  return { getHooks, beforeAll }
}

/** Has our hooks outside of the test file's own. Where the modules of a file stay for the next, this is when it uses the broker first. */
function beginFile(file = current()?.file) {
  if (!file || !vitest || begun.has(file)) return
  begun.add(file)
  // Of a file that could not be loaded no hooks were run.
  void thread[END]?.()
  thread[END] = () => tests.endFile({ late: true })
  const hooks = vitest.getHooks(file)
  if (!hooks) return addHooks(vitest)
  // It runs already.
  if (vitest.aroundEach) hooks.aroundEach?.unshift(around)
  hooks.afterAll.unshift(endFile)
}

/** What `beforeAll` hooks return is called after `afterAll` hooks, and so is what is around all of them. @param {Vitest} vitest */
function addHooks({ aroundAll, aroundEach, beforeAll }) {
  aroundEach?.(around, TIMEOUT)
  if (aroundAll) aroundAll(aroundFile, TIMEOUT)
  else beforeAll(openFile, TIMEOUT)
}

/** @param {() => Promise<void>} run */
async function aroundFile(run) {
  const end = await openFile()
  await run()
  await end()
}

/** Tests find their shared workers available. Where one fails, no test is run. */
async function openFile() {
  try {
    await realm[TEST_FILE]?.available()
    return endFile
  } catch (error) {
    await endFile()
    throw error
  }
}

async function endFile() {
  thread[END] = null
  await tests.endFile()
  await realm[TEST_FILE]?.teardown()
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
