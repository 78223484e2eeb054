// @ts-check

/** The AVA that runs this test worker, which need not be the one that this package would find. */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

/** What AVA's test workers run, below AVA's folder. */
const ENTRY = path.join('lib', 'worker', 'base.js')
/** What they share among their modules. AVA 6 and 7, and those after. */
const STATES = ['state.cjs', 'state.js']

/** @returns {Runner | null} null: this is no test worker of AVA's */
export function findRunner() {
  const entry = process.argv[1] ?? ''
  return entry.endsWith(path.join(path.sep, ENTRY)) && (!isMainThread || process.send) ? new Runner(entry) : null
}

export class Runner {
  #entry
  #resolve

  /** @param {string} entry the path of what the test worker runs */
  constructor(entry) {
    this.#entry = entry
    // A package finds itself by its name.
    this.#resolve = createRequire(entry).resolve
  }

  /** AVA runs test files in threads, unless it was told to use child processes. There are shared workers in threads only. */
  get hasSharedWorkers() {
    return !isMainThread
  }

  /** @returns {Promise<string>} the URL of the test file */
  async testFile() {
    const { default: test } = await this.#import('ava')
    return test.meta.file
  }

  /** @returns {Promise<(options: object) => any>} */
  async registerSharedWorker() {
    const plugin = await this.#import('ava/plugin')
    return plugin.registerSharedWorker
  }

  /**
   * AVA waits for its own shared workers before it starts tests. A hook would be no substitute: hooks have to be declared together with the test file's own.
   * @param {() => Promise<void>} ready asked when the test file has registered all
   */
  async beforeTests(ready) {
    const { waitForReady } = await this.#state()
    // biome-ignore lint/suspicious/noThenProperty: it begins when AVA waits for it
    waitForReady?.push({ then: (/** @type {() => void} */ resolve, /** @type {() => void} */ reject) => ready().then(resolve, reject) })
  }

  /**
   * As the teardowns of its own shared workers: after all hooks, in the test worker.
   * @param {() => Promise<void>} teardown
   */
  async afterTests(teardown) {
    const { sharedWorkerTeardowns } = await this.#state()
    if (sharedWorkerTeardowns) sharedWorkerTeardowns.push(teardown)
    else process.once('beforeExit', () => void teardown())
  }

  /** The class that runs the tests of a file. @returns {Promise<{ prototype: import('./tests.mjs').AvaRunner }>} */
  async testRunner() {
    const file = path.join(path.dirname(this.#entry), '..', 'runner.js')
    const { default: TestRunner = Object } = existsSync(file) ? await import(pathToFileURL(file).href) : {}
    return TestRunner
  }

  /** Where AVA keeps these things. @returns {Promise<{ waitForReady?: object[], sharedWorkerTeardowns?: Array<() => Promise<void>> }>} empty, where an AVA to come has it elsewhere */
  async #state() {
    const folder = path.dirname(this.#entry)
    const name = STATES.find(name => existsSync(path.join(folder, name)))
    return name === undefined ? {} : import(pathToFileURL(path.join(folder, name)).href)
  }

  /** @param {string} name */
  async #import(name) {
    return import(pathToFileURL(this.#resolve(name)).href)
  }
}
