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

  it('counts all calls, and keeps to one rate over all workers', async () => {
    await client.limit('api', { max: 20, per: 1000, burst: 5 })

    const calls = []
    for (let n = 0; n < 4; n += 1) {
      await client.throttle('api')
      calls.push(await client.incr('all-api-calls'))
    }

    // Five workers, four calls each: no number twice, none left out.
    const all = (await together(client, 'all-calls', calls)).flat()
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })
})
