// @ts-check
'use strict'

/** Ten thousand workers that are gone without a word while they hold all that there is to hold: nothing of them is left. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')
const { Raw, isLinux, run, seedOf, startHost, until, usage } = require('./support-stress/support.js')

const folder = path.join(__dirname, 'support-histories')

const CYCLES = 10_000
/** Of these by processes that are killed; the others are connections that are cut. */
const PROCESSES = 300
/** The first of them come before the broker's size is taken: memory that any work needs. */
const WARMING = 1000
/** After so many the host hands over what it was told meanwhile, which it would keep. */
const ROUND = 1000
/** How many connections there are at a time, and how many processes. */
const LANES = 8
const PROCESS_LANES = 4

/** How many accounts, permits and items there are: enough, unless those who are gone keep theirs. */
const PLACES = 3 * LANES

/** What the host process may grow by, in bytes: 2 KB of each that came and went would be more. */
const GROWTH = 16e6

/** Asks one thing after the other. @param {InstanceType<typeof Raw>} raw @param {object} request */
async function ask(raw, request) {
  const reply = await raw.ask(request)
  assert.ok(reply.ok, JSON.stringify([request, reply]))
  return reply
}

/** What the broker says of itself when all have gone but the one that asks. @param {InstanceType<typeof Raw>} watcher */
async function whatIsLeft(watcher) {
  await until(async () => (await ask(watcher, { action: 'stats' })).stats.sessions === 1, 'all have gone')
  const { stats } = await ask(watcher, { action: 'stats' })
  /** @type {import('..').Inspection} */
  const { sessions, pools, queues, limits, barriers } = (await ask(watcher, { action: 'inspect' })).inspect
  /** @param {{ name: string }} a @param {{ name: string }} b */
  const byName = (a, b) => (a.name < b.name ? -1 : 1)
  return {
    connections: stats.connections,
    items: stats.items,
    leases: stats.leases,
    sessions: sessions.length,
    held: sessions.flatMap(session => session.holds.map(({ kind, name }) => `${kind} ${name}`)).sort(),
    waits: sessions.flatMap(session => session.waits),
    pools: pools.map(({ name, size, held, discarded, waiting }) => ({ name, size, held, discarded, waiting })).sort(byName),
    queues: queues.map(({ name, ready, taken, acked, failed, waiting }) => ({ name, ready, taken, acked, failed, waiting })).sort(byName),
    limits: limits.map(({ waiting }) => waiting),
    // One that broke is remembered for those who are still to come.
    waitAtBarriers: barriers.filter(({ waiting }) => waiting > 0)
  }
}

/** Connections that are cut. @param {string} pipe @param {number} cycles @param {number} seed @param {number} round */
async function cutConnections(pipe, cycles, seed, round) {
  const config = { pipe, lanes: LANES, permits: PLACES, cycles, seed: seed + round, round }
  const crowd = run(path.join(folder, 'crowd.js'), [JSON.stringify(config)], { timeout: 60_000 })
  const { stdout, stderr, code } = await crowd.ended
  assert.equal(stderr, '')
  assert.equal(code, 0)
  const { begun, held } = JSON.parse(stdout)
  assert.equal(begun, cycles)
  return held
}

/** Processes that are killed. @param {string} pipe @param {number} count @param {string} round */
async function killProcesses(pipe, count, round) {
  let begun = 0
  const lane = async (/** @type {number} */ at) => {
    while (begun < count) {
      const config = { name: `process ${round} ${begun++}`, lane: at, permits: PLACES }
      const holder = run(path.join(folder, 'holder.js'), [JSON.stringify(config)], { env: { EPHEMERAL_PIPE: pipe } })
      assert.ok(Number(await holder.line()) > 0, 'its job is an attempt')
      holder.child.kill('SIGKILL')
      const { stderr, signal } = await holder.ended
      assert.deepEqual({ stderr, signal }, { stderr: '', signal: 'SIGKILL' })
    }
  }
  await Promise.all(Array.from({ length: PROCESS_LANES }, (_, at) => lane(at)))
}

test('10,000 that are killed while they hold and wait leave nothing behind', { skip: !isLinux && 'needs /proc' }, async t => {
  const seed = seedOf(t)
  const host = await startHost(
    { pools: { accounts: PLACES, blocked: 1 }, slowWait: 0 },
    // Young garbage is collected soon, so that it does not count as growth.
    { timeout: 170_000, flags: ['--max-semi-space-size=1'] }
  )
  t.after(() => host.kill())
  const watcher = new Raw(host.pipe)
  await ask(watcher, { action: 'hello', protocol: 1, pid: process.pid, name: 'the watcher', process: 'watcher', thread: 0 })
  // What nobody else will get.
  await ask(watcher, { action: 'lock', name: 'blocked' })
  await ask(watcher, { action: 'semaphore', name: 'blocked', permits: 2 })
  await ask(watcher, { action: 'acquire', pools: [{ pool: 'blocked' }] })
  await ask(watcher, { action: 'limit', name: 'slow', max: 1, per: 3_600_000 })
  await ask(watcher, { action: 'throttle', name: 'slow' })
  const items = Array.from({ length: PLACES }, (_, at) => `item ${at}`)
  await ask(watcher, { action: 'push', queue: 'jobs', items, maxAttempts: 1e6 })

  /** What is there of each kind when only the watcher is, whatever has come and gone. */
  const nothing = {
    connections: 1,
    items: 0,
    // The watcher's own.
    leases: 1,
    sessions: 1,
    held: ['lock blocked', 'pool blocked', 'semaphore blocked'],
    waits: [],
    pools: [
      { name: 'accounts', size: PLACES, held: 0, discarded: 0, waiting: 0 },
      { name: 'blocked', size: 1, held: 1, discarded: 0, waiting: 0 }
    ],
    queues: [
      { name: 'empty', ready: 0, taken: 0, acked: 0, failed: 0, waiting: 0 },
      { name: 'jobs', ready: PLACES, taken: 0, acked: 0, failed: 0, waiting: 0 }
    ],
    limits: [0],
    waitAtBarriers: []
  }
  const check = async () => {
    assert.deepEqual(await whatIsLeft(watcher), nothing)
    const events = await host.ask('events')
    // Only those of lost workers tell leases.
    const lost = events.filter((/** @type {any} */ { leases }) => leases)
    return { lost: lost.length, ...usage(host.pid) }
  }

  let held = await cutConnections(host.pipe, WARMING, seed, 0)
  await killProcesses(host.pipe, PROCESS_LANES, 'warming')
  const before = await check()
  let { lost } = before
  /** @type {number[]} */
  const sizes = [before.rss]
  const left = CYCLES - PROCESSES - WARMING
  for (let round = 1; (round - 1) * ROUND < left; round++) {
    held += await cutConnections(host.pipe, Math.min(ROUND, left - (round - 1) * ROUND), seed, round)
    const now = await check()
    lost += now.lost
    sizes.push(now.rss)
  }
  await killProcesses(host.pipe, PROCESSES - PROCESS_LANES, 'killed')
  const after = await check()
  lost += after.lost
  sizes.push(after.rss)
  t.diagnostic(`${held} of the connections held all; MB: ${sizes.map(size => (size / 1e6).toFixed(1)).join(' ')}`)

  assert.equal(after.descriptors, before.descriptors)
  assert.equal(after.threads, before.threads)
  assert.ok(after.rss - before.rss < GROWTH, `${after.rss - before.rss} bytes more`)
  const surely = held + PROCESSES
  assert.ok(lost >= surely && lost <= CYCLES, `the host heard of ${lost}, ${surely} to ${CYCLES} held something`)

  // All of it can be had at once.
  const { leases } = await ask(watcher, { action: 'acquire', pools: items.map(() => ({ pool: 'accounts' })), wait: 0 })
  assert.equal(leases.length, PLACES)
  await ask(watcher, { action: 'semaphore', name: 'permits', permits: PLACES, amount: PLACES, wait: 0 })
  await ask(watcher, { action: 'lock', name: 'together', wait: 0 })
  for (let lane = 0; lane < LANES; lane++) await ask(watcher, { action: 'lock', name: `own ${lane}`, wait: 0 })
  assert.equal((await ask(watcher, { action: 'lease', key: 'numbers', workerId: 'watcher' })).value, 1)
  const names = Array.from({ length: 100 }, (_, at) => `crowd 1 ${at}`)
  assert.equal((await ask(watcher, { action: 'reserve', values: names })).reserved.length, names.length)

  /** @type {Map<string, number>} how often each item was given out to one that is gone */
  const attempts = new Map()
  for (const _ of items) {
    const { item, attempt, token } = await ask(watcher, { action: 'take', queue: 'jobs', wait: 0 })
    attempts.set(item, attempt - 1)
    await ask(watcher, { action: 'ack', token })
  }
  assert.deepEqual([...attempts.keys()].sort(), items.sort())
  const total = [...attempts.values()].reduce((sum, count) => sum + count, 0)
  assert.ok(total >= surely && total <= CYCLES, `given out ${total} times, ${surely} to ${CYCLES} took one`)
  const { acked, failures } = await ask(watcher, { action: 'done', queue: 'jobs', wait: 0 })
  assert.deepEqual({ acked, failures }, { acked: PLACES, failures: [] })
  await watcher.close()
  await host.stop()
})
