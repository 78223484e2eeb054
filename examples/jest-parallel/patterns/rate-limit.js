import { Client } from 'ephemeral-broker'
import { api } from '../app/api.js'
import { TOGETHER_MS, together } from '../together.js'

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('rate limiting', () => {
  it('should respect API rate limits', async () => {
    const workerId = `worker-${process.pid}`
    const callNum = await client.lease('api-rate-limit', workerId)

    // Make rate-limited call
    await api.call()

    await client.release(workerId)

    expect(callNum).toBeGreaterThanOrEqual(1)
    expect(callNum).toBeLessThanOrEqual(5)
  })

  // The number says how many calls are under way, not how many there were: it is given to the next caller after its release.
  it(
    'counts the calls under way',
    async () => {
      const workerId = `worker-${process.pid}`
      const callNum = await client.lease('api-rate-limit', workerId)
      const reply = await api.call()
      const underWay = await together(client, 'calls', callNum)
      await client.release(workerId)

      expect(reply.status).toBe(200)
      expect(underWay.sort()).toEqual([1, 2, 3, 4, 5])
    },
    TOGETHER_MS
  )

  it(
    'counts all calls, and keeps to one rate over all workers',
    async () => {
      await client.limit('api', { max: 20, per: 1000, burst: 5 })

      const calls = []
      for (let n = 0; n < 4; n += 1) {
        await client.throttle('api')
        await api.call()
        calls.push(await client.incr('api-calls'))
      }

      // Five workers, four calls each: no number twice, none left out.
      const all = (await together(client, 'all-calls', calls)).flat()
      expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    },
    TOGETHER_MS
  )
})
