// @ts-check
'use strict'

const { execFile } = require('node:child_process')
const { join } = require('node:path')
const { promisify } = require('node:util')
const { manyTests, skewed, sleeping, writeInputs } = require('../lib/run-plans')
const {
  NOTHING,
  checkCounts,
  configure,
  eventsOf,
  checkSummary,
  inFolder,
  makespan,
  runPlainly,
  runTests,
  timed
} = require('../lib/run-tests')
const { median, figure } = require('../lib/table')

const SCRIPT = join(__dirname, '../lib/run-ready.js')
const WORKERS = 2
const COMPLAINT = 'cannot open the database'
/** Milliseconds until a server listens: not a multiple of how often one could look. */
const DELAYS = [0, 37, 73, 111, 148]

// Commands and figures of POSIX.
const fits = (/** @type {import('../peers').Peer} */ peer) => peer.name === 'ephemeral-broker' && process.platform !== 'win32'
const seconds = (/** @type {(sample: any) => number} */ pick) => (/** @type {any[]} */ samples) => figure(median(samples.map(pick)) / 1000)
const factor = (/** @type {(sample: any) => number} */ pick) => (/** @type {any[]} */ samples) => figure(median(samples.map(pick)))
const milliseconds = factor

/** @type {import('.').Row} */
const nothing = {
  id: 'run, tests that do nothing',
  fits,
  lines: ({ tests }) => [
    { title: `\`run\`, ${tests / 5} tests that do nothing, 2 workers, whole process (s)`, cell: seconds(each => each.whole) },
    { title: 'from the first test to the last (s)', cell: seconds(each => each.span) },
    { title: 'the same commands with `xargs -P2` (s)', cell: seconds(each => each.xargs) },
    { title: '`run`, whole process, in times of `xargs -P2`', cell: factor(each => each.whole / each.xargs) },
    { title: 'from the first test to the last, in times of `xargs -P2`', cell: factor(each => each.span / each.xargs) }
  ],

  measure: (_state, { scale }) =>
    inFolder(async folder => {
      const count = scale.tests / 5
      configure(folder, manyTests(NOTHING, count))
      const { elapsed, output } = await runPlainly(folder)
      checkSummary(output, count)
      const { events } = await runTests(folder)
      checkCounts(events, { passed: count })
      const names = Array.from({ length: count }, (_, index) => `test-${index}\n`).join('')
      const xargs = await timed(folder, ['xargs', `-P${WORKERS}`, '-n1', NOTHING], names)
      if (xargs.code !== 0) throw new Error(`xargs ended with ${xargs.code}`)
      return { whole: elapsed, span: makespan(events), xargs: xargs.elapsed }
    })
}

/** @type {import('.').Row} */
const order = {
  id: 'run, skewed durations',
  fits,
  rounds: scale => Math.min(scale.rounds, 3),
  lines: ({ tests }) => [
    {
      title: `\`run\`, ${tests / 50} skewed tests with recorded durations, in times of the least possible`,
      cell: factor(each => each.known / each.bound)
    },
    { title: 'the same without recorded durations', cell: factor(each => each.unknown / each.bound) }
  ],

  measure: (_state, { scale }) =>
    inFolder(async folder => {
      const durations = skewed(scale.tests / 50)
      configure(folder, sleeping(durations))
      const spans = []
      for (const _ of ['unknown', 'known']) {
        const { events } = await runTests(folder)
        checkCounts(events, { passed: durations.length })
        spans.push(makespan(events))
      }
      const bound = Math.max(...durations, durations.reduce((sum, each) => sum + each, 0) / WORKERS)
      return { unknown: spans[0], known: spans[1], bound }
    })
}

/** @type {import('.').Row} */
const cached = {
  id: 'run, all cached',
  fits,
  lines: ({ tests }) => [
    {
      title: `\`run\`, ${tests / 2} cached tests over ${tests / 5} input files, whole process (s)`,
      cell: seconds(each => each.whole)
    }
  ],

  measure: (_state, { scale }) =>
    inFolder(async folder => {
      const count = scale.tests / 2
      writeInputs(folder, scale.tests / 5)
      configure(folder, manyTests(NOTHING, count, { cache: { inputs: ['src/**'] } }))
      const first = await runTests(folder)
      checkCounts(first.events, { passed: count })
      const { elapsed, events } = await runTests(folder)
      checkCounts(events, { cached: count })
      return { whole: elapsed }
    })
}

/** @type {import('.').Row} */
const dead = {
  id: 'run, server that exits',
  fits,
  rounds: scale => scale.processes,
  lines: [
    { title: '`run`, a server that exits at once: from its start to the news (ms)', cell: milliseconds(each => each.told) },
    { title: 'from the command to the end of the run, with the output shown (ms)', cell: milliseconds(each => each.whole) }
  ],

  measure: () =>
    inFolder(async folder => {
      const server = { command: ['/bin/sh', '-c', `echo ${COMPLAINT} >&2; exit 3`], ready: '/health' }
      configure(folder, manyTests(NOTHING, 2, { workers: 1, server }))
      const { elapsed, output, events } = await runTests(folder, 3)
      const [started] = eventsOf(events, 'serverStarted')
      const [failed] = eventsOf(events, 'serverFailed')
      if (!failed.output.includes(COMPLAINT) || !output.includes(COMPLAINT)) throw new Error('the server’s output is not shown')
      return { told: failed.at - started.at, whole: elapsed }
    })
}

/** @type {import('.').Row} */
const ready = {
  id: 'run, readiness',
  fits,
  lines: [
    { title: '`run`, from a server’s first listening to the news, median (ms)', cell: milliseconds(each => median(each.delays)) },
    { title: 'the longest of five (ms)', cell: milliseconds(each => Math.max(...each.delays)) }
  ],

  measure: () =>
    inFolder(async folder => {
      const delays = []
      for (const delay of DELAYS) {
        const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, folder, NOTHING, String(delay)])
        delays.push(Number(stdout))
      }
      return { delays }
    })
}

/** @type {import('.').Row} */
const memory = {
  id: 'run, memory',
  fits,
  rounds: scale => Math.min(scale.rounds, 2),
  lines: ({ tests }) => [{ title: `\`run\`, the most memory that ${tests} tests take up (MB)`, cell: factor(each => each.peak / 1e6) }],

  measure: (_state, { scale }) =>
    inFolder(async folder => {
      configure(folder, manyTests(NOTHING, scale.tests))
      const { output, peak } = await runPlainly(folder)
      checkSummary(output, scale.tests)
      return { peak }
    })
}

module.exports = [nothing, order, cached, dead, ready, memory]
