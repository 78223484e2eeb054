// @ts-check
'use strict'

// Runs of `ephemeral-broker run` in folders of their own, each in a fresh process, and what its events tell of it.

const { spawn } = require('node:child_process')
const { existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { now } = require('./sample')

const COMMAND = join(__dirname, '../../bin/ephemeral-broker.js')
const CONFIG = 'ephemeral-broker.json'
const EVENTS = 'events.jsonl'
const OUTPUT = 'output.txt'
const PEAK = 'peak.txt'

/** A program that does nothing. */
const NOTHING = ['/bin/true', '/usr/bin/true'].find(existsSync) ?? ''

/** @typedef {import('../../run.js').RunEvent} RunEvent */

/** @template T @typedef {(folder: string) => Promise<T>} Use */

/**
 * @template T
 * @param {Use<T>} use
 */
async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-run-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {string} folder
 * @param {import('../../run.js').RunConfig} config
 */
const configure = (folder, config) => writeFileSync(join(folder, CONFIG), JSON.stringify(config))

/**
 * A process from its start to its end. Its output goes into a file: nobody has to read along.
 *
 * @param {string} folder
 * @param {string[]} command
 * @param {string} [input] what it reads
 * @returns {Promise<{ elapsed: number, code: number | null }>} `elapsed` in milliseconds
 */
async function timed(folder, [program, ...args], input = '') {
  const file = join(folder, 'input.txt')
  writeFileSync(file, input)
  const [stdin, output] = [openSync(file, 'r'), openSync(join(folder, OUTPUT), 'w')]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EPHEMERAL_')))
  try {
    const begin = now()
    const child = spawn(program, args, { cwd: folder, env, stdio: [stdin, output, output] })
    const code = await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
    return { elapsed: (now() - begin) / 1000, code }
  } finally {
    closeSync(stdin)
    closeSync(output)
  }
}

/**
 * `ephemeral-broker run` as a person starts it.
 *
 * @param {string} folder
 * @param {string[]} [more] words of its command line
 * @param {number} [expected] the exit code
 */
async function runPlainly(folder, more = [], expected = 0) {
  const peak = ['--require', join(__dirname, 'run-peak.js')]
  const { elapsed, code } = await timed(folder, [process.execPath, ...peak, COMMAND, 'run', ...more])
  const output = readFileSync(join(folder, OUTPUT), 'utf8')
  if (code !== expected) throw new Error(`ephemeral-broker run ended with ${code}: ${output.slice(-2000)}`)
  return { elapsed, output, peak: Number(readFileSync(join(folder, PEAK), 'utf8')) }
}

/**
 * The same, but that its events are written down too.
 *
 * @param {string} folder
 * @param {number} [expected] the exit code
 */
async function runTests(folder, expected = 0) {
  const reporters = ['--reporter', 'list', '--reporter', `jsonl=${EVENTS}`]
  const run = await runPlainly(folder, reporters, expected)
  /** @type {RunEvent[]} */
  const events = readFileSync(join(folder, EVENTS), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  return { ...run, events }
}

/**
 * @template {RunEvent['type']} T
 * @param {RunEvent[]} events
 * @param {T} type
 * @returns {Array<Extract<RunEvent, { type: T }>>} those of it, in order
 */
const eventsOf = (events, type) => /** @type {any[]} */ (events.filter(event => event.type === type))

/**
 * From the start of the first test to the end of the last.
 *
 * @param {RunEvent[]} events
 * @returns {number} milliseconds
 */
const makespan = events => (eventsOf(events, 'testFinished').at(-1)?.at ?? Number.NaN) - eventsOf(events, 'testStarted')[0]?.at

/**
 * The same, where only a person was told.
 *
 * @param {string} output
 * @param {number} count of tests that are to have passed
 */
function checkSummary(output, count) {
  if (!output.replaceAll(',', '').includes(`${count} tests: ${count} passed`))
    throw new Error(`not all of ${count} tests passed: ${output.slice(-1000)}`)
}

/**
 * What is not so is no run to be measured.
 *
 * @param {RunEvent[]} events
 * @param {Partial<import('../../run.js').Counts>} expected
 */
function checkCounts(events, expected) {
  const [{ result }] = eventsOf(events, 'runFinished')
  for (const [status, count] of Object.entries(expected)) {
    const found = result.counts[/** @type {keyof import('../../run.js').Counts} */ (status)]
    if (found !== count) throw new Error(`${found} tests ${status}, not ${count}`)
  }
}

module.exports = { NOTHING, PEAK, checkCounts, checkSummary, configure, eventsOf, inFolder, makespan, runPlainly, runTests, timed }
