// @ts-check
'use strict'

const { median, figure } = require('../lib/table')

const INTERVAL = 3000

/** @type {import('.').Row} */
const row = {
  id: 'host loop blocked',
  lines: [
    {
      title: 'one every 3 ms, host loop blocked 190 of 200 ms, p50 / p99 (ms)',
      cell: samples =>
        `${figure(median(samples.map(sample => sample.blocked.p50)) / 1000)} / ${figure(median(samples.map(sample => sample.blocked.p99)) / 1000)}`
    },
    { title: 'the same, host loop free, p99 (ms)', cell: samples => figure(median(samples.map(sample => sample.free.p99)) / 1000) }
  ],
  // A server that is a process of its own, or the floor, has no host whose loop could be blocked.
  fits: peer => peer.inHost === true,

  async open({ server, client, scale }, peer) {
    const host = await server(peer)
    const remote = await client(peer, 1, host)
    await remote.call('measure', 'openLoop', INTERVAL, scale.openLoop / 4)
    return { host, remote }
  },
  async measure({ host, remote }, { scale }) {
    const free = await remote.call('measure', 'openLoop', INTERVAL, scale.openLoop)
    await host.call('block', true)
    const blocked = await remote.call('measure', 'openLoop', INTERVAL, scale.openLoop)
    await host.call('block', false)
    return { free, blocked }
  }
}

module.exports = [row]
