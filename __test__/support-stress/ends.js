// @ts-check
'use strict'

// Works with a broker and clients, in this thread and in another, until it ends at a moment that chance decides: by process.exit, by an exception, by a signal
// from outside, or in good order.

const { Worker, isMainThread, workerData } = require('node:worker_threads')
const { Broker, Client } = require('../..')
const { makeRandom } = require('./support.js')

const [how, seed] = isMainThread ? process.argv.slice(2) : ['thread', workerData]
const random = makeRandom(Number(seed))
let over = false

function end() {
  over = true
  if (how === 'exit') process.exit(7)
  if (how === 'throw') throw new Error('as a host does')
}

/** Any moment: a step of the work, or whatever it is that a timer interrupts. */
const endAtStep = random() < 0.5 ? Math.floor(random() * 40) : Infinity
let steps = 0
function step() {
  if (isMainThread && steps++ === endAtStep) end()
}

async function work() {
  const broker = new Broker({ requireTTL: false, secret: random() < 0.3 })
  step()
  const starting = broker.start()
  step()
  await starting
  step()
  const worker =
    isMainThread && random() < 0.4 ? new Worker(__filename, { workerData: String(Number(seed) + 1_000_000), env: process.env }) : null
  while (!over) {
    const client = new Client(broker.pipe)
    step()
    const asked = Promise.all(
      Array.from({ length: 1 + Math.floor(random() * 50) }, (_, at) => client.set(`k${at}`, 'x'.repeat(random() * 5000)))
    )
    step()
    await asked
    step()
    if (random() < 0.5) client.leaseSync('n', 'w')
    if (random() < 0.2) await broker.stop().then(() => broker.start())
    step()
    if (random() < 0.7) await client.close()
    else client.get('k0').catch(() => {})
    if (!isMainThread && random() < 0.1) break
  }
  await worker?.terminate()
  await broker.stop()
}

if (isMainThread) setTimeout(end, random() * 60)
work().catch(error => {
  // What a broker that was stopped under a request says; anything else is a failure.
  if (error.message === 'as a host does') throw error
  if (!['connection_closed', 'broker_unreachable'].includes(error.code)) throw error
})
