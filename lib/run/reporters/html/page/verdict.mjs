/** How the run ended, in words. */

import { count, plural } from './format.mjs'

/**
 * @param {import('./data.mjs').Report} report
 * @returns {{ words: string, more: string[], tone: 'good' | 'bad' | 'odd' }}
 */
export function verdictOf({ run, counts, errors }) {
  const bad = counts.failed + counts.timed_out + counts.error
  const of = plural(counts.total, 'test')
  const more = [
    counts.not_run > 0 && bad > 0 && `${count(counts.not_run)} not run`,
    counts.flaky > 0 && (run.ok || bad > 0) && `${count(counts.flaky)} flaky`,
    counts.skipped > 0 && `${count(counts.skipped)} skipped`,
    counts.cached > 0 && `${count(counts.cached)} taken from the cache`,
    errors.length > 0 && (bad > 0 || run.ok) && plural(errors.length, 'error beside the tests', 'errors beside the tests'),
    run.exitCode === 124 && bad > 0 && 'the run was out of time',
    run.exitCode > 128 && bad > 0 && 'ended by a signal'
  ].filter(part => part !== false)
  if (run.ok) return { words: greenWords(counts, of), more, tone: counts.total === 0 ? 'odd' : 'good' }
  if (bad > 0) return { words: `${count(bad)} of ${of} failed`, more, tone: 'bad' }
  return { words: otherWords(run.exitCode, counts, of), more, tone: 'bad' }
}

/**
 * @param {import('./data.mjs').Counts} counts
 * @param {string} of
 */
function greenWords(counts, of) {
  if (counts.total === 0) return 'There were no tests to run'
  const green = counts.passed + counts.flaky + counts.cached
  if (green === counts.total) return counts.total === 1 ? 'The test passed' : `All ${of} passed`
  return `${count(green)} of ${of} passed, none failed`
}

/**
 * What made a run fail in which no test did.
 * @param {number} exitCode
 * @param {import('./data.mjs').Counts} counts
 * @param {string} of
 */
function otherWords(exitCode, counts, of) {
  const rest = counts.not_run > 0 ? `: ${count(counts.not_run)} of ${of} were not run` : ''
  if (exitCode === 124) return `The run was out of time${rest}`
  if (exitCode > 128) return `The run was ended by a signal${rest}`
  if (exitCode === 4) return 'There were no tests to run'
  if (exitCode === 2) return `The run could not be set up${rest}`
  if (exitCode === 3) return `What the tests need has failed${rest}`
  if (counts.flaky > 0) return `${count(counts.flaky)} of ${of} passed only when run again`
  return `The run failed${rest}`
}
