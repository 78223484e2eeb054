// @ts-check
'use strict'

const os = require('node:os')
const { join } = require('node:path')
const { parseArgs } = require('node:util')
const { install } = require('./lib/install')
const { judge } = require('./lib/requirements')
const { startRemote } = require('./lib/rpc')
const { table } = require('./lib/table')
const { peers } = require('./peers')
const { rows } = require('./rows')

const HELP = `usage: node benches/run.js [--quick] [--only <regexp>] [--peers <regexp>]

Measures this package and its peers side by side and prints one table, then what is required of it. About ten minutes, on a machine
that does nothing else; --quick takes one, and its figures say little.

  --only    the rows whose name matches
  --peers   the columns whose name matches`

/** @type {import('./rows').Scale} */
const FULL = {
  rounds: 5,
  requests: 5000,
  window: 1000,
  openLoop: 1000,
  items: 1_000_000,
  waiters: 100_000,
  kills: 5,
  processes: 11,
  tests: 10_000
}
/** @type {import('./rows').Scale} */
const QUICK = { rounds: 1, requests: 500, window: 200, openLoop: 200, items: 50_000, waiters: 10_000, kills: 2, processes: 2, tests: 1000 }

/**
 * @param {import('./rows').Row} row
 * @param {import('./peers').Peer[]} candidates
 * @param {import('./rows').Scale} scale
 * @param {(message: string) => void} tell
 * @returns {Promise<Map<string, any[]>>}
 */
async function measureRow(row, candidates, scale, tell) {
  /** @type {import('./lib/rpc').Remote[]} */
  const started = []
  /** @type {Map<string, Promise<import('./rows').Host>>} */
  const common = new Map()
  /** @type {Map<string, any>} */
  const states = new Map()
  /** @type {Map<string, any[]>} */
  const samples = new Map()

  /** @type {import('./rows').Context['server']} */
  const server = async peer => {
    const remote = await startRemote(join(__dirname, 'lib/server.js'), [peer.name])
    started.unshift(remote)
    return { ...remote, address: await remote.call('start') }
  }
  /** @type {import('./rows').Context['client']} */
  const client = async (peer, inFlight, host) => {
    if (!common.has(peer.name) && !host) common.set(peer.name, server(peer))
    const { address } = host ?? (await /** @type {Promise<import('./rows').Host>} */ (common.get(peer.name)))
    const remote = await startRemote(join(__dirname, 'lib/client.js'), [peer.name, address, String(inFlight)])
    started.unshift(remote)
    if (!peer.only) await remote.call('measure', 'prepare')
    return remote
  }
  const context = { scale, server, client }

  /** @type {(peer: import('./peers').Peer, step: () => Promise<void>) => Promise<void>} */
  const attempt = async (peer, step) => {
    try {
      await step()
    } catch (error) {
      tell(`${row.id}: ${peer.name} failed: ${/** @type {Error} */ (error).message}`)
      states.delete(peer.name)
      samples.delete(peer.name)
    }
  }

  const fitting = candidates.filter(peer => (row.fits?.(peer) ?? !peer.only) && !peer.without?.includes(row.id))
  for (const peer of fitting) {
    await attempt(peer, async () => {
      states.set(peer.name, await row.open?.(context, peer))
      samples.set(peer.name, [])
    })
  }
  const rounds = row.rounds?.(scale) ?? scale.rounds
  for (let round = 0; round < rounds; round++) {
    // Another order each time, so that nobody always comes after the same neighbour.
    const order = fitting.map((_, i) => fitting[(i + round) % fitting.length])
    for (const peer of order) {
      if (!states.has(peer.name)) continue
      await attempt(peer, async () => {
        const sample = await row.measure(states.get(peer.name), context, peer)
        samples.get(peer.name)?.push(sample)
      })
    }
  }
  // Clients before their servers.
  for (const remote of started) await remote.end()
  return samples
}

async function main() {
  const options = /** @type {const} */ ({
    quick: { type: 'boolean' },
    only: { type: 'string' },
    peers: { type: 'string' },
    help: { type: 'boolean' }
  })
  const { values } = parseArgs({ options })
  if (values.help) return console.log(HELP)

  install()
  const scale = values.quick ? QUICK : FULL
  /** @type {string[]} */
  const notes = []
  const chosen = peers.filter(peer => new RegExp(values.peers ?? '', 'i').test(peer.name))
  const present = chosen.filter(peer => {
    const reason = peer.missing()
    if (reason !== null) notes.push(`Left out: ${peer.name}: ${reason}`)
    return reason === null
  })
  const linesOf = (/** @type {import('./rows').Row} */ row) => (typeof row.lines === 'function' ? row.lines(scale) : row.lines)
  const only = new RegExp(values.only ?? '', 'i')
  const wanted = rows.filter(row => only.test(row.id) || linesOf(row).some(line => only.test(line.title)))

  /** @type {import('./lib/requirements').Results} */
  const results = new Map()
  for (const row of wanted) {
    console.error(`measuring: ${row.id}`)
    results.set(row.id, await measureRow(row, present, scale, message => notes.push(message)))
  }

  const columns = present.map(peer => peer.name)
  const body = wanted.flatMap(row =>
    linesOf(row).map(line => {
      const cells = columns.map(name => {
        const samples = results.get(row.id)?.get(name)
        return samples ? line.cell(samples) : '–'
      })
      return [line.title, ...cells]
    })
  )
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, ${os.availableParallelism()} × ${os.cpus()[0]?.model ?? 'CPU'}`
  )
  console.log(`\n${table(['', ...columns], body)}\n`)
  console.log(
    `Medians of ${scale.rounds} rounds in which the columns take turns (${scale.processes} for fresh processes, 3 for 8 processes).`
  )
  for (const peer of present) console.log(`- ${peer.name}: ${peer.about}.`)
  console.log('')
  for (const note of notes) console.log(note)
  const verdicts = judge(results)
  if (verdicts.length > 0) console.log('What is required (quotients are taken in each round, and their median is shown):')
  for (const verdict of verdicts) console.log(`- ${verdict}`)
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
