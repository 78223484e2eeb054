// @ts-check
'use strict'

/** The real command, in a process of its own, with a folder for temporary files that nobody else uses. */

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { gone } = require('./traces.js')

const BIN = path.join(__dirname, '..', '..', 'bin', 'ephemeral-broker.js')
/** No run here takes longer (ms). */
const LIMIT = 30_000

let marks = 0

/** @typedef {ReturnType<typeof import('./project.js').makeProject>} Project */

/**
 * @param {Project} project
 * @param {{ args?: string[], env?: Record<string, string>, command?: string[], stdio?: import('node:child_process').StdioOptions }} [how]
 */
function start(project, { args = [], env = {}, command = [process.execPath, BIN, 'run'], stdio = ['ignore', 'pipe', 'pipe'] } = {}) {
  // A number of seconds for `sleep` that no other process on this machine has.
  const mark = `300.${process.pid}${String(++marks).padStart(4, '0')}`
  const tmp = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'st-')))
  const own = Object.entries(process.env).filter(([name]) => !/^(EPHEMERAL_|NODE_TEST_CONTEXT$|CI$)/.test(name))
  const all = { ...Object.fromEntries(own), ROOT: project.root, MARK: mark, TMPDIR: tmp, NO_COLOR: '1', ...env }
  const child = spawn(command[0], [...command.slice(1), ...args], { cwd: project.root, env: all, stdio })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve({ code, signal })))
  /** @type {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} */
  const exit = within(ended, () => `the run did not end in ${LIMIT} ms:\n${output}`)
  exit.catch(() => child.kill('SIGKILL'))
  return {
    child,
    mark,
    tmp,
    exit,
    output: () => output,
    /** Until a script says that it was reached. @param {string | RegExp} phase */
    reached: phase => until(() => project.phases().some(each => each.match(phase)), `${phase} was not reached:\n${output}`, exit),
    /** Until it has written such a text. @param {RegExp} text */
    said: text =>
      until(
        () => text.test(output),
        `${text} was not said`,
        exit,
        () => output
      ),
    /** Nothing is left of it; the time that took. */
    async gone() {
      const took = await gone({ mark, tmp, ports: project.ports })
      fs.rmSync(tmp, { recursive: true, force: true })
      return took
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {() => string} message
 * @returns {Promise<T>}
 */
async function within(promise, message) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), LIMIT)
  })
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, late]))
  } finally {
    clearTimeout(timer)
  }
}

/**
 * @param {() => boolean} holds
 * @param {string} message
 * @param {Promise<unknown>} [end] after which it never will
 * @param {() => string} [more]
 */
async function until(holds, message, end, more = () => '') {
  let over = false
  end?.then(
    () => (over = true),
    () => (over = true)
  )
  const deadline = performance.now() + LIMIT
  while (!holds()) {
    if ((over && !holds()) || performance.now() > deadline) throw new Error(`${message}\n${more()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

module.exports = { BIN, start, until }
