// @ts-check
'use strict'

// A worker that takes all that there is to take, says so, and is killed.

const { Client } = require('../..')

const { name, lane, permits } = JSON.parse(process.argv[2])

async function main() {
  const client = new Client(null, { name, wait: Infinity })
  client.describe('holds it all')
  await client.lease('numbers', name)
  await client.acquire('accounts')
  await client.lock(`own process ${lane}`)
  await client.lock('together', { shared: true })
  await client.semaphore('permits', permits).acquire()
  await client.reserve(name)
  const job = await client.queue('jobs').take()
  await new Promise(resolve => {
    client.once(`value of process ${lane}`, () => {
      resolve(undefined)
      return new Promise(() => {})
    })
  })
  client.lock('blocked')
  client.waitFor('never')
  client.queue('empty').take()
  await client.ping()
  console.log(job?.attempt)
}

main()
