// @ts-check
'use strict'

// Starts and stops a broker with clients so often, and tells what the process holds after a warm-up and at the end.

const assert = require('node:assert/strict')
const { Broker, Client } = require('../..')
const { until, usage } = require('./support.js')

async function cycle() {
  const broker = new Broker({ requireTTL: false, secret: true })
  await broker.start()
  const clients = Array.from({ length: 5 }, () => new Client())
  await Promise.all(clients.map((client, at) => client.set(`k${at}`, 'x'.repeat(50_000))))
  assert.equal(await clients[0].lease('n', 'w'), 1)
  assert.equal(clients[1].getSync('k0').length, 50_000)
  const [left, ...others] = clients
  await Promise.all(others.map(client => client.close()))
  // One finds out by itself.
  await broker.stop()
  await assert.rejects(left.get('k0'))
  await left.close()
}

/** @param {number} descriptors */
async function count(descriptors = Infinity) {
  for (let turn = 0; turn < 3; turn++) globalThis.gc?.()
  // The loop closes a descriptor in a later turn.
  await new Promise(resolve => setImmediate(resolve))
  await until(() => usage().descriptors <= descriptors, 'the descriptors are closed').catch(() => {})
  return usage()
}

async function main() {
  for (let warming = 0; warming < 200; warming++) await cycle()
  const warm = await count()
  for (let cycles = Number(process.argv[2]); cycles > 0; cycles--) await cycle()
  console.log(JSON.stringify({ warm, done: await count(warm.descriptors) }))
}

main()
