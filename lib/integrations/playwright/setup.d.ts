import type { FullConfig } from '@playwright/test'

/**
 * For `globalSetup` of a config: starts the broker of the run, with what the config file says (`ephemeral-broker.config.js` or `ephemeral-broker.toml`). What it returns stops it.
 * @example
 * ```js
 * export default defineConfig({ globalSetup: 'ephemeral-broker/playwright/setup' })
 * ```
 */
declare const setup: (config: FullConfig) => Promise<() => Promise<void>>
export = setup
