import { $, expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { login, logout } from '../shop/visitor.js'
import { together } from '../together.js'

const workerId = `worker-${process.env.WDIO_WORKER_ID}`

describe('account leasing', () => {
  let client

  before(async () => {
    client = new Client(process.env.EPHEMERAL_PIPE)
    // The TTL counts from the lease on. Slow machines start their browsers one by one, so everybody gathers first.
    await together(client, 'start')
  })

  it('gives each worker an account of its own', async () => {
    const accountNum = await client.lease('test-accounts', workerId, 60000)
    // Worker 1 gets account 1
    // Worker 2 gets account 2
    // etc.
    console.log(`worker ${process.env.WDIO_WORKER_ID} pid ${process.pid} leased account ${accountNum}`)

    await login(accountNum)
    await expect($('#status')).toHaveText(`signed in with account ${accountNum}`)

    const held = await together(client, 'accounts', accountNum)
    await logout(accountNum)
    await client.release(workerId)

    expect(accountNum).toBeGreaterThanOrEqual(1)
    expect(accountNum).toBeLessThanOrEqual(10)
    // Five workers, each with the lowest number that was free: no number twice, none left out.
    expect(held.sort()).toEqual([1, 2, 3, 4, 5])
    // Nobody comes back to an account of the shop before everybody has left theirs.
    await together(client, 'signed out')
  })
})
