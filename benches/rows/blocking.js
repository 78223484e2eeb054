// @ts-check
'use strict'

const { perRequest } = require('../lib/table')

/** @type {import('.').Row} */
const row = {
  id: 'getSync',
  lines: [{ title: '`getSync`, one at a time, p50 / p99 (µs)', cell: samples => perRequest(samples) }],
  fits: peer => peer.name === 'ephemeral-broker',

  async open({ client, scale }, peer) {
    const remote = await client(peer, 1)
    await remote.call('measure', 'blockingLatency', scale.requests)
    return { remote }
  },
  measure: ({ remote }, { scale }) => remote.call('measure', 'blockingLatency', scale.requests)
}

module.exports = [row]
