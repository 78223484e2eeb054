/** The attempts of a test, with what it and the servers wrote meanwhile. */

import { el } from './dom.mjs'
import { logLine, outputBlock } from './errors.mjs'
import { duration, size } from './format.mjs'
import { ATTEMPT_STATUSES } from './statuses.mjs'
import { harmless, oneLine } from './text.mjs'

/** @typedef {import('./data.mjs').Attempt} Attempt */

/** @param {import('./data.mjs').Test} test */
export function attemptSections({ attempts }) {
  return attempts.map(attempt => attemptSection(attempt, attempts.length)).reverse()
}

/**
 * @param {Attempt} attempt
 * @param {number} total
 */
function attemptSection(attempt, total) {
  const { word, sign } = ATTEMPT_STATUSES[attempt.status]
  const name = total > 1 ? `Attempt ${attempt.attempt} ${word}` : `Worker ${attempt.worker}`
  const facts = [
    total > 1 && `worker ${attempt.worker}`,
    `${duration(attempt.duration)} from ${duration(attempt.at)}`,
    attempt.exitCode !== null && `exit code ${attempt.exitCode}`,
    attempt.signal !== null && `signal ${oneLine(attempt.signal)}`,
    attempt.slow && 'slow',
    attempt.leaked && 'processes or pipes outlived it',
    attempt.outputSize > 0 && `${size(attempt.outputSize)} of output`
  ].filter(part => part !== false)
  return el(
    'section',
    { class: 'attempt' },
    el(
      'h3',
      null,
      total > 1 && el('span', { class: `sign s-${attempt.status}`, 'aria-hidden': 'true' }, sign),
      name,
      el('span', { class: 'dim' }, ` ${facts.join(', ')}`)
    ),
    attempt.reason !== null && el('p', { class: 'message' }, harmless(attempt.reason)),
    attempt.output !== null && attempt.output !== '' && outputBlock(`Output of attempt ${attempt.attempt}`, attempt.output),
    attempt.outputSize === 0 && attempt.status !== 'passed' && el('p', { class: 'dim' }, 'It wrote nothing.'),
    ...attempt.serverLogs.map(serverLog),
    attempt.log && logLine(attempt.log)
  )
}

/** @param {Attempt['serverLogs'][number]} server */
function serverLog({ name, output, log }) {
  return el(
    'details',
    { open: true },
    el('summary', null, `What ${oneLine(name)} wrote meanwhile`),
    output === '' ? el('p', { class: 'dim' }, 'Nothing.') : outputBlock(`Output of ${oneLine(name)}`, output),
    log !== '' && logLine(log)
  )
}
