// @ts-check
'use strict'

// Run with --expose-gc. Uses 300 clients, closes none, and tells how many connections there were and are after collection, and how many requests that
// found no broker are still in memory, though their client is.

const { Broker, Client } = require('../..')

/** A call of its own, so that nothing of it stays on a stack. @param {Client} client @param {number} at */
async function use(client, at) {
  await client.set(`k${at}`, at, 60_000)
  if (at % 3 === 0) client.getSync(`k${at}`)
  if (at % 5 === 0) await client.get('missing', { timeout: 5000 }).catch(() => {})
}

/** @param {Client} client one for which there is no broker */
async function askInVain(client) {
  const { signal } = new AbortController()
  await client.get('a', { signal, timeout: 1 }).catch(() => {})
  return new WeakRef(signal)
}

async function main() {
  const broker = new Broker()
  await broker.start()
  const watcher = new Client()
  const connections = async () => (await watcher.stats()).connections
  const alone = new Client(`${broker.pipe}-not`)
  const asked = await Promise.all(Array.from({ length: 10 }, () => askInVain(alone)))
  const kept = () => asked.filter(signal => signal.deref()).length
  const clients = Array.from({ length: 300 }, () => new Client())
  await Promise.all(clients.map(use))
  const most = await connections()
  clients.length = 0
  let least = most
  for (let turn = 0; turn < 100 && (least > 1 || kept() > 0); turn++) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 20))
    least = Math.min(least, await connections())
  }
  console.log(JSON.stringify({ most, least, kept: kept() }))
  await alone.close()
  await watcher.close()
  await broker.stop()
}

main()
