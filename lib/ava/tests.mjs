// @ts-check

/** AVA runs a file's tests side by side: which of them takes something is known by the async context in which AVA runs it, its hooks and its teardowns. */

import path from 'node:path'
import { fileURLToPath } from 'node:url'
import integrations from '../integrations/worker.js'

/** @typedef {{ runTest?: (task: Task, context: unknown) => Promise<boolean>, runHooks: (hooks: object[], context: unknown, more: object) => Promise<boolean> }} AvaRunner */
/** @typedef {{ title: string, metadata: object }} Task */

/**
 * To be called before AVA starts the file's tests.
 * @param {import('./runner.mjs').Runner} runner
 * @param {typeof import('./worker.mjs').worker} worker
 */
export async function followTests(runner, worker) {
  const { prototype } = await runner.testRunner()
  const { runTest } = prototype
  // An AVA to come may do it otherwise. What is taken in tests is the file's there.
  if (typeof runTest !== 'function') return
  const file = fileTitle(fileURLToPath(await runner.testFile()))

  prototype.runTest = async function runTestInScope(task, context) {
    const scope = new integrations.Scope(`${file} › ${task.title}`)
    const passed = await worker.run(scope, () => runTest.call(this, task, context))
    const leaked = await worker.end(scope)
    if (leaked === null) return passed
    // AVA has said how the test was before its hooks ran, so it is told as they tell of failures.
    await this.runHooks([failing(task, leaked)], context, { titleSuffix: ` for ${task.title}`, testPassed: passed })
    return false
  }
}

/**
 * A hook as AVA keeps them.
 * @param {Task} task
 * @param {Error} error
 */
function failing({ metadata }, error) {
  const implementation = () => {
    throw error
  }
  return { title: 'leaks', implementation, args: [], metadata: { ...metadata, type: 'afterEach', always: true, failing: false } }
}

/**
 * As AVA puts it before the titles of tests: `users.test.js` → `users`.
 * @param {string} file
 */
function fileTitle(file) {
  const { name } = path.parse(file)
  return name.replace(/\.(?:spec|test)$/, '').replace('test-', '')
}
