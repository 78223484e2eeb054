// @ts-check
'use strict'

const { now } = require('../lib/sample')
const { median, rate } = require('../lib/table')

const WORKERS = 8
const IN_FLIGHT = 32

/** @type {import('.').Row} */
const row = {
  id: `get, ${WORKERS} processes`,
  lines: [
    {
      title: `${WORKERS} processes × ${IN_FLIGHT} in flight, total (1/s)`,
      cell: samples => rate(median(samples.map(sample => sample.total)))
    },
    { title: 'slowest / fastest of them', cell: samples => median(samples.map(sample => sample.fairness)).toFixed(2) }
  ],
  rounds: scale => Math.min(scale.rounds, 3),

  async measure(_state, { client, scale }, peer) {
    const remotes = await Promise.all(Array.from({ length: WORKERS }, () => client(peer, IN_FLIGHT)))
    await Promise.all(remotes.map(remote => remote.call('measure', 'throughput', IN_FLIGHT, scale.window / 2)))
    // All measure the same window of a clock that they share, and work a little before it and after it.
    const from = now() + 200_000
    const results = await Promise.all(
      remotes.map(remote => remote.call('measure', 'throughputWindow', IN_FLIGHT, from, from + scale.window * 3000))
    )
    await Promise.all(remotes.map(remote => remote.end()))
    const rates = results.map(result => result.rate)
    return { total: rates.reduce((sum, each) => sum + each, 0), fairness: Math.min(...rates) / Math.max(...rates) }
  }
}

module.exports = [row]
