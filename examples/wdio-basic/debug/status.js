import { expect } from '@wdio/globals'
import { Client } from 'ephemeral-broker'

const pipe = process.env.EPHEMERAL_PIPE
let client

describe('debugging', () => {
  before(() => {
    client = new Client(pipe, { debug: true })
  })

  it('has a broker that answers', async () => {
    console.log('Pipe:', process.env.EPHEMERAL_PIPE)
    console.log('Broker ping:', await client.ping(), 'ms')
    expect(await client.lease('accounts', 'debugger', 60000)).toBe(1)
  })
})
