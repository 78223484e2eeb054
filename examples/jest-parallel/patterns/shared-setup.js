import { Client } from 'ephemeral-broker'
import { runExpensiveSetup } from '../app/expensive-setup.js'

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('shared test setup', () => {
  // Saves the work for whoever comes later. Workers that come at the same moment all find it not done, and do it: the setup must bear that.
  beforeAll(async () => {
    let setupDone = await client.get('setup-complete').catch(() => false)
    if (!setupDone) {
      await runExpensiveSetup()
      await client.set('setup-complete', true, 3600000)
    }
  })

  it('is complete before any test runs', async () => {
    expect(await client.get('setup-complete')).toBe(true)

    const { 'setup-complete': entry } = await client.list()
    expect(entry.expires - Date.now()).toBeGreaterThan(3_000_000)
  })
})

describe('shared test setup, once', () => {
  beforeAll(async () => {
    await client.once('seeded', async () => {
      await runExpensiveSetup()
      return { run: await client.incr('setups') }
    })
  })

  it('was run by one worker', async () => {
    expect(await client.get('seeded')).toEqual({ run: 1 })
    expect(await client.get('setups')).toBe(1)
  })
})
