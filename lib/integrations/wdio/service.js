// @ts-check
'use strict'

/**
 * The service. WebdriverIO makes one in its main process, where it hosts the broker, and one in each worker, where it gives the client to `browser` and tells it which
 * test runs.
 */

const { here } = require('./here.js')
const { followTests } = require('./frameworks.js')

/** @typedef {import('./index.js').IntegrationOptions} IntegrationOptions */
/** @typedef {(...values: any[]) => unknown} Hook */
/** @typedef {{ rootDir?: string, runner?: unknown, framework?: string, before?: Hook | Hook[], after?: Hook | Hook[] } & Record<string, any>} Config */

/** What says to shared workers which test file runs, and what that is when there are some: they are loaded where they are used only. */
const FILE_NAME = Symbol.for('ephemeral-broker.test-file-name')
const TEST_FILE = Symbol.for('ephemeral-broker.test-file')
/** @type {{ browser?: any, [FILE_NAME]?: string, [TEST_FILE]?: import('../../plugin/current.js').Begun | null }} */
const realm = /** @type {any} */ (globalThis)

class EphemeralBrokerService {
  #options
  /** @type {Awaited<ReturnType<typeof import('../host.js').hostBroker>> | null} */
  #host = null

  /** @param {IntegrationOptions} [options] */
  constructor(options) {
    this.#options = options
    // Where this is a worker's, the user's `beforeSession` and the files of specs have it, too.
    giveBroker(realm.browser)
  }

  /**
   * In the main process, after the user's own `onPrepare`.
   * @param {Config} config
   */
  async onPrepare({ rootDir }) {
    const { hostBroker } = require('../host.js')
    try {
      this.#host = await hostBroker(this.#options, { runner: 'WebdriverIO', hook: 'onPrepare', folder: rootDir })
    } catch (error) {
      throw severe(/** @type {Error} */ (error))
    }
  }

  onWorkerEnd() {
    this.#host?.tellLeaks()
  }

  /**
   * After the user's own `onComplete`.
   * @param {number} exitCode the run's, unless it is changed
   */
  async onComplete(exitCode) {
    const outcome = await this.#host?.stop()
    if (outcome?.failed && exitCode === 0) {
      throw severe(new Error('the run is no success: a test did not release what it took, or a shared worker failed; see above'))
    }
  }

  /**
   * In a worker, when there is no session yet and no spec was loaded: WebdriverIO runs the hooks of a kind at the same time, the user's first, and those that are to be
   * before or after all others have to be put there.
   * @param {Config} config of this worker
   * @param {unknown} _capabilities
   * @param {string[]} specs
   */
  beforeSession(config, _capabilities, specs) {
    realm[FILE_NAME] = specs[0]
    const begin = (/** @type {unknown} */ _capabilities, /** @type {unknown} */ _specs, /** @type {any} */ browser) => {
      giveBroker(browser)
      return realm[TEST_FILE]?.available()
    }
    const end = async () => {
      await here.endFile()
      await realm[TEST_FILE]?.teardown()
    }
    config.before = [begin, ...hooksOf(config.before)]
    config.after = afterAllOf(hooksOf(config.after), end)
    // Component tests run in the browser.
    if ([config.runner].flat()[0] !== 'browser') followTests(config)
  }
}

/** @param {Hook | Hook[] | undefined} hooks @returns {Hook[]} */
const hooksOf = (hooks = []) => [hooks].flat()

/**
 * @param {Hook[]} hooks that are started at the same time
 * @param {() => unknown} last done when all of them are done
 * @returns {Hook[]}
 */
function afterAllOf(hooks, last) {
  /** @type {unknown[]} */
  const running = []
  const followed = hooks.map(
    hook =>
      /** @this {unknown} @param {unknown[]} values */
      function (...values) {
        const done = hook.apply(this, values)
        running.push(done)
        return done
      }
  )
  return [...followed, () => Promise.allSettled(running.splice(0)).then(last)]
}

/**
 * `browser.broker`; where several browsers are run as one, each has it too.
 * @param {any} browser absent where there are to be no global variables
 */
function giveBroker(browser) {
  const single = browser?.isMultiremote ? browser.instances.map((/** @type {string} */ name) => browser.getInstance(name)) : []
  for (const one of [browser, ...single]) {
    if (one) Object.defineProperty(one, 'broker', { value: here.broker, configurable: true })
  }
}

/**
 * An error that ends the run: WebdriverIO goes on after others of services.
 * @param {Error} cause
 */
function severe(cause) {
  const error = new Error(cause.message, { cause })
  error.name = 'SevereServiceError'
  // It prints the stack, among stacks of its own, where the sentence would be lost.
  error.stack = String(error)
  return error
}

module.exports = { EphemeralBrokerService }
