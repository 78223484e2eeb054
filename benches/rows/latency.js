// @ts-check
'use strict'

const { perRequest } = require('../lib/table')

/**
 * @param {string} operation
 * @param {string} title
 * @returns {import('.').Row}
 */
const row = (operation, title) => ({
  id: `${operation}, one at a time`,
  lines: [{ title: `${title}, one at a time, p50 / p99 (µs)`, cell: samples => perRequest(samples) }],

  async open({ client, scale }, peer) {
    const remote = await client(peer, 1)
    await remote.call('measure', 'latency', operation, scale.requests, 1000)
    return { remote }
  },
  measure: ({ remote }, { scale }) => remote.call('measure', 'latency', operation, scale.requests, 3000)
})

module.exports = [row('get', '`get`'), row('set', '`set`'), row('lease', '`lease` + `release`')]
