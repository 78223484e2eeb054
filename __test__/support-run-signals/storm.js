// @ts-check
'use strict'

/** Runs that are ended at moments nobody chose, and what must be true afterwards. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { constants } = require('node:os')
const { setTimeout: sleep } = require('node:timers/promises')
const { start } = require('./runner.js')

/** More than the time (ms) within which two signals are one wish. */
const APART = 350

/** @typedef {ReturnType<typeof import('./project.js').makeProject>} Project */
/** @typedef {ReturnType<typeof import('./random.js').chance>} Chance */
/** @typedef {{ signals: NodeJS.Signals[], after: number }} Blow `after`: ms */

/**
 * @param {Chance} random
 * @param {number} duration of a run that nobody disturbs, in ms
 * @returns {Blow}
 */
function blow(random, duration) {
  const gentle = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
  const after = Math.round(random.next() * duration)
  const kind = random.next()
  if (kind < 0.3) return { signals: ['SIGKILL'], after }
  return { signals: kind < 0.5 ? [random.one(gentle), random.one(gentle)] : [random.one(gentle)], after }
}

/**
 * Starts a run, strikes it, and looks at what is left.
 * @param {Project} project
 * @param {Blow} blow
 * @returns {Promise<{ how: string, took: number }>} how it ended, and how long its traces were there
 */
async function strike(project, { signals, after }) {
  project.forget()
  const run = start(project, { env: signals.length > 1 ? { STUBBORN: 'yes' } : {} })
  await sleep(after)
  for (const [index, signal] of signals.entries()) {
    if (index > 0) await Promise.race([run.exit, sleep(APART)])
    run.child.kill(signal)
  }
  const exit = await run.exit
  // Killed between the broker's start and the watchdog's, a few milliseconds: the next broker that starts removes what is left.
  if (exit.signal === 'SIGKILL' && !project.phases().includes('list')) await start(project, { env: { TMPDIR: run.tmp } }).exit
  const took = await run.gone()
  const said = () => `${JSON.stringify({ signals, after, exit })}\n${project.phases()}\n${run.output()}`
  return { how: judge(project, signals, exit, said), took }
}

/**
 * @param {Project} project
 * @param {NodeJS.Signals[]} signals
 * @param {{ code: number | null, signal: NodeJS.Signals | null }} exit
 * @param {() => string} said
 */
function judge(project, [first, second], { code, signal }, said) {
  const phases = project.phases()
  if (signal !== null) {
    // Nobody listened yet, and nothing was started; or nobody could.
    assert.equal(signal, first, said())
    if (signal !== 'SIGKILL') assert.ok(phases.length === 0 || String(phases) === 'config' || phases.includes('torn'), said())
    return signal === 'SIGKILL' ? 'killed' : 'unheard'
  }
  for (const file of project.reports) assert.ok(fs.existsSync(file), `${file} is missing\n${said()}`)
  const report = JSON.parse(fs.readFileSync(project.report, 'utf8'))
  assert.equal(report.exitCode, code, said())
  if (phases.includes('setup') && second === undefined) assert.ok(phases.includes('torn'), `no teardown\n${said()}`)
  for (const { id, status } of report.tests) {
    const ended = phases.includes(`done-${id.split(':')[1]}`)
    assert.ok(status === 'not_run' || ended || status === 'cached', `${id} is ${status}\n${said()}`)
  }
  if (code === 0) return 'too late'
  assert.equal(code, 128 + constants.signals[first], said())
  return 'stopped'
}

/**
 * What was ended before is no trouble to the next run, and nothing of it is believed that was not seen to pass.
 * @param {Project} project
 * @param {Set<string>} done names of tests that have passed with these inputs
 */
async function goOn(project, done) {
  const run = start(project)
  const exit = await run.exit
  assert.deepEqual(exit, { code: 0, signal: null }, run.output())
  const report = JSON.parse(fs.readFileSync(project.report, 'utf8'))
  assert.equal(report.tests.length, 4)
  for (const { id, status } of report.tests) {
    assert.ok(status === 'passed' || (status === 'cached' && done.has(id.split(':')[1])), `${id} is ${status}, although it never passed`)
  }
  await run.gone()
}

/**
 * @param {Project} project
 * @param {Chance} random
 * @param {{ duration: number, take: () => number | null }} storm `take`: the number of the next blow, null when there are enough
 */
async function storm(project, random, { duration, take }) {
  /** @type {Array<{ how: string, took: number }>} */
  const ends = []
  for (let number = take(); number !== null; number = take()) {
    project.change(String(number))
    ends.push(await strike(project, blow(random, duration)))
    const done = new Set(project.phases().flatMap(phase => (phase.startsWith('done-') ? [phase.slice(5)] : [])))
    if (random.next() < 0.2) await goOn(project, done)
  }
  return ends
}

module.exports = { APART, storm }
