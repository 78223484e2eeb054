// @ts-check
'use strict'

/** The lines that stay, event by event. */

const { harmless, span } = require('../../cli/text.js')
const { harmlessLine, painter, shown } = require('./style.js')
const { BAD, STATUS, details, failure, framed, line, nameOf, reasonOf } = require('./words.js')

/**
 * @typedef {import('../../../run.js').RunEvent} RunEvent
 * @typedef {import('../../../run.js').TestResult} TestResult
 * @typedef {import('./index.js').Context} Context
 */

/** @template {RunEvent['type']} T @typedef {Extract<RunEvent, { type: T }>} Of */

class Lines {
  /** What tests wrote since their last newline, with `--stream`. @type {Map<string, { worker: number, id: string, rest: string }>} */
  #open = new Map()

  /**
   * @param {Context} context
   * @param {{ successes: boolean }} options whether tests that need no attention have a line
   */
  constructor(context, { successes }) {
    this.context = context
    this.successes = successes || context.verbosity === 'verbose' || context.explain
    this.paint = painter(context.terminal.color)
    this.words = { paint: this.paint, color: context.terminal.color, cwd: context.cwd }
  }

  /**
   * @param {RunEvent} event
   * @returns {string[]}
   */
  of(event) {
    switch (event.type) {
      case 'testFinished':
        return this.#finished(event.result)
      case 'attemptFinished':
        return this.#attempt(event)
      case 'testOutput':
        return this.context.streamOutput ? this.#output(event) : []
      case 'serverFailed':
        return this.#serverFailed(event)
      case 'workerLost':
        return this.#unlessQuiet('LOST', 'yellow', `worker ${event.worker}: ${harmless(event.reason)}${event.replaced ? ', replaced' : ''}`)
      case 'setupFinished':
        return event.error === null ? this.#life(event) : this.#setupFailed(event.error)
      case 'testSlow':
        return this.#unlessQuiet('SLOW', 'yellow', `${harmless(event.id)} (runs for ${span(event.duration)}, limit ${span(event.timeout)})`)
      case 'stopping':
        return this.#unlessQuiet('STOP', 'yellow', harmless(event.reason))
      default:
        return this.#life(event)
    }
  }

  /**
   * @param {string} label
   * @param {import('./style.js').Style} style
   * @param {string} text
   */
  #unlessQuiet(label, style, text) {
    return this.context.verbosity === 'quiet' ? [] : [line(label, style, null, text, this.paint)]
  }

  /** @param {TestResult} test */
  #finished(test) {
    const { status } = test
    if (BAD.includes(status)) return failure(test, this.words)
    // There may be thousands of them: the summary counts them.
    const counted = status === 'not_run' || status === 'cached'
    const calm = status === 'passed' || status === 'skipped' || counted
    const leaked = test.attempts.some(attempt => attempt.leaked)
    if (this.context.verbosity === 'quiet') return []
    if (calm && !leaked && (!this.successes || (counted && this.context.verbosity !== 'verbose'))) return []
    const { label, style } = STATUS[status]
    const notes = []
    if (status !== 'passed') notes.push(status === 'flaky' ? `passed at attempt ${test.attempts.length}` : reasonOf(test))
    if (leaked) notes.push('left processes behind')
    if (test.why !== null && (this.context.verbosity === 'verbose' || this.context.explain)) notes.push(harmless(test.why))
    const said = notes.filter(Boolean).join('; ')
    return [line(label, style, test.duration, nameOf(test) + (said === '' ? '' : this.paint('dim', ` (${said})`)), this.paint)]
  }

  /** @param {Of<'attemptFinished'>} event */
  #attempt({ id, result, retryIn }) {
    const lines = this.context.streamOutput ? this.#rest(`${result.attempt} ${id}`) : []
    if (retryIn === null || result.status === 'passed' || this.context.verbosity === 'quiet') return lines
    const when = retryIn > 0 ? `again in ${span(retryIn)}` : 'again'
    const log = result.log === null ? '' : `; ${shown(result.log, this.context.cwd)}`
    const text = `${harmless(id)} (attempt ${result.attempt}: ${harmless(result.reason ?? result.status)}, ${when}${log})`
    lines.push(line('RETRY', 'yellow', result.duration, text, this.paint))
    if (this.context.verbosity === 'verbose') lines.push(...details(result, this.words))
    return lines
  }

  /** @param {Of<'testOutput'>} event */
  #output({ id, worker, attempt, text }) {
    const key = `${attempt} ${id}`
    const lines = ((this.#open.get(key)?.rest ?? '') + text).split('\n')
    const rest = /** @type {string} */ (lines.pop())
    if (rest === '') this.#open.delete(key)
    else this.#open.set(key, { worker, id, rest })
    return lines.map(each => this.#streamed(worker, id, each))
  }

  /** @param {string} key an attempt that is over: what it wrote without a newline */
  #rest(key) {
    const open = this.#open.get(key)
    this.#open.delete(key)
    return open === undefined ? [] : [this.#streamed(open.worker, open.id, open.rest)]
  }

  /**
   * @param {number} worker
   * @param {string} id
   * @param {string} text
   */
  #streamed(worker, id, text) {
    return `${this.paint('dim', `[worker ${worker} ${harmless(id)}]`)} ${harmlessLine(text, this.context.terminal.color)}`
  }

  /** @param {Of<'serverFailed'>} event */
  #serverFailed({ server, worker, reason, output, log, restarting }) {
    const where = worker === null ? '' : ` of worker ${worker}`
    const text = `${harmless(server)}${where}: ${harmless(reason)}${restarting ? ', started again' : ''}`
    if (restarting && this.context.verbosity !== 'verbose') return this.#unlessQuiet('SERVER', 'yellow', text)
    const lines = [line('SERVER', 'red', null, text, this.paint)]
    if (output.trim() !== '') lines.push(...framed('output', { output, log }, this.words))
    return [...lines, '']
  }

  /** @param {import('../../../run.js').RunError} error */
  #setupFailed({ message, output, log }) {
    const lines = [line('ERROR', 'red', null, harmless(message), this.paint)]
    if (output?.trim()) lines.push(...framed('output', { output, log }, this.words))
    return [...lines, '']
  }

  /**
   * Workers and servers come and go: only told to those who asked.
   * @param {RunEvent} event
   */
  #life(event) {
    if (this.context.verbosity !== 'verbose') return []
    const text = told(event)
    return text === null ? [] : [line('', 'plain', null, this.paint('dim', text), this.paint)]
  }
}

/**
 * @param {RunEvent} event
 * @returns {string | null}
 */
function told(event) {
  const of = (/** @type {number | null} */ worker) => (worker === null ? '' : ` of worker ${worker}`)
  switch (event.type) {
    case 'setupFinished':
      return `${event.step}${of(event.worker)} done in ${span(event.duration)}`
    case 'workerReady':
      return `worker ${event.worker} ready in ${span(event.duration)}${event.url === null ? '' : `, ${harmless(event.url)}`}, ${harmless(event.dir)}`
    case 'serverStarted':
      return `${harmless(event.server)}${of(event.worker)} started, pid ${event.pid}${event.port === null ? '' : `, port ${event.port}`}`
    case 'serverReady':
      return `${harmless(event.server)}${of(event.worker)} ready in ${span(event.duration)}`
    case 'serverStopped':
      return `${harmless(event.server)}${of(event.worker)} stopped`
    case 'waited':
      return `${event.id === null ? 'the run' : harmless(event.id)} waited ${span(event.duration)} for ${harmless(event.resource)}`
    default:
      return null
  }
}

module.exports = { Lines }
