// @ts-check
'use strict'

/** `dot`: a character for each test, then the summary. */

const { Lines } = require('./lines.js')
const { painter } = require('./style.js')
const { summary } = require('./summary.js')
const { BAD, STATUS, failure } = require('./words.js')

/** @type {Record<import('../../../run.js').TestStatus, string>} */
const CHARACTERS = { passed: '.', flaky: '±', skipped: 's', cached: 'c', failed: 'F', timed_out: 'T', error: 'E', not_run: '-' }

/** How many in a line, at most. */
const WIDTH = 80

/**
 * @param {import('./index.js').Context} context
 * @returns {import('./index.js').Reporter}
 */
function create(context) {
  const { stream, terminal, cwd } = context
  const paint = painter(terminal.color)
  const lines = new Lines(context, { successes: false })
  const width = Math.min(terminal.columns || WIDTH, WIDTH)
  let column = 0
  let logs = ''
  let dirs = false
  /** @type {string | null} */
  let stopping = null

  const newline = () => {
    if (column > 0) stream.write('\n')
    column = 0
  }
  /** @param {readonly string[]} said */
  const interrupt = said => {
    if (said.length === 0) return
    newline()
    stream.write(`${said.join('\n')}\n`)
  }

  return {
    onEvent(event) {
      if (event.type === 'runStarted') logs = event.logs
      if (event.type === 'workerReady') dirs = true
      if (event.type === 'stopping') stopping = event.reason
      if (event.type === 'testFinished') {
        const { status } = event.result
        stream.write(paint(STATUS[status].style, CHARACTERS[status]))
        column++
        if (BAD.includes(status)) interrupt(failure(event.result, { paint, color: terminal.color, cwd }))
        else if (column >= width) newline()
      } else if (event.type !== 'attemptFinished' || context.streamOutput) interrupt(lines.of(event))
    },
    finish(result) {
      interrupt(summary(result, context, { logs, dirs, stopping }))
    }
  }
}

module.exports = { create }
