// @ts-check
'use strict'

/** The broker in Vitest's main process. */

const { hostBroker } = require('../host.js')

const { NAME } = require('./provided.js')

/** @typedef {{ root: string, pool: string, watch: boolean, provide?: Record<string, any>, poolMatchGlobs?: unknown[] }} Config */

/**
 * @typedef {object} Project what Vitest tells a global setup
 * @property {Config} config
 * @property {{ version: string, config: Config, projects: ReadonlyArray<{ config: Config }>, reporters: object[] }} vitest
 * @property {(name: string, value: import('./provided.js').Provided) => void} provide
 */

/**
 * @param {import('../types.js').IntegrationOptions} [options] @default what the configuration provides as `ephemeral-broker`
 * @returns {(project: any) => Promise<() => Promise<void>>} a global setup
 */
function brokerSetup(options) {
  return async (/** @type {Project} */ project) => {
    const { config, vitest } = project
    const given = options ?? config.provide?.[NAME]
    const host = await hostBroker(given, { runner: 'Vitest', hook: 'globalSetup', folder: config.root, endsItself: true })
    project.provide(NAME, { pipe: host.pipe, workersAreNumbered: areNumbered(vitest) })
    // The broker stays from run to run.
    if (vitest.config.watch) vitest.reporters.push({ onTestRunEnd: () => void host.tellLeaks() })
    return async () => {
      const { failed } = await host.stop()
      // Vitest shows errors of a teardown, and is content.
      if (failed) process.exitCode ||= 1
    }
  }
}

/**
 * Vitest 3 numbers the workers of each pool for themselves.
 * @param {Project['vitest']} vitest
 */
function areNumbered({ version, projects }) {
  if (!version.startsWith('3.')) return true
  const pools = new Set(projects.map(({ config }) => config.pool))
  return pools.size === 1 && projects.every(({ config }) => !config.poolMatchGlobs?.length)
}

module.exports = { brokerSetup }
