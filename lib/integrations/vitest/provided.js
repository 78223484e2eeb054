// @ts-check
'use strict'

/** What the global setup tells workers, and tests that `inject` it. */

/** @typedef {{ pipe: string, workersAreNumbered: boolean }} Provided `workersAreNumbered`: no two workers have the same number of Vitest's at a time */

/** In the configuration it is the name of the options. */
const NAME = 'ephemeral-broker'

module.exports = { NAME }
