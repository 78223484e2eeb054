/** What went wrong beside the tests: it often explains them, so it stands above all else. */

import { terminalText } from './ansi.mjs'
import { byId, copyButton, el } from './dom.mjs'
import { harmless, oneLine } from './text.mjs'

/** @param {import('./data.mjs').Report} report */
export function showErrors({ errors, stops }) {
  const section = byId('errors')
  section.hidden = errors.length === 0 && stops.length === 0
  section.append(
    ...errors.map(errorCard),
    ...stops.map(({ reason }) => el('p', { class: 'stop' }, `The run was stopped early: ${oneLine(reason)}`))
  )
}

/** @param {import('./data.mjs').RunError} error */
function errorCard({ code, message, output, log }) {
  return el(
    'article',
    { class: 'card-error' },
    el('h2', null, el('span', { class: 'sign', 'aria-hidden': 'true' }, '!'), oneLine(code.replaceAll('_', ' '))),
    el('p', { class: 'message' }, harmless(message)),
    output && outputBlock('Output', output),
    log && logLine(log)
  )
}

/**
 * What a program wrote.
 * @param {string} label
 * @param {string} output
 */
export function outputBlock(label, output) {
  return el('pre', { class: 'output', tabindex: 0, role: 'region', 'aria-label': label }, terminalText(output))
}

/** @param {string} log */
export function logLine(log) {
  return el('p', { class: 'log' }, 'Log: ', el('code', null, oneLine(log)), ' ', copyButton('Copy path', log))
}
