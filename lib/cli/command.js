// @ts-check
'use strict'

/**
 * Runs the command of `start -- command` and `lock name -- command`, so that its end is the end of everything that it started.
 *
 * Where standard input is no terminal (CI, scripts), the command leads a process group of its own: a signal reaches all of it, and what is
 * left in it when the command has ended is ended too.
 *
 * At a terminal that would break more than it mends: a new session has no controlling terminal, so Ctrl-Z, `/dev/tty` (sudo, ssh), a shell's
 * job control and window changes would not work in the command. There it stays in our group, the terminal itself tells everybody of Ctrl-C,
 * and we must not tell the command a second time: test runners take a second SIGINT for "at once". What to do about Ctrl-C is then the
 * command's own business (a REPL goes on), so it is never killed for it.
 */

const { once } = require('node:events')
const { existsSync } = require('node:fs')
const { constants } = require('node:os')
const { setTimeout: sleep } = require('node:timers/promises')
const { ExitCode } = require('./output.js')
const { isGroupAlive, killTree, signalGroup, watch } = require('./processes.js')
const { forWindows } = require('./windows.js')

/**
 * `timeout`, npm and others send a signal to a process and to its group: we get it twice at once. What comes within this time (ms) is one
 * wish to stop, what comes later is somebody who has lost patience.
 */
const TOGETHER = 300

/** The longest time (ms) that a timer knows; beyond it, it fires at once. */
const LONGEST = 2 ** 31 - 1

/**
 * What a command runs within, a {@link import('../..').Broker} for one: it is there before the command starts and until it has ended.
 * @typedef {object} Frame
 * @property {(asked: AbortSignal) => Promise<unknown>} start may give up with the code `aborted` when it is asked to
 * @property {(command: string, args: string[], options: import('node:child_process').SpawnOptions) => import('node:child_process').ChildProcess} spawn
 * @property {() => Promise<unknown>} stop
 */

/**
 * Starts what the command needs, runs the command, and stops it.
 * @param {Frame} frame
 * @param {string[]} words the command and its arguments
 * @param {number} grace ms
 * @returns {Promise<number>} the exit code
 */
async function runCommand(frame, words, grace) {
  // Before anything is there that a signal would leave behind.
  const signals = catchSignals(grace)
  try {
    await frame.start(signals.asked).catch(error => {
      if (!signals.asked.aborted || error?.code !== 'aborted') throw error
    })
    const early = signals.first()
    return early ? ExitCode.SIGNAL + constants.signals[early] : await runWith(frame, words, grace, signals)
  } finally {
    await frame.stop()
    signals.off()
  }
}

/**
 * @param {Frame} frame
 * @param {string[]} words
 * @param {number} grace ms
 * @param {ReturnType<typeof catchSignals>} signals
 * @returns {Promise<number>} the exit code
 */
async function runWith(frame, words, grace, signals) {
  const windows = process.platform === 'win32'
  const terminal = windows || Boolean(process.stdin.isTTY)
  const { command, args, options } = windows ? forWindows(words) : { command: words[0], args: words.slice(1), options: {} }

  /** @type {import('node:child_process').ChildProcess} */
  let child
  try {
    child = frame.spawn(command, args, { ...options, detached: !terminal })
    await once(child, 'spawn')
  } catch (error) {
    throw cannotStart(words[0], /** @type {NodeJS.ErrnoException} */ (error))
  }
  /** @type {Promise<number>} */
  const ended = new Promise(resolve => {
    child.once('exit', (code, signal) => resolve(signal ? ExitCode.SIGNAL + constants.signals[signal] : Number(code)))
  })
  // From here on an error is a signal that could not be sent, because the command is another user's: it ends when it likes.
  child.on('error', () => {})

  const pid = /** @type {number} */ (child.pid)
  const unwatch = watch(terminal ? pid : -pid, grace)
  if (terminal) signals.passOn(signal => void (signal === 'SIGKILL' ? killTree(pid) : child.kill(signal)), { ctrlC: false })
  else signals.passOn(signal => void signalGroup(pid, signal), { ctrlC: true })
  const code = await ended
  if (!terminal) await endGroup(pid, grace)
  await unwatch()
  return code
}

/**
 * Catches the signals that ask to stop, to pass them on, and to kill on the second one or when the grace is over.
 * @param {number} grace ms
 */
function catchSignals(grace) {
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  /** @type {Set<NodeJS.Signals>} */
  const got = new Set()
  const asked = new AbortController()
  let firstAt = 0
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  /** @type {((signal: NodeJS.Signals) => void) | undefined} */
  let send
  let passCtrlC = true

  /** @param {NodeJS.Signals} signal */
  const handle = signal => {
    if (signal === 'SIGINT' && !passCtrlC) return
    firstAt ||= performance.now()
    if (performance.now() - firstAt > TOGETHER) return send?.('SIGKILL')
    if (got.has(signal)) return
    got.add(signal)
    asked.abort()
    send?.(signal)
    // SIGINT asks a runner to finish what it is at, which takes as long as it takes; only the others have a limit.
    if (signal !== 'SIGINT') timer ??= setTimeout(() => send?.('SIGKILL'), Math.min(grace, LONGEST))
  }
  for (const signal of signals) process.on(signal, handle)

  return {
    /** Aborted by the first that came. */
    asked: asked.signal,
    /** @returns {NodeJS.Signals | undefined} the first that came */
    first: () => got.values().next().value,
    /**
     * @param {(signal: NodeJS.Signals) => void} to
     * @param {{ ctrlC: boolean }} options whether SIGINT is passed on
     */
    passOn(to, { ctrlC }) {
      send = to
      passCtrlC = ctrlC
      for (const signal of got) send(signal)
    },
    off() {
      clearTimeout(timer)
      for (const signal of signals) process.off(signal, handle)
    }
  }
}

/**
 * Ends what the command left in the background. Others' children cannot be waited for, only asked about.
 * @param {number} pid
 * @param {number} grace ms
 */
async function endGroup(pid, grace) {
  if (!isGroupAlive(pid)) return
  signalGroup(pid, 'SIGTERM')
  const end = performance.now() + grace
  while (performance.now() < end) {
    await sleep(20)
    if (!isGroupAlive(pid)) return
  }
  signalGroup(pid, 'SIGKILL')
}

/**
 * @param {string} command
 * @param {NodeJS.ErrnoException} error
 */
function cannotStart(command, error) {
  if (error.code !== 'ENOENT') {
    const why = error.code === 'EACCES' ? 'it is not executable' : error.message
    return Object.assign(new Error(`cannot run "${command}": ${why}`), { code: 'not_executable' })
  }
  const script = command.includes('/') && existsSync(command)
  const why = script ? 'the interpreter that its first line names is missing' : 'there is no such command'
  return Object.assign(new Error(`cannot run "${command}": ${why}`), { code: 'command_not_found' })
}

module.exports = { runCommand }
