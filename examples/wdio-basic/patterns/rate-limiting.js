import { expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { together } from '../together.js'

const workerId = `worker-${process.env.WDIO_WORKER_ID}`

describe('rate limiting', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  it('numbers the calls', async () => {
    const counter = await client.lease('api-calls', workerId, 5000)
    console.log(`API call #${counter}`)
    await client.release(workerId)

    expect(counter).toBeGreaterThanOrEqual(1)
    expect(counter).toBeLessThanOrEqual(5)
  })

  // The number says how many calls are under way, not how many there were: it is given to the next caller after its release.
  it('counts the calls under way', async () => {
    const counter = await client.lease('api-calls', workerId)
    const underWay = await together(client, 'calls', counter)
    await client.release(workerId)

    expect(underWay.sort()).toEqual([1, 2, 3, 4, 5])
  })
})
