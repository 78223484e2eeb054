import { randomUUID } from 'node:crypto'
import { BrokerError, Client, type LeaseOptions } from 'ephemeral-broker'
import { TOGETHER_MS, together } from './together'

interface Account {
  readonly number: number
  readonly user: string
}

interface Setup {
  readonly tables: readonly string[]
  readonly by: number
}

const workerId = `worker-${process.pid}`

let client: Client

beforeAll(async () => {
  client = new Client()
  await client.ping()
})

afterAll(() => client.close())

/** The value, or null when there is none. Any other failure is a failure. */
async function getOrNull<T>(key: string): Promise<T | null> {
  try {
    return await client.get<T>(key)
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'not_found') return null
    throw error
  }
}

describe('account leasing', () => {
  it(
    'gives each worker an account of its own',
    async () => {
      await together(client, 'start', null)

      const options: LeaseOptions = { ttl: 60_000 }
      const account: Account = { number: await client.lease('accounts', workerId, options), user: workerId }
      console.log(`worker ${process.env.JEST_WORKER_ID} pid ${process.pid} leased account ${account.number}`)
      const held = await together<Account>(client, 'accounts', account)
      const released: boolean = await client.release(workerId, 'accounts')

      expect(released).toBe(true)
      expect(held.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5])
      expect(new Set(held.map(({ user }) => user)).size).toBe(5)
    },
    2 * TOGETHER_MS
  )
})

describe('shared token', () => {
  it(
    'is the same for all workers',
    async () => {
      // Workers that ask at the same moment all find nothing, and each sets a token; the last one set stays. So everybody reads it again.
      if ((await getOrNull<string>('token')) === null) await client.set('token', `token-${randomUUID()}`, { ttl: 600_000 })
      await together(client, 'token-set', null)

      const token: string = await client.get<string>('token')
      const tokens = await together<string>(client, 'token', token)
      expect(token).toMatch(/^token-/)
      expect(tokens).toEqual([token, token, token, token, token])
    },
    2 * TOGETHER_MS
  )
})

describe('shared setup', () => {
  beforeAll(async () => {
    if (!(await client.has('setup'))) await client.set<Setup>('setup', { tables: ['users', 'orders'], by: process.pid })
  })

  it('is done before any test runs', async () => {
    const setup = await client.get<Setup>('setup')
    expect(setup).toStrictEqual({ tables: ['users', 'orders'], by: expect.any(Number) })
  })
})

describe('errors', () => {
  it('say what happened', async () => {
    await expect(client.get('nothing')).rejects.toThrow(BrokerError)
    await expect(client.get('nothing')).rejects.toMatchObject({ code: 'not_found' })
  })
})
