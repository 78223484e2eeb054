import { Client } from 'ephemeral-broker'
import { loadChunk, processData } from '../app/chunks.js'
import { TOGETHER_MS, together } from '../together.js'

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('data processing', () => {
  it('should process data chunks in parallel', async () => {
    const workerId = `processor-${process.pid}`
    const chunkId = await client.lease('chunks', workerId, 60000)

    const data = loadChunk(chunkId)
    const result = processData(data)

    await client.set(`result-${chunkId}`, result)
    await client.release(workerId)

    expect(chunkId).toBeGreaterThanOrEqual(1)
    expect(chunkId).toBeLessThanOrEqual(5)
    expect(await client.get(`result-${chunkId}`)).toStrictEqual(result)
  })

  // A released number goes to the next who asks, so above a chunk may be processed twice. Who keeps the lease until all have theirs does not
  // meet that.
  it(
    'processes each chunk once when leases are kept',
    async () => {
      const workerId = `processor-${process.pid}`
      const chunkId = await client.lease('kept-chunks', workerId, 60000)
      await client.set(`kept-result-${chunkId}`, processData(loadChunk(chunkId)))
      const chunks = await together(client, 'kept-chunks', chunkId)
      await client.release(workerId)

      expect(chunks.sort()).toEqual([1, 2, 3, 4, 5])
      const results = await Promise.all(chunks.map(chunk => client.get(`kept-result-${chunk}`)))
      expect(results.map(result => result.count)).toEqual([100, 100, 100, 100, 100])
      expect(results.reduce((sum, result) => sum + result.sum, 0)).toBe((499 * 500) / 2)
    },
    TOGETHER_MS
  )

  // Ten chunks for five workers: each takes the next that nobody has taken, until all are done.
  it('processes each chunk once, from a queue', async () => {
    for await (const job of client.queue('chunks-to-do')) {
      const result = processData(loadChunk(job.value))
      await client.append('chunk-results', { chunk: job.value, ...result })
      await job.ack()
    }

    const results = await client.collect('chunk-results')
    expect(results.map(({ chunk }) => chunk).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(results.reduce((sum, result) => sum + result.sum, 0)).toBe((999 * 1000) / 2)
  })
})
