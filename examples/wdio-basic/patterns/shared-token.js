import { $, expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'
import { generateToken, open } from '../shop/visitor.js'
import { together } from '../together.js'

describe('shared token', () => {
  const client = new Client(process.env.EPHEMERAL_PIPE)

  it('is the same for all workers', async () => {
    let token = await client.get('auth-token').catch(() => null)
    if (!token) {
      token = generateToken()
      await client.set('auth-token', token)
    }
    // All workers use the same token

    // There is a race in these lines: workers that ask at the same moment all find nothing, and each sets a token. The last one set stays.
    // Once everybody is past them, no other token can come; who reads it then has the token that all have.
    await together(client, 'token-set')
    token = await client.get('auth-token')
    console.log(`worker ${process.env.WDIO_WORKER_ID} pid ${process.pid} uses ${token}`)

    await open(`/orders?token=${token}`)
    await expect($('#status')).toHaveText('your orders')

    const tokens = await together(client, 'token-used', token)
    expect(tokens).toEqual([token, token, token, token, token])
    await open('/tokens')
    await expect($('#status')).toHaveText('1 token seen')
  })

  it('is made by one worker, and the others wait for it', async () => {
    const token = await client.once('auth-token-once', async () => generateToken(), { ttl: 600_000 })

    const tokens = await together(client, 'token-once', token)
    expect(tokens).toEqual([token, token, token, token, token])
  })
})
