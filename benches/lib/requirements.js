// @ts-check
'use strict'

const { median, figure } = require('./table')

const OURS = 'ephemeral-broker'
const CORE = '@ephemeral-broker/core'
const GET = 'get, one at a time'
const FEWER = 'get, 50 in flight'
const BULK = 'get, 1000 in flight'
const PROCESSES = 'get, 8 processes'
const LOCKFILE = 'proper-lockfile'
const ONE_LOCK = 'one lock, 8 processes'
const LOCKS = '50 locks, 8 processes'
const OWN_LOCKS = '50 locks, one process'

/** @typedef {Map<string, Map<string, any[]>>} Results of each row: of each peer, its rounds' samples */

/**
 * The median of a quotient that is taken round by round: the two were measured within seconds of each other.
 *
 * @param {any[]} above
 * @param {any[]} below
 * @param {(sample: any) => number} pick
 */
const quotient = (above, below, pick) => median(above.map((sample, round) => pick(sample) / pick(below[round])))

/**
 * @param {string} row
 * @param {string} peer
 * @param {(sample: any) => number} pick
 * @returns {(results: Results) => number | undefined}
 */
const against = (row, peer, pick) => results => {
  const [ours, theirs] = [results.get(row)?.get(OURS), results.get(row)?.get(peer)]
  return ours && theirs && quotient(ours, theirs, pick)
}

/**
 * @param {string} row
 * @param {(sample: any) => number} pick
 * @returns {(results: Results) => number | undefined}
 */
const own = (row, pick) => results => {
  const samples = results.get(row)?.get(OURS)
  return samples && median(samples.map(pick))
}

/**
 * Against a peer that breaks under 1000 at once: what it reaches with 50, where that is more.
 *
 * @param {Results} results
 */
const bulkAgainstCore = results => {
  const factors = [BULK, FEWER].map(row => {
    const [ours, theirs] = [results.get(BULK)?.get(OURS), results.get(row)?.get(CORE)]
    return ours && theirs && quotient(ours, theirs, rate)
  })
  const known = factors.filter(factor => factor !== undefined)
  return known.length > 0 ? Math.min(...known) : undefined
}

const rate = (/** @type {any} */ sample) => sample.rate
const p50 = (/** @type {any} */ sample) => sample.p50

/** @type {Array<{ name: string, measured: (results: Results) => number | undefined, unit: string, least?: number, most?: number }>} */
const requirements = [
  { name: 'get, 1000 in flight, against ioredis', measured: against(BULK, 'ioredis', rate), unit: '×', least: 3 },
  { name: 'get, 1000 in flight, against @ephemeral-broker/core', measured: bulkAgainstCore, unit: '×', least: 25 },
  { name: 'get one at a time, p50, against ioredis', measured: against(GET, 'ioredis', p50), unit: '×', most: 1 },
  { name: 'get one at a time, p50, against node:net echo', measured: against(GET, 'node:net echo', p50), unit: '×', most: 1.25 },
  {
    name: '8 processes × 32 in flight, total, against ioredis',
    measured: against(PROCESSES, 'ioredis', each => each.total),
    unit: '×',
    least: 2
  },
  { name: '8 processes, slowest worker against fastest', measured: own(PROCESSES, each => each.fairness), unit: '×', least: 0.7 },
  {
    name: 'host loop blocked, p99, against free',
    measured: own('host loop blocked', each => each.blocked.p99 / each.free.p99),
    unit: '×',
    most: 3
  },
  { name: 'adding a key at 1 M, rate against 1 k', measured: own('million', each => each.many / each.few), unit: '×', least: 0.7 },
  { name: 'memory over key and value per item', measured: own('million', each => each.weight.resident), unit: ' bytes', most: 130 },
  { name: 'lease + release, p50, against ioredis', measured: against('lease, one at a time', 'ioredis', p50), unit: '×', most: 0.8 },
  { name: 'lock + release, p50, against ioredis', measured: against('lock, one at a time', 'ioredis', p50), unit: '×', most: 1 },
  { name: 'one lock, 8 processes, total, against ioredis', measured: against(ONE_LOCK, 'ioredis', rate), unit: '×', least: 1 },
  { name: '50 locks, 8 processes, total, against ioredis', measured: against(LOCKS, 'ioredis', rate), unit: '×', least: 1 },
  { name: '50 locks, 8 processes, total, against proper-lockfile', measured: against(LOCKS, LOCKFILE, rate), unit: '×', least: 20 },
  { name: '50 locks, one process, against ioredis', measured: against(OWN_LOCKS, 'ioredis', rate), unit: '×', least: 1 },
  { name: '50 locks, one process, against proper-lockfile', measured: against(OWN_LOCKS, LOCKFILE, rate), unit: '×', least: 20 },
  { name: 'hand-over of a lock between 8 processes, p50', measured: own(ONE_LOCK, each => each.trips), unit: ' round trips', most: 3 },
  {
    name: 'grant with 100,000 that wait, p50, against 10',
    measured: own('lock, crowded', each => each.many / each.few),
    unit: '×',
    most: 1.25
  },
  {
    name: 'shared worker: message and reply, p50, against a get',
    measured: own('shared workers', each => each.p50 / each.get),
    unit: '×',
    most: 2.5
  },
  { name: 'shared worker: messages, against AVA', measured: against('shared workers', 'AVA', rate), unit: '×', least: 1 },
  { name: 'message and reply, p50, against get', measured: own('message and reply', each => each.p50 / each.get), unit: '×', most: 2.5 },
  ...['Jest', 'Vitest'].map(runner => ({
    name: `50 empty test files in ${runner}, with the integration against without`,
    measured: own(`integration, ${runner}`, each => each.with / each.without),
    unit: '×',
    most: 1.03
  })),
  { name: 'require', measured: own('startup, `require`', each => each.elapsed), unit: ' ms', most: 10 },
  { name: 'start()', measured: own('startup, `start()`', each => each.elapsed), unit: ' ms', most: 5 },
  { name: 'connect + first get', measured: own('startup, connect + first `get`', each => each.elapsed), unit: ' ms', most: 3 },
  {
    name: 'run, tests that do nothing, whole process, against xargs -P2',
    measured: own('run, tests that do nothing', each => each.whole / each.xargs),
    unit: '×',
    most: 1.5
  },
  {
    name: 'run, skewed tests, makespan, against the least possible',
    measured: own('run, skewed durations', each => each.known / each.bound),
    unit: '×',
    most: 1.05
  },
  { name: 'run, all cached, whole process', measured: own('run, all cached', each => each.whole / 1000), unit: ' s', most: 0.5 },
  {
    name: 'run, server that exits at once, whole process',
    measured: own('run, server that exits', each => each.whole / 1000),
    unit: ' s',
    most: 0.5
  },
  {
    name: 'run, readiness after listening, longest of five',
    measured: own('run, readiness', each => Math.max(...each.delays)),
    unit: ' ms',
    most: 100
  },
  { name: 'run, memory', measured: own('run, memory', each => each.peak / 1e6), unit: ' MB', most: 100 }
]

/**
 * @param {Results} results
 * @returns {string[]} a line for each requirement of which both sides were measured
 */
function judge(results) {
  return requirements.flatMap(({ name, measured, unit, least, most }) => {
    const value = measured(results)
    if (value === undefined) return []
    const ok = least === undefined ? value <= /** @type {number} */ (most) : value >= least
    return `${name}: ${figure(value)}${unit} (required ${least === undefined ? `≤ ${most}` : `≥ ${least}`}${unit}) ${ok ? 'ok' : 'MISSED'}`
  })
}

module.exports = { judge }
