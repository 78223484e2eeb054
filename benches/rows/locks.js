// @ts-check
'use strict'

const { now } = require('../lib/sample')
const { median, figure, perRequest, rate } = require('../lib/table')

const WORKERS = 8
const MANY = 50
const FEW = 10
const GRANTS = 1000

const hasLocks = (/** @type {import('../peers').Peer} */ peer) => peer.locks === true
const isOurs = (/** @type {import('../peers').Peer} */ peer) => peer.name === 'ephemeral-broker'
const names = (/** @type {number} */ count) => Array.from({ length: count }, (_, index) => `lock-${index}`)

/**
 * Eight processes that all want the same locks, in a window of a clock that they share.
 *
 * @param {import('.').Context} context
 * @param {import('../peers').Peer} peer
 * @param {number} locks how many
 */
async function contend({ client, scale }, peer, locks) {
  const remotes = await Promise.all(Array.from({ length: WORKERS }, () => client(peer, locks)))
  await Promise.all(remotes.map(remote => remote.call('measure', 'lockRate', names(locks), scale.window / 4)))
  const roundTrip = await remotes[0].call('measure', 'roundTrip', scale.requests / 5)
  const from = now() + 100_000
  /** @type {number[][]} */
  const grants = await Promise.all(
    remotes.map(remote => remote.call('measure', 'lockWindow', names(locks), from, from + scale.window * 1000))
  )
  await Promise.all(remotes.map(remote => remote.end()))
  return { grants, roundTrip, seconds: scale.window / 1000 }
}

/**
 * From who gave the lock back, which he did as soon as he had it, to the next grant.
 *
 * @param {number[][]} grants of each process
 */
function handOvers(grants) {
  const turns = grants.flatMap((times, worker) => times.map(time => ({ time, worker }))).sort((a, b) => a.time - b.time)
  const spans = turns.slice(1).map(({ time }, index) => time - turns[index].time)
  const toOthers = turns.slice(1).filter(({ worker }, index) => worker !== turns[index].worker).length
  return { p50: spans.length > 0 ? median(spans) : Number.NaN, toOthers }
}

/** @type {import('.').Row} */
const oneLock = {
  id: `one lock, ${WORKERS} processes`,
  lines: [
    {
      title: `\`lock\` + \`release\`, ${WORKERS} processes on one name, total (1/s)`,
      cell: samples => rate(median(samples.map(each => each.rate)))
    },
    { title: 'of these, after another process (1/s)', cell: samples => rate(median(samples.map(each => each.toOthers))) },
    { title: 'from one’s release to the next one’s grant, p50 (µs)', cell: samples => median(samples.map(each => each.p50)).toFixed(0) },
    {
      title: 'the same, in round trips of the same run',
      cell: samples => (samples.some(each => each.roundTrip === undefined) ? '–' : figure(median(samples.map(each => each.trips))))
    }
  ],
  fits: hasLocks,
  rounds: scale => Math.min(scale.rounds, 3),

  async measure(_state, context, peer) {
    const { grants, roundTrip, seconds } = await contend(context, peer, 1)
    const { p50, toOthers } = handOvers(grants)
    return { rate: grants.flat().length / seconds, toOthers: toOthers / seconds, p50, roundTrip, trips: p50 / roundTrip }
  }
}

/** @type {import('.').Row} */
const manyLocks = {
  id: `${MANY} locks, ${WORKERS} processes`,
  lines: [
    {
      title: `\`lock\` + \`release\`, ${WORKERS} processes on the same ${MANY} names, total (1/s)`,
      cell: samples => rate(median(samples.map(each => each.rate)))
    }
  ],
  fits: hasLocks,
  rounds: scale => Math.min(scale.rounds, 3),

  async measure(_state, context, peer) {
    const { grants, seconds } = await contend(context, peer, MANY)
    return { rate: grants.flat().length / seconds }
  }
}

/** @type {import('.').Row} */
const alone = {
  id: 'lock, one at a time',
  lines: [{ title: '`lock` + `release`, one at a time, p50 / p99 (µs)', cell: samples => perRequest(samples) }],
  fits: hasLocks,

  async open({ client, scale }, peer) {
    const remote = await client(peer, 1)
    await remote.call('measure', 'latency', 'lock', scale.requests, 1000)
    return { remote }
  },
  measure: ({ remote }, { scale }) => remote.call('measure', 'latency', 'lock', scale.requests, 3000)
}

/** @type {import('.').Row} */
const manyAlone = {
  id: `${MANY} locks, one process`,
  lines: [
    {
      title: `\`lock\` + \`release\`, one process, ${MANY} names at once (1/s)`,
      cell: samples => rate(median(samples.map(sample => sample.rate)))
    }
  ],
  fits: hasLocks,

  async open({ client, scale }, peer) {
    const remote = await client(peer, MANY)
    await remote.call('measure', 'lockRate', names(MANY), scale.window / 2)
    return { remote }
  },
  measure: ({ remote }, { scale }) => remote.call('measure', 'lockRate', names(MANY), scale.window)
}

/** @type {import('.').Row} */
const killed = {
  id: 'lock, holder killed',
  lines: [
    { title: 'SIGKILL of the holder to the next one’s grant (µs)', cell: samples => median(samples.map(each => each.granted)).toFixed(0) },
    { title: 'the same, in round trips of the same run', cell: samples => figure(median(samples.map(each => each.trips))) },
    { title: 'of these, until the system has closed its sockets', cell: samples => figure(median(samples.map(each => each.closing))) }
  ],
  fits: isOurs,

  async measure(_state, { client, scale }, peer) {
    const waiter = await client(peer, 1)
    const roundTrip = await waiter.call('measure', 'roundTrip', scale.requests / 5)
    /** @type {Array<{ granted: number, closed: number }>} */
    const spans = []
    for (let i = 0; i < scale.kills; i++) {
      const holder = await client(peer, 1)
      await holder.call('measure', 'hold', 'estate')
      await holder.call('measure', 'tie', await waiter.call('measure', 'waitForHolder', 'estate'))
      const start = now()
      process.kill(holder.pid, 'SIGKILL')
      const { granted, closed } = await waiter.call('measure', 'afterHolder')
      spans.push({ granted: granted - start, closed: closed - start })
    }
    await waiter.end()
    const [granted, closed] = [median(spans.map(each => each.granted)), median(spans.map(each => each.closed))]
    return { granted, trips: granted / roundTrip, closing: closed / roundTrip }
  }
}

/** @type {import('.').Row} */
const crowded = {
  id: 'lock, crowded',
  lines: scale => [
    {
      title: `release to the next grant, ${FEW} wait / ${scale.waiters} wait, p50 (µs)`,
      cell: samples => [median(samples.map(each => each.few)), median(samples.map(each => each.many))].map(figure).join(' / ')
    }
  ],
  fits: isOurs,

  async measure(_state, { client, scale }, peer) {
    const remote = await client(peer, 1)
    // Both a second time, after a first that warms up.
    await remote.call('measure', 'crowd', FEW, GRANTS)
    const few = (await remote.call('measure', 'crowd', FEW, GRANTS)).p50
    const many = (await remote.call('measure', 'crowd', scale.waiters, GRANTS)).p50
    await remote.end()
    return { few, many }
  }
}

module.exports = [alone, manyAlone, oneLock, manyLocks, killed, crowded]
