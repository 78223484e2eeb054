// @ts-check
'use strict'

/** `list`: for people. On a terminal what runs now, with what needs attention above it; elsewhere a line for each test. */

const { span } = require('../../cli/text.js')
const { Lines } = require('./lines.js')
const { Progress: RunProgress } = require('./progress.js')
const { painter } = require('./style.js')
const { summary } = require('./summary.js')

/** @typedef {InstanceType<typeof import('./progress.js').Progress>} Progress */

/** Milliseconds without a line after which a run in CI says that it still goes on: where nothing is said, jobs are ended. */
const HEARTBEAT = 60_000

/** Where lines are only added. */
class Plain {
  #timer
  #written = 0

  /**
   * @param {NodeJS.WritableStream} stream
   * @param {Progress} progress
   * @param {boolean} beats
   */
  constructor(stream, progress, beats) {
    this.stream = stream
    if (beats) this.#timer = setInterval(() => this.#beat(progress), HEARTBEAT).unref()
  }

  /** @param {readonly string[]} lines */
  print(lines) {
    if (lines.length === 0) return
    this.#written++
    this.stream.write(`${lines.join('\n')}\n`)
  }

  touch() {}

  end() {
    clearInterval(this.#timer)
  }

  /** @param {Progress} progress */
  #beat({ counts, total, running, starting, now }) {
    if (this.#written > 0) {
      this.#written = 0
      return
    }
    const longest = [...running.values()].sort((a, b) => a.since - b.since).slice(0, 3)
    const what = longest.map(({ id, since }) => `${id} (${span(now - since)})`)
    if (running.size > longest.length) what.push(`${running.size - longest.length} more`)
    if (starting.size > 0) what.push(`${starting.size} of the workers starting`)
    this.stream.write(`still running: ${counts.total} of ${total} done${what.length > 0 ? `; ${what.join(', ')}` : ''}\n`)
  }
}

/**
 * @param {import('./index.js').Context} context
 * @param {Progress} progress
 */
function outputFor({ stream, terminal, env = process.env, verbosity }, progress) {
  if (!terminal.isTTY || verbosity === 'quiet') return new Plain(stream, progress, !terminal.isTTY && Boolean(env.CI))
  const { Live } = require('./live.js')
  const { view } = require('./view.js')
  const paint = painter(terminal.color)
  return new Live(stream, size => (progress.workers === 0 && progress.step === null ? [] : view(progress, size, paint)))
}

/**
 * @param {import('./index.js').Context} context
 * @returns {import('./index.js').Reporter}
 */
function create(context) {
  const progress = new RunProgress(context.now ?? (() => performance.now()))
  const lines = new Lines(context, { successes: !context.terminal.isTTY })
  const output = outputFor(context, progress)
  let dirs = false
  return {
    onEvent(event) {
      progress.take(event)
      if (event.type === 'workerReady') dirs = true
      output.print(lines.of(event))
      if (event.type === 'runFinished') output.end()
    },
    finish(result) {
      output.end()
      const newline = context.terminal.isTTY ? '\r\n' : '\n'
      context.stream.write(summary(result, context, { logs: progress.logs, dirs, stopping: progress.stopping }).join(newline) + newline)
    }
  }
}

module.exports = { create }
