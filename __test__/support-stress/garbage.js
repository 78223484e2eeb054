// @ts-check
'use strict'

// Run with --expose-gc. Uses 300 clients, closes none, and tells how many connections there were and are after collection.

const { Broker, Client } = require('../..')

/** A call of its own, so that nothing of it stays on a stack. @param {Client} client @param {number} at */
async function use(client, at) {
  await client.set(`k${at}`, at, 60_000)
  if (at % 3 === 0) client.getSync(`k${at}`)
  if (at % 5 === 0) await client.get('missing', { timeout: 5000 }).catch(() => {})
}

async function main() {
  const broker = new Broker()
  await broker.start()
  const watcher = new Client()
  const connections = async () => (await watcher.stats()).connections
  const clients = Array.from({ length: 300 }, () => new Client())
  await Promise.all(clients.map(use))
  const most = await connections()
  clients.length = 0
  let least = most
  for (let turn = 0; turn < 100 && least > 1; turn++) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 20))
    least = Math.min(least, await connections())
  }
  console.log(JSON.stringify({ most, least }))
  await watcher.close()
  await broker.stop()
}

main()
