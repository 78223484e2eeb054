// @ts-check
'use strict'

/** Where runners number their workers so that a number is used again by the worker that takes another's place, and what their first number is. */
const VARIABLES = { JEST_WORKER_ID: 1, VITEST_POOL_ID: 1, TEST_PARALLEL_INDEX: 0, CUCUMBER_WORKER_ID: 0 }

/** Set where the broker is not the run's own: other runs beside it, as shards, may use it, too, and number their workers alike. */
const SLOTS = 'EPHEMERAL_SLOTS'

/**
 * The number of this worker, from 1 on, that its runner gives it.
 * @returns {number | null} null: the runner gives none that is used again, or others may have it, too
 */
function slotOf() {
  // In a run of ours, each slot may have a runner of its own.
  if (process.env.EPHEMERAL_WORKER !== undefined || process.env[SLOTS] === 'leased') return null
  for (const [variable, first] of Object.entries(VARIABLES)) {
    const text = process.env[variable]
    if (text !== undefined && /^\d+$/.test(text)) return Number(text) - first + 1
  }
  return null
}

module.exports = { SLOTS, slotOf }
