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
})
