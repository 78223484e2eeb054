// @ts-check
'use strict'

const { ITEM_BYTES } = require('../lib/data')
const { median, rate, count } = require('../lib/table')

const FEW = 1000
const ADDED = 10_000

/** @param {import('../peers').Peer} peer */
const inFlight = peer => peer.mostInFlight ?? 1000

/**
 * What each item takes beyond its key and its value, after garbage collection.
 *
 * @param {import('../lib/rpc').Remote} host
 * @param {import('../lib/rpc').Remote} remote
 * @param {number} items
 */
async function seedAndWeigh(host, remote, items) {
  const [rssBefore, usedBefore] = [await host.call('memory'), await remote.call('measure', 'usedMemory')]
  await remote.call('measure', 'seed', items)
  const [rssAfter, usedAfter] = [await host.call('memory'), await remote.call('measure', 'usedMemory')]
  return {
    resident: (rssAfter - rssBefore) / items - ITEM_BYTES,
    used: usedBefore === undefined ? undefined : (usedAfter - usedBefore) / items - ITEM_BYTES
  }
}

/** @type {import('.').Row} */
const row = {
  id: 'million',
  lines: scale => [
    { title: 'adding keys at 1 k (1/s)', cell: samples => rate(median(samples.map(sample => sample.few))) },
    { title: `adding keys at ${count(scale.items)} (1/s)`, cell: samples => rate(median(samples.map(sample => sample.many))) },
    {
      title: `bytes over key and value per 100-byte item at ${count(scale.items)}, with TTL`,
      cell: ([{ weight }]) => weight.resident.toFixed(0) + (weight.used === undefined ? '' : ` (says ${weight.used.toFixed(0)})`)
    }
  ],

  async open({ server, client, scale }, peer) {
    const hosts = [await server(peer), await server(peer)]
    const [few, many] = [await client(peer, inFlight(peer), hosts[0]), await client(peer, inFlight(peer), hosts[1])]
    // What a first use allocates is no item's burden.
    for (const remote of [few, many]) await remote.call('measure', 'addKeys', inFlight(peer), scale.items, ADDED)
    await few.call('measure', 'seed', FEW)
    return { few, many, weight: await seedAndWeigh(hosts[1], many, scale.items) }
  },
  async measure({ few, many, weight }, { scale }, peer) {
    return {
      few: await few.call('measure', 'addKeys', inFlight(peer), scale.items, ADDED),
      many: await many.call('measure', 'addKeys', inFlight(peer), scale.items, ADDED),
      weight
    }
  }
}

module.exports = [row]
