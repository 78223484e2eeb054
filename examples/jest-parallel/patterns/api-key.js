import { Client } from 'ephemeral-broker'
import { generateApiKey } from '../app/api.js'
import { TOGETHER_MS, together } from '../together.js'

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('shared API key', () => {
  it(
    'is the same for all workers',
    async () => {
      let apiKey = await client.get('api-key').catch(async () => {
        const key = generateApiKey()
        await client.set('api-key', key)
        return key
      })
      expect(apiKey).toMatch(/^key-/)

      // There is a race in these lines: workers that ask at the same moment all find nothing, and each sets a key. The last one set stays.
      // Once everybody is past them, no other key can come; who reads it then has the key that all have.
      await together(client, 'api-key-set')
      apiKey = await client.get('api-key')
      console.log(`worker ${process.env.JEST_WORKER_ID} pid ${process.pid} uses API key ${apiKey}`)

      const keys = await together(client, 'api-key', apiKey)
      expect(keys).toEqual([apiKey, apiKey, apiKey, apiKey, apiKey])
    },
    2 * TOGETHER_MS
  )

  it(
    'is made by one worker, and the others wait for it',
    async () => {
      const apiKey = await client.once('api-key-once', async () => generateApiKey(), { ttl: 600_000 })

      const keys = await together(client, 'api-key-once', apiKey)
      expect(keys).toEqual([apiKey, apiKey, apiKey, apiKey, apiKey])
    },
    TOGETHER_MS
  )
})
