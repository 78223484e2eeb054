// @ts-check

/**
 * For Vitest: the global setup in its main process, and `broker` and fixtures in its workers.
 *
 * Vitest loads what is linked into a project through Vite, and what is installed as it is: `require` leads to the same modules in both.
 */

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

const { beginWorker, broker } = require('./tests.js')
await beginWorker((/** @type {string} */ url) => import(/* @vite-ignore */ url))

/** @type {typeof import('./setup.js').brokerSetup} */
export const brokerSetup = options => require('./setup.js').brokerSetup(options)

export default brokerSetup()

export { broker }

/** @type {typeof import('./fixtures.js').brokerFixtures} */
export const brokerFixtures = leases => require('./fixtures.js').brokerFixtures(leases)
