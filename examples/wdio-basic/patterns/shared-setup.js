import { expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { doExpensiveSetup } from '../shop/visitor.js'

describe('shared setup', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  // Saves the work for whoever comes later. Workers that come at the same moment all find it not done, and do it: the setup must bear that.
  before(async () => {
    // First worker does setup
    let setupDone = await client.get('setup').catch(() => null)
    if (!setupDone) {
      await doExpensiveSetup()
      await client.set('setup', true)
    }

    // All workers can now proceed
  })

  it('is done before any test runs', async () => {
    expect(await client.get('setup')).toBe(true)
  })
})

describe('shared setup, once', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  before(async () => {
    await client.once('seeded', async () => {
      await doExpensiveSetup()
      return { run: await client.incr('setups') }
    })
  })

  it('was run by one worker', async () => {
    expect(await client.get('seeded')).toEqual({ run: 1 })
    expect(await client.get('setups')).toBe(1)
  })
})
