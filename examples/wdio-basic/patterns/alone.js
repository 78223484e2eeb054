import { $, expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { open } from '../shop/visitor.js'

// The shop has one sale at a time: a test that opens it wants the shop's prices for itself.
describe('a test that cannot run beside others', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  it('has the prices alone', async () => {
    await client.withLock('prices', async () => {
      await open('/sale/begin')
      await expect($('#status')).toHaveText('sale')
      await open('/sale/end')
      await expect($('#status')).toHaveText('no sale')
    })
  })
})
