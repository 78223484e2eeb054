// @ts-check
'use strict'

const { median, rate } = require('../lib/table')

/**
 * @param {number} inFlight
 * @returns {import('.').Row}
 */
const row = inFlight => ({
  id: `get, ${inFlight} in flight`,
  lines: [
    {
      title: `\`get\`, ${inFlight} in flight (1/s)`,
      cell: samples =>
        rate(median(samples.map(sample => sample.rate))) + (samples.some(sample => sample.failed > 0) ? ' (some failed)' : '')
    }
  ],

  async open({ client, scale }, peer) {
    const remote = await client(peer, inFlight)
    await remote.call('measure', 'throughput', inFlight, scale.window)
    return { remote }
  },
  measure: ({ remote }, { scale }) => remote.call('measure', 'throughput', inFlight, scale.window)
})

module.exports = [row(50), row(1000)]
