/**
 * What is known of each status: what it is called, and the sign that tells it apart where colours do not.
 *
 * @typedef {import('./data.mjs').Test['status']} Status
 * @typedef {{ word: string, sign: string, rank: number }} StatusInfo `rank`: those that ask for attention first
 */

/** @type {Record<Status, StatusInfo>} */
export const STATUSES = {
  failed: { word: 'failed', sign: '✕', rank: 0 },
  timed_out: { word: 'timed out', sign: '◔', rank: 1 },
  error: { word: 'error', sign: '!', rank: 2 },
  not_run: { word: 'not run', sign: '○', rank: 3 },
  flaky: { word: 'flaky', sign: '≈', rank: 4 },
  passed: { word: 'passed', sign: '✓', rank: 5 },
  cached: { word: 'cached', sign: '≡', rank: 6 },
  skipped: { word: 'skipped', sign: '–', rank: 7 }
}

export const STATUS_NAMES = /** @type {Status[]} */ (Object.keys(STATUSES))

/** @type {Record<string, { word: string, sign: string }>} */
export const ATTEMPT_STATUSES = { ...STATUSES, cancelled: { word: 'cancelled', sign: '⊘' } }

/** @param {string} status */
export const needsAttention = status => status === 'failed' || status === 'timed_out' || status === 'error'

/** @param {string} status */
export const isGreen = status => status === 'passed' || status === 'flaky' || status === 'cached'
