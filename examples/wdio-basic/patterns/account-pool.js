import { $, expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { login, logout } from '../shop/visitor.js'

const workerId = `worker-${process.env.WDIO_WORKER_ID}`

describe('test account pool', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  // Who waits for what this client holds is told in which test that is.
  beforeEach(function () {
    client.describe(this.currentTest.fullTitle())
  })

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

  // No TTL: the lease is given back when the worker dies.
  it('waits for an account that fits', async () => {
    const lease = await client.acquire('accounts', { match: { role: 'shopper' } })
    try {
      const { account } = lease.value
      await login(account)
      await expect($('#status')).toHaveText(`signed in with account ${account}`)
      await logout(account)
    } finally {
      await lease.release()
    }
  })

  // There is one: the workers wait for it in turn, first come, first served.
  it('shares the only admin', async () => {
    const admin = await client.acquire('accounts', { match: { role: 'admin' } })
    try {
      await login(admin.value.account)
      await expect($('#status')).toHaveText('signed in with account 1')
      await logout(admin.value.account)
    } finally {
      await admin.release()
    }
  })
})
