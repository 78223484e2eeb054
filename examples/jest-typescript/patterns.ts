import { randomUUID } from 'node:crypto'
import { BrokerError, Client, type Lease, type LeaseOptions } from 'ephemeral-broker'
import type { Account } from './accounts'
import { TOGETHER_MS, together } from './together'

interface Numbered {
  readonly number: number
  readonly worker: string
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

// Who waits for something is told in which test it is held.
beforeEach(() => client.describe(expect.getState().currentTestName ?? null))

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
      const account: Numbered = { number: await client.lease('accounts', workerId, options), worker: workerId }
      console.log(`worker ${process.env.JEST_WORKER_ID} pid ${process.pid} leased account ${account.number}`)
      const held = await together<Numbered>(client, 'accounts', account)
      const released: boolean = await client.release(workerId, 'accounts')

      expect(released).toBe(true)
      expect(held.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5])
      expect(new Set(held.map(({ worker }) => worker)).size).toBe(5)
      await together(client, 'released', null)
    },
    3 * TOGETHER_MS
  )

  it(
    'gives each worker a shopper of its own, from the pool',
    async () => {
      await using account: Lease<Account> = await client.acquire<Account>('accounts', { match: { role: 'shopper' } })
      await client.append('visits', { user: account.value.user, worker: workerId })

      const users = await together<string>(client, 'shoppers', account.value.user)
      expect(account.value.role).toBe('shopper')
      expect(new Set(users).size).toBe(5)
    },
    TOGETHER_MS
  )

  it('has one admin, whom the workers wait for in turn', async () => {
    await using admin = await client.acquire<Account>('accounts', { match: { role: 'admin' } })
    expect(admin.value.user).toBe('user-1')
    expect(await client.incr('admins')).toBe(1)
    expect(await client.incr('admins', -1)).toBe(0)
  })
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

  it(
    'is made by one worker, and the others wait for it',
    async () => {
      const token: string = await client.once('token-once', () => `token-${randomUUID()}`, { ttl: 600_000 })
      expect(await together(client, 'token-once', token)).toEqual([token, token, token, token, token])
    },
    TOGETHER_MS
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

describe('a change that others must not see half done', () => {
  it('is made under a lock', async () => {
    const runs: number = await client.withLock('schema', async lock => {
      expect(lock.signal.aborted).toBe(false)
      return client.incr('migrations')
    })
    expect(runs).toBeGreaterThanOrEqual(1)
    expect(runs).toBeLessThanOrEqual(5)
  })
})

describe('errors', () => {
  it('say what happened', async () => {
    await expect(client.get('nothing')).rejects.toThrow(BrokerError)
    await expect(client.get('nothing')).rejects.toMatchObject({ code: 'not_found' })
    await expect(client.acquire('accounts', { match: { role: 'guest' } })).rejects.toMatchObject({ code: 'no_match' })
  })
})
