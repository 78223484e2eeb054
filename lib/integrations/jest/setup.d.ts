import type { IntegrationOptions } from '../types.js'

/**
 * A `globalSetup` of Jest: starts the broker that the tests of a run share. One of your own may call it.
 * @param globalConfig what Jest hands in: the config file is looked for from its `rootDir` upwards
 * @param projectConfig what Jest hands in: its `globals['ephemeral-broker']` are the options
 * @param options each of these counts before the one of the same name there
 * @throws {BrokerError} `start_failed`, `invalid_option`, `invalid_config`
 * @example
 * ```js
 * const startBroker = require('ephemeral-broker/jest/setup')
 *
 * module.exports = async (globalConfig, projectConfig) => {
 *   await startBroker(globalConfig, projectConfig, { pools: { accounts: await readAccounts() } })
 * }
 * ```
 */
declare function setup(
  globalConfig: { readonly rootDir: string },
  projectConfig: { readonly globals: Readonly<Record<string, unknown>> },
  options?: IntegrationOptions
): Promise<void>

export = setup
