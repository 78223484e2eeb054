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
