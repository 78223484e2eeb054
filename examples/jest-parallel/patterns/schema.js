import { Client } from 'ephemeral-broker'
import { migrate } from '../app/database.js'

let client

beforeAll(() => {
  client = new Client()
})

beforeEach(() => client.describe(expect.getState().currentTestName))

describe('the schema', () => {
  it('is read by many at a time', async () => {
    const lock = await client.lock('schema', { shared: true })
    expect(await client.get('migrations-under-way').catch(() => 0)).toBe(0)
    await lock.release()
  })

  it('is changed by one at a time, while nobody reads', async () => {
    await client.withLock('schema', async () => {
      expect(await client.incr('migrations-under-way')).toBe(1)
      await migrate()
      expect(await client.incr('migrations-under-way', -1)).toBe(0)
    })
  })
})
