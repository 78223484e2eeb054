// @ts-check
'use strict'

/** What holds where nothing is said. */

const DEFAULTS = Object.freeze({
  workers: 'auto',
  mode: 'file',
  isolation: 'worker',
  failOnFlaky: false,
  maxFailures: 0,
  passWithNoTests: false,
  repeat: 1,
  shardBy: 'duration',
  reporter: ['list'],
  output: '.ephemeral-broker',
  env: {},
  timeout: '10m',
  slow: '60s',
  gracePeriod: '5s',
  retries: { count: 0, delay: 0, backoff: 'fixed', maxDelay: '1m' },
  priority: 0,
  tags: [],
  slots: 1,
  limits: [],
  dependsOn: [],
  leaks: 'warn',
  setupTimeout: '10m',
  dir: { files: {}, reset: 'never', keep: 'never' },
  services: [],
  cache: { enabled: false, verify: 0 },
  groups: {},
  rateLimits: {},
  pools: {},
  values: {}
})

/** The settings that a test has for itself: those of `TestSettings`. */
const TEST_SETTINGS = Object.freeze([
  'env',
  'cwd',
  'timeout',
  'slow',
  'gracePeriod',
  'retries',
  'priority',
  'tags',
  'group',
  'slots',
  'limits',
  'dependsOn',
  'leaks',
  'cache'
])

module.exports = { DEFAULTS, TEST_SETTINGS }
