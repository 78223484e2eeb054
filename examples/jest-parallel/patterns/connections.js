import { Client } from 'ephemeral-broker'
import { TOGETHER_MS, together } from '../together.js'

const workerId = `worker-${process.pid}`

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('connection pooling', () => {
  it(
    'gives each worker a connection of its own',
    async () => {
      // The TTL counts from the lease on. Slow machines start their workers one by one, so everybody gathers first.
      await together(client, 'start')

      const connId = await client.lease('db-connections', workerId, 60000)
      // Use connection
      console.log(`worker ${process.env.JEST_WORKER_ID} pid ${process.pid} leased connection ${connId}`)
      const held = await together(client, 'connections', connId)
      await client.release(workerId)

      expect(connId).toBeGreaterThanOrEqual(1)
      expect(connId).toBeLessThanOrEqual(10)
      // Five workers, each with the lowest number that was free: no number twice, none left out.
      expect(held.sort()).toEqual([1, 2, 3, 4, 5])
    },
    TOGETHER_MS
  )
})
