/**
 * The run as lanes of time: one for the steps around the tests, one for each server that is not a worker's own, one for each worker. All times
 * are milliseconds since the run began.
 */

import { duration } from './format.mjs'
import { ATTEMPT_STATUSES } from './statuses.mjs'
import { oneLine } from './text.mjs'

/**
 * @typedef {import('./data.mjs').Report} Report
 * @typedef {import('./data.mjs').Test} Test
 * @typedef {object} Bar
 * @property {number} from
 * @property {number} to
 * @property {string} kind a status of an attempt, `flaky`, `setup`, `starting` or `serving`
 * @property {string} label
 * @property {string} tip what is told of it
 * @property {Test | null} test
 * @typedef {{ at: number, label: string, tip: string }} Mark something that went wrong at a moment
 * @typedef {object} Lane
 * @property {string} label
 * @property {string} note
 * @property {Bar[]} bars in order of `from`
 * @property {Bar[]} strips servers, at the foot of the lane
 * @property {Bar[]} waits drawn over the bars
 * @property {Mark[]} marks
 */

/** @param {Report} report */
export function lanesOf(report) {
  const around = lane('Setup')
  /** @type {Map<string, Lane>} */
  const shared = new Map()
  /** @type {Lane[]} */
  const workers = Array.from({ length: workersOf(report) }, (_, worker) => lane(`Worker ${worker}`))
  const end = endOf(report)

  for (const { step, worker, at, duration: took, error } of report.steps) {
    const target = worker === null ? around : workers[worker]
    const to = took === null ? end : at + took
    target.bars.push({
      from: at,
      to,
      kind: error === null ? 'setup' : 'failed',
      label: step,
      tip: `${step}: ${duration(to - at)}${error === null ? '' : `. ${oneLine(error)}`}`,
      test: null
    })
  }
  for (const { worker, at, duration: took } of report.starts) {
    workers[worker].bars.push({
      from: at,
      to: at + took,
      kind: 'starting',
      label: 'start',
      tip: `Worker ${worker} was made ready: ${duration(took)}`,
      test: null
    })
  }
  for (const { worker, at, reason, replaced } of report.losses) {
    workers[worker].marks.push({
      at,
      label: 'lost',
      tip: `Worker ${worker} was lost${replaced ? ', and replaced' : ''}: ${oneLine(reason)}`
    })
  }
  for (const server of report.servers)
    addServer(server, server.worker === null ? laneNamed(shared, server.name) : workers[server.worker], end)
  for (const test of report.tests) addAttempts(test, workers)
  for (const wait of report.waits) {
    // One without a worker held nobody up but the test itself.
    if (wait.worker === null) continue
    const test = report.tests.length > 0 && wait.id !== null ? (report.byKey.get(wait.id) ?? null) : null
    const what = `Waited ${duration(wait.duration)} for ${oneLine(wait.resource)}`
    workers[wait.worker].waits.push({
      from: wait.at,
      to: wait.at + wait.duration,
      kind: 'wait',
      label: '',
      tip: wait.id === null ? what : `${what}: ${oneLine(wait.id)}`,
      test
    })
  }
  for (const one of workers) {
    const busy = one.bars.reduce((sum, { from, to, test }) => sum + (test ? to - from : 0), 0)
    if (end > 0) one.note = `${Math.min(100, Math.round((busy / end) * 100))}% busy`
  }
  const lanes = [...(around.bars.length > 0 ? [around] : []), ...shared.values(), ...workers]
  for (const one of lanes) for (const bars of [one.bars, one.strips, one.waits]) bars.sort((a, b) => a.from - b.from)
  return { lanes, end }
}

/** @param {string} label @returns {Lane} */
const lane = label => ({ label, note: '', bars: [], strips: [], waits: [], marks: [] })

/** @param {Map<string, Lane>} lanes @param {string} name */
function laneNamed(lanes, name) {
  const known = lanes.get(name) ?? lane(oneLine(name))
  lanes.set(name, known)
  return known
}

/** Those that the run had, and those that events name. @param {Report} report */
function workersOf({ run, tests, steps, starts, losses, servers, waits }) {
  let most = run.workers
  for (const { worker } of [...steps, ...starts, ...losses, ...servers, ...waits]) if (worker !== null) most = Math.max(most, worker + 1)
  for (const { attempts } of tests) for (const { worker } of attempts) most = Math.max(most, worker + 1)
  return most
}

/** @param {Report} report */
function endOf({ run, tests }) {
  let end = run.duration
  for (const { attempts } of tests) for (const { at, duration: took } of attempts) end = Math.max(end, at + took)
  return end
}

/** @param {import('./data.mjs').Server} server @param {Lane} target @param {number} end of the run */
function addServer({ name, worker, at, ready, end: stopped, port, failure, restarting }, target, end) {
  const to = stopped ?? end
  const where = port === null ? '' : ` on port ${port}`
  const shown = oneLine(name)
  const bars = worker === null ? target.bars : target.strips
  bars.push({
    from: at,
    to: ready ?? to,
    kind: 'starting',
    label: shown,
    tip: `${shown} started${where}: ${ready === null ? 'it never was ready' : `ready after ${duration(ready - at)}`}`,
    test: null
  })
  if (ready !== null)
    bars.push({ from: ready, to, kind: 'serving', label: shown, tip: `${shown} ran${where} for ${duration(to - ready)}`, test: null })
  if (failure !== null)
    target.marks.push({ at: to, label: shown, tip: `${shown} failed${restarting ? ', and was started again' : ''}: ${oneLine(failure)}` })
}

/** @param {Test} test @param {Lane[]} workers */
function addAttempts(test, workers) {
  for (const attempt of test.attempts) {
    const { status, at, duration: took, worker, reason } = attempt
    const kind = status === 'passed' && test.status === 'flaky' ? 'flaky' : status
    const which = test.attempts.length > 1 ? ` (attempt ${attempt.attempt} of ${test.attempts.length})` : ''
    const told = `${oneLine(test.id)}${which}: ${ATTEMPT_STATUSES[status].word} in ${duration(took)}`
    workers[worker].bars.push({
      from: at,
      to: at + took,
      kind,
      label: oneLine(test.name ?? test.file ?? test.id),
      tip: reason === null ? told : `${told}. ${oneLine(reason)}`,
      test
    })
  }
}
