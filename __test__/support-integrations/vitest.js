// @ts-check
'use strict'

// The versions of Vitest, and the Nodes that they run on.

const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { findNodes } = require('../support-stress/nodes.js')
const { makeProject } = require('./project.js')

const { nodes } = findNodes()

/**
 * @typedef {object} Version
 * @property {string} version
 * @property {Record<string, string>} packages
 * @property {string | false} skip why it cannot run here
 * @property {string} [node] the oldest that it runs on
 * @property {string} [newest] the newest
 */

/** @type {Version[]} */
const versions = [
  { version: '3', oldest: 20 },
  { version: '4', oldest: 20 },
  { version: '5', oldest: 22 }
].map(({ version, oldest }) => {
  const { path: folder, why } = npmPackage('vitest', version)
  const able = nodes.filter(node => node.version >= oldest).sort((a, b) => a.version - b.version)
  const skip = why ?? (able.length > 0 ? false : `there is no Node ${oldest}`)
  return { version, packages: { vitest: String(folder) }, skip, node: able[0]?.node, newest: able.at(-1)?.node }
})

/**
 * A project of fixtures, and how Vitest runs in it.
 * @param {import('node:test').TestContext} t
 * @param {Version} version
 * @param {Omit<import('./project.js').Parts, 'packages'>} [parts]
 */
function makeVitestProject(t, { packages, node }, parts = { fixture: 'vitest' }) {
  const project = makeProject(t, { ...parts, packages })
  const vitest = (/** @type {string[]} */ args, /** @type {NodeJS.ProcessEnv} */ env = {}, more = {}) =>
    project.run({ node, args: ['node_modules/vitest/vitest.mjs', ...args], env, ...more })
  return { project, vitest }
}

/** What Vitest 3 leaves of its own when it is ended: a folder by a random name. */
const OWN = /^[\w-]{21}$/

module.exports = { OWN, makeVitestProject, versions }
