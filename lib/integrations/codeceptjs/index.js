// @ts-check
'use strict'

/**
 * A plugin of CodeceptJS: `plugins: { broker: { enabled: true, require: 'ephemeral-broker/codeceptjs' } }`. It says which scenario runs, and gives back what that
 * leaves. The broker is around the run: `npx ephemeral-broker start -- npx codeceptjs run-workers 5`.
 */

const { pathToFileURL } = require('node:url')
const { isMainThread, workerData } = require('node:worker_threads')
const { resolvePeer } = require('../peer.js')
const { worker } = require('../worker.js')

/** @typedef {{ event: { dispatcher: import('node:events').EventEmitter }, recorder: { add: (name: string, task: () => Promise<void>) => void } }} CodeceptJS */

const own = worker({
  runner: 'CodeceptJS',
  check: "that the run is 'npx ephemeral-broker start -- npx codeceptjs run-workers 5'",
  // Workers are threads, and numbered from 1 on.
  name: isMainThread ? undefined : () => `codeceptjs-worker-${workerData.workerIndex}`
})

/** @returns {void | Promise<void>} */
function plugin() {
  // Without its globals it has to be imported: it may be an ES module.
  const { codeceptjs } = /** @type {{ codeceptjs?: CodeceptJS }} */ (globalThis)
  if (codeceptjs) return follow(codeceptjs)
  return import(pathToFileURL(resolvePeer('codeceptjs')).href).then(({ default: codeceptjs }) => follow(codeceptjs))
}

/**
 * CodeceptJS tells of a scenario before the hooks of its feature run, and again after them; what listeners add to its recorder then it waits for.
 * @param {CodeceptJS} codeceptjs
 */
function follow({ event: { dispatcher }, recorder }) {
  dispatcher.on('test.before', test => {
    own.begin(`${test.parent.title}: ${test.title}`)
  })
  dispatcher.on('test.after', test => {
    recorder.add('give back what the scenario took', async () => {
      const leaked = await own.end()
      // To throw here fails nothing. An error that Mocha's hook has, which runs now, fails the test.
      if (leaked && !test.isFailed()) test.ctx.test.error(leaked)
    })
  })
  dispatcher.on('suite.after', () => {
    recorder.add('give back what the feature took', () => own.endFile())
  })
}

const { broker } = own

// @ts-expect-error: TypeScript knows modules that are a function, and modules that have names.
module.exports = plugin
// @ts-expect-error: written so that Node finds the name, for ES modules.
module.exports.broker = broker
