// @ts-check
'use strict'

// A thread that has clients, requests under way and perhaps a broker, and ends with them: see threads-host.js.

const { parentPort, workerData } = require('node:worker_threads')
const { Broker, Client } = require('../..')

const { way, hosts, silent, seed } = workerData

async function main() {
  if (way === 'terminate-blocked') {
    parentPort?.postMessage('up')
    // It is ended while it blocks, or just after that.
    for (let at = 0; ; at++) new Client(null).setSync(`blocked${at % 10}`, at)
  }
  const [client, other] = [new Client(), new Client()]
  await client.lease('number', `thread-${seed}`)
  await other.lease('another', `thread-${seed}`)
  other.getSync('missing', { timeout: 4000 })
}

/** What is under way when it ends. */
function leaveOpen() {
  const [client, hopeless] = [new Client(), new Client(silent, { timeout: 60_000 })]
  hopeless.get('never').catch(() => {})
  /** @type {() => Promise<void>} */
  const ask = () => client.set('k', 'x'.repeat(1000)).then(ask, () => {})
  for (let inFlight = 0; inFlight < 20; inFlight++) ask()
}

async function host() {
  const broker = new Broker({ requireTTL: false })
  const pipe = await broker.start()
  const client = new Client(pipe)
  await client.lease('inside', 'w')
  broker.unref()
}

main()
  .catch(error => {
    if (error.code !== 'not_found') throw error
  })
  .then(() => (hosts ? host() : undefined))
  .then(() => {
    if (way !== 'return') leaveOpen()
    parentPort?.postMessage('up')
    if (way === 'exit') process.exit(3)
    if (way === 'throw') throw new Error('as a test does')
  })
