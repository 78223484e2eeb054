// @ts-check
'use strict'

// Never loads the package itself: its threads do, one after the other, so that the addon is loaded and unloaded each time.

const path = require('node:path')
const { Worker } = require('node:worker_threads')

const entry = JSON.stringify(path.join(__dirname, '..', '..'))
const code = `
const { Broker, Client } = require(${entry})
const { workerData: way } = require('node:worker_threads')
async function main() {
  const broker = new Broker()
  await broker.start()
  const client = new Client()
  await client.lease('n', 'w')
  if (way === 'stopped') {
    await client.close()
    await broker.stop()
  } else if (way === 'exit') process.exit(0)
  else broker.unref()
}
main()
`

async function main() {
  for (let round = 0; round < 12; round++) {
    const worker = new Worker(code, { eval: true, workerData: ['stopped', 'exit', 'open'][round % 3] })
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))
  }
  console.log('all have ended')
}

main()
