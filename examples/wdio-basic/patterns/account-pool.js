import { $, expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { login, logout } from '../shop/visitor.js'

const workerId = `worker-${process.env.WDIO_WORKER_ID}`

describe('test account pool', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  // Workers come and go as they please here. The shop turns away who signs in with an account that somebody else is using.
  for (const visit of ['first', 'second']) {
    it(`signs in, uses the account and gives it back: ${visit} visit`, async () => {
      // Lease from pool of 10 accounts
      const account = await client.lease('accounts', workerId, 60000)

      // Use account for test
      await login(account)
      await expect($('#status')).toHaveText(`signed in with account ${account}`)
      await logout(account)
      await expect($('#status')).toHaveText(`signed out of account ${account}`)

      // Release back to pool
      await client.release(workerId)
    })
  }
})
