// @ts-check
'use strict'

/** Threads that end in any way with clients and brokers in them, processes that end at any moment, both ways of doing I/O, and each version of Node. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { after, describe, test } = require('node:test')
const { findNodes } = require('./support-stress/nodes.js')
const { CRASHES, isLinux, isWindows, makeFolder, makeRandom, run, seedOf } = require('./support-stress/support.js')

/** What a process is run with: each way of doing I/O. @type {Array<{ name: string, env: Record<string, string> }>} */
const WAYS = [
  { name: 'the loop does the I/O', env: {} },
  { name: 'a thread does the I/O', env: { EPHEMERAL_BROKER_IO: 'thread' } }
]

/** @param {Awaited<ReturnType<typeof run>['ended']>} outcome @param {string} what */
function assertSound({ signal, hung, stderr }, what) {
  assert.ok(!hung, `${what}: it hangs`)
  assert.ok(!signal || !CRASHES.has(signal), `${what}: it crashes with ${signal}\n${stderr}`)
}

for (const way of WAYS) {
  describe(way.name, () => {
    const place = makeFolder()
    after(place.remove)
    const env = { ...place.env, ...way.env }

    test('100 threads begin and end, with open clients, requests under way, and brokers of their own', async t => {
      const outcome = await run('threads-host.js', ['100', String(seedOf(t))], { env, timeout: 40_000 }).ended
      assertSound(outcome, 'the host')
      assert.equal(outcome.code, 0, outcome.stderr)
      const { warm, done, leases, ways } = JSON.parse(outcome.stdout)
      assert.equal(leases, 0, 'what ended threads leased is free')
      assert.equal(Object.keys(ways).length, 6)
      if (isLinux) {
        assert.ok(done.descriptors <= warm.descriptors, `${warm.descriptors} descriptors, then ${done.descriptors}`)
        assert.ok(done.threads <= warm.threads, `${warm.threads} threads, then ${done.threads}`)
      }
      assert.deepEqual(place.left(), [])
    })

    test('a process whose threads alone have loaded the addon ends by itself', async () => {
      const outcome = await run('threads-only.js', [], { env }).ended
      assertSound(outcome, 'the host')
      assert.deepEqual([outcome.code, outcome.stdout], [0, 'all have ended\n'], outcome.stderr)
      assert.deepEqual(place.left(), [])
    })

    test('a process ends at any moment, in any way: no hang, no crash, nothing left', async t => {
      const seed = seedOf(t)
      const random = makeRandom(seed)
      const ways = ['exit', 'throw', 'end', ...(isWindows ? [] : ['SIGTERM'])]
      const count = 60
      let started = 0
      const lane = async () => {
        while (started < count) {
          const at = started++
          const how = ways[at % ways.length]
          const own = makeFolder()
          const child = run('ends.js', [how, String(seed + at)], { env: { ...env, ...own.env } })
          if (how === 'SIGTERM') setTimeout(() => child.child.kill(how), random() * 150)
          const outcome = await child.ended
          const what = `${how} with seed ${seed + at}`
          assertSound(outcome, what)
          if (how === 'SIGTERM') {
            // By the signal, or before it came.
            assert.ok(outcome.signal === 'SIGTERM' || outcome.code === 0, `${what}: ${outcome.code}\n${outcome.stderr}`)
          } else {
            assert.equal(outcome.code, { exit: 7, throw: 1, end: 0 }[how], `${what}\n${outcome.stderr}`)
            assert.deepEqual(own.left(), [], what)
          }
          own.remove()
        }
      }
      await Promise.all([lane(), lane(), lane()])
    })
  })
}

describe('the life of a client', () => {
  const cases = path.join(__dirname, 'support-stress', 'client-cases.js')
  const { nodes, missing } = findNodes()
  const runs = nodes.flatMap(({ version, node }) => WAYS.map(way => ({ version, node, way })))
  // lifecycle.test.js is this process's own.
  for (const { version, node, way } of runs.filter(({ node, way }) => node !== process.execPath || way !== WAYS[0])) {
    test(`Node ${version}: ${way.name}`, async () => {
      const outcome = await run(cases, [], { node, flags: ['--test-reporter=tap'], env: way.env, timeout: 50_000 }).ended
      assertSound(outcome, 'the test')
      const failures = outcome.stdout.split('\n').flatMap((line, at, lines) => (/^ *not ok/.test(line) ? lines.slice(at, at + 12) : []))
      assert.equal(outcome.code, 0, failures.join('\n'))
    })
    if (node !== process.execPath) {
      test(`Node ${version}: threads, ${way.name}`, async t => {
        const outcome = await run('threads-host.js', ['50', String(seedOf(t))], { node, env: way.env, timeout: 40_000 }).ended
        assertSound(outcome, 'the host')
        assert.equal(outcome.code, 0, outcome.stderr)
      })
    }
  }
  for (const { version, why } of missing) test(`Node ${version}`, { skip: why }, () => {})
})
