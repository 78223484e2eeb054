import { Client } from 'ephemeral-broker'

const pipe = process.env.EPHEMERAL_PIPE
let client

beforeAll(() => {
  // In test setup
  client = new Client(pipe, { debug: true })
})

beforeAll(async () => {
  console.log('Pipe:', process.env.EPHEMERAL_PIPE)
  const pong = await client.ping()
  console.log('Broker ping:', pong, 'ms')
})

it('has a broker that answers', async () => {
  expect(await client.ping()).toBeGreaterThan(0)
})

it('has a broker that wants a TTL, as brokers do unless told otherwise', async () => {
  await expect(client.set('without', 1)).rejects.toThrow('ttl_required')
  await client.set('with', 1, 60000)
  expect(await client.get('with')).toBe(1)
})
