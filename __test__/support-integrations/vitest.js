// @ts-check
'use strict'

// The versions of Vitest, and the Nodes that they run on.

const fs = require('node:fs')
const path = require('node:path')
const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { findNodes } = require('../support-stress/nodes.js')
const { ROOT, makeProject } = require('./project.js')

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

/**
 * Puts a copy of the package where a link to it is: Vitest loads it as it is then, and through Vite what is linked.
 * @param {string} root
 */
function install(root) {
  const at = path.join(root, 'node_modules', 'ephemeral-broker')
  fs.unlinkSync(at)
  const { files, dependencies } = require('../../package.json')
  const natives = fs.readdirSync(ROOT).filter(name => name.endsWith('.node'))
  for (const name of ['package.json', ...files, ...natives]) {
    if (fs.existsSync(path.join(ROOT, name))) fs.cpSync(path.join(ROOT, name), path.join(at, name), { recursive: true })
  }
  for (const name of Object.keys(dependencies)) {
    fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(root, 'node_modules', name), 'junction')
  }
}

module.exports = { OWN, install, makeVitestProject, versions }
