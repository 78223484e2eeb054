// @ts-check
'use strict'

const { execFile } = require('node:child_process')
const { join } = require('node:path')
const { promisify } = require('node:util')
const { median, figure } = require('../lib/table')

const SCRIPT = join(__dirname, '../lib/startup.js')

/** @param {string[]} args */
async function fresh(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...args])
  return { elapsed: Number(stdout) }
}

/**
 * @param {string} title
 * @param {Pick<import('.').Row, 'fits' | 'open' | 'measure'>} how
 * @returns {import('.').Row}
 */
const row = (title, how) => ({
  id: `startup, ${title}`,
  lines: [{ title: `${title}, fresh process (ms)`, cell: samples => figure(median(samples.map(sample => sample.elapsed))) }],
  rounds: scale => scale.processes,
  ...how
})

module.exports = [
  row('`require`', {
    fits: peer => peer.library !== undefined,
    measure: (_state, _context, peer) => fresh(peer.esm ? 'import' : 'require', String(peer.library))
  }),
  row('`start()`', { measure: (_state, _context, peer) => fresh('start', peer.name) }),
  row('connect + first `get`', {
    async open({ server, client }, peer) {
      const host = await server(peer)
      await client(peer, 1, host)
      return { address: host.address }
    },
    measure: ({ address }, _context, peer) => fresh('connect', peer.name, address)
  })
]
