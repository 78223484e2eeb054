import { Client } from 'ephemeral-broker'
import { getConnection } from '../app/database.js'

let client

beforeAll(async () => {
  client = new Client(process.env.EPHEMERAL_PIPE)
  await client.ping()
})

describe('DB tests', () => {
  let conn

  beforeEach(async () => {
    const workerId = `worker-${process.pid}`
    const connId = await client.lease('db-pool', workerId, 60000)
    conn = getConnection(connId)
  })

  afterEach(async () => {
    const workerId = `worker-${process.pid}`
    await client.release(workerId)
  })

  it('should query database', async () => {
    const result = await conn.query('SELECT * FROM users')
    expect(result.rows).toBeDefined()
  })

  it('reads the same users from every connection', async () => {
    const result = await conn.query('SELECT * FROM users')
    expect(result.rows).toEqual([
      { id: 1, name: 'Ada' },
      { id: 2, name: 'Grace' }
    ])
    // Never more than five workers hold one, so the sixth is never needed.
    expect(conn.connId).toBeGreaterThanOrEqual(1)
    expect(conn.connId).toBeLessThanOrEqual(5)
  })
})

// Three databases for five workers: two wait. A lease needs no TTL, it ends with its worker.
describe('DB tests, from a pool', () => {
  let database
  let conn

  // All workers define the pool, alike; the first does it.
  beforeAll(() => client.definePool('databases', 3))

  beforeEach(async () => {
    client.describe(expect.getState().currentTestName)
    database = await client.acquire('databases')
    conn = getConnection(database.number)
  })

  afterEach(() => database.release())

  it('queries a database that nobody else uses', async () => {
    const result = await conn.query('SELECT * FROM users')
    expect(result.rows).toHaveLength(2)

    const mine = (await client.listPool('databases')).find(({ number }) => number === database.number)
    expect(mine).toMatchObject({ state: 'held', pid: process.pid, test: expect.stringContaining('that nobody else uses') })
  })

  it('never gets a fourth', async () => {
    expect(conn.connId).toBeGreaterThanOrEqual(1)
    expect(conn.connId).toBeLessThanOrEqual(3)
  })
})
