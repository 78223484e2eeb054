// @ts-check
'use strict'

/** Where runners number their workers. */
const VARIABLES = {
  JEST_WORKER_ID: 'jest',
  WDIO_WORKER_ID: 'wdio',
  VITEST_POOL_ID: 'vitest',
  TEST_PARALLEL_INDEX: 'playwright',
  MOCHA_WORKER_ID: 'mocha',
  CUCUMBER_WORKER_ID: 'cucumber',
  EPHEMERAL_WORKER: 'run'
}

/** How people know this worker. */
function workerName() {
  for (const [variable, runner] of Object.entries(VARIABLES)) {
    const number = process.env[variable]
    if (number) return `${runner}-worker-${number}`
  }
  return `pid-${process.pid}`
}

module.exports = { workerName }
