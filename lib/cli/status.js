// @ts-check
'use strict'

/** `status`: what goes on in a broker, once or again and again. */

const { setTimeout: sleep } = require('node:timers/promises')
const { addClientOptions, withClient } = require('./client.js')
const { linesOf } = require('./inspection.js')
const { ExitCode, printHint, printResult } = require('./output.js')
const { Screen } = require('./screen.js')
const { harmless, span } = require('./text.js')
const { UsageError, wholeNumber } = require('./values.js')

const MORE = `
With --watch, at a terminal: one view that redraws in place, until Ctrl-C or
until the broker is gone. Elsewhere: a snapshot each interval; with --json a
line of JSON each.

Examples:
  $ ephemeral-broker status
  $ ephemeral-broker status --watch --interval 200
  $ ephemeral-broker status --json | jq '.pools[] | select(.waiting > 0)'`

/**
 * @typedef {import('../..').Client} Client
 * @typedef {import('../..').Inspection} Inspection
 * @typedef {import('./output.js').Context} Context
 * @typedef {{ show: (inspection: Inspection) => void, note: (text: string) => void, end: () => void }} View
 */

/** Codes of a broker that is there but does not answer now. */
const LATER = new Set(['draining', 'timeout'])

/** Codes of a broker that was there and is gone. */
const GONE = new Set(['broker_unreachable', 'connection_closed'])

/** How long it may take (ms) until it shows that the broker is gone, where the interval is longer. */
const LOOK = 200

/** The longest time (ms) that a timer knows. */
const LONGEST = 2 ** 31 - 1

/**
 * @param {import('commander').Command} program
 * @param {Context} context
 */
function addStatus(program, context) {
  const command = program
    .command('status')
    .description('show who is connected, what each holds and waits for, and how full pools and queues are')
    .option('--watch', 'show it again and again')
    .option('--interval <ms>', 'with --watch: how often, in milliseconds (default: 1000)', wholeNumber(1, 'milliseconds'))
  addClientOptions(command)
  command.addHelpText('after', MORE).action(async () => {
    const options = { ...program.opts(), ...command.opts() }
    context.json = Boolean(options.json)
    if (options.interval !== undefined && !options.watch) throw new UsageError('--interval goes with --watch')
    const interval = Math.min(options.interval ?? 1000, LONGEST)
    process.exitCode = await withClient(options, client => (options.watch ? watch(client, interval, context) : printOnce(client, context)))
  })
}

/**
 * Without the session of this process, which comes and goes with the look.
 * @param {Client} client
 * @returns {Promise<Inspection>}
 */
async function inspect(client) {
  const inspection = await client.inspect()
  return { ...inspection, sessions: inspection.sessions.filter(({ session }) => session !== inspection.self) }
}

/**
 * @param {Client} client
 * @param {Context} context
 */
async function printOnce(client, context) {
  const inspection = await inspect(client)
  printResult(context.json ? inspection : linesOf(inspection).join('\n'), context)
  return ExitCode.OK
}

/**
 * @param {Client} client
 * @param {number} interval ms
 * @param {Context} context
 */
async function watch(client, interval, context) {
  // Whether there is a broker at all is to be known before the screen is taken.
  const first = await inspect(client)
  const pause = pauses()
  const view = process.stdout.isTTY && !context.json ? terminalView(client.pipe, interval, pause.ended) : streamView(context)
  view.show(first)
  let gone = false
  while (!gone && !pause.ended.aborted) {
    const next = performance.now() + interval
    // A connection that was lost would be made anew, and the broker waited for.
    do await pause.sleep(Math.min(next - performance.now(), LOOK))
    while (client.connected && performance.now() < next && !pause.ended.aborted)
    if (pause.ended.aborted) break
    gone = !client.connected || !(await look(client, view))
  }
  pause.off()
  view.end()
  if (gone) printHint('The broker is gone.')
  return ExitCode.OK
}

/**
 * @param {Client} client
 * @param {View} view
 * @returns {Promise<boolean>} whether the broker is still there
 */
async function look(client, view) {
  try {
    view.show(await inspect(client))
  } catch (error) {
    const { code, message } = /** @type {import('../..').BrokerError} */ (error)
    if (GONE.has(code)) return false
    if (!LATER.has(code)) {
      view.end()
      throw error
    }
    view.note(message)
  }
  return true
}

/** Sleep that ends when somebody has seen enough: signals, or a reader that went away. */
function pauses() {
  const enough = new AbortController()
  const end = () => enough.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, end)
  process.stdout.on('error', end)
  return {
    ended: enough.signal,
    /** @param {number} ms */
    sleep: ms => sleep(ms, undefined, { signal: enough.signal }).catch(() => {}),
    off() {
      for (const signal of signals) process.off(signal, end)
    }
  }
}

/**
 * @param {string} pipe
 * @param {number} interval ms
 * @param {AbortSignal} ended
 * @returns {View}
 */
function terminalView(pipe, interval, ended) {
  const screen = new Screen(process.stdout)
  /** @type {string[]} */
  let body = []
  /** @param {string} note */
  const draw = note => screen.draw([`${time()}  every ${span(interval)}  ${harmless(pipe)}`, harmless(note), ...body])
  // Ctrl-Z: the shell gets its own screen back meanwhile.
  process.on('SIGTSTP', () => {
    screen.leave()
    process.kill(process.pid, 'SIGSTOP')
  })
  process.on('SIGCONT', () => {
    if (!ended.aborted) screen.enter()
  })
  screen.enter()
  return {
    show(inspection) {
      body = linesOf(inspection)
      draw('')
    },
    note: draw,
    end: () => screen.leave()
  }
}

/**
 * @param {Context} context
 * @returns {View}
 */
function streamView(context) {
  return {
    show: inspection => printResult(context.json ? inspection : [`-- ${time()}`, ...linesOf(inspection), ''].join('\n'), context),
    note: text => printHint(harmless(text)),
    end() {}
  }
}

/** Of the day, here. */
const time = () => new Date().toTimeString().slice(0, 8)

module.exports = { addStatus }
