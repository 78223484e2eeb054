import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { missingPostgres } from '../shared/database.js'
import { begin } from './setup.js'

describe('orders that change', { skip: missingPostgres() }, () => {
  /** @type {import('pg').Client} */
  let db
  before(async () => {
    db = await begin()
  })
  after(() => db?.end())

  it('keep their numbers', async () => {
    const { rows } = await db.query('UPDATE orders SET quantity = quantity * 2 RETURNING id::int, quantity')
    assert.deepEqual(rows, [
      { id: 1, quantity: 2 },
      { id: 2, quantity: 8 }
    ])
  })
})
