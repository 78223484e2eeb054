import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { missingPostgres } from '../shared/database.js'
import { begin } from './setup.js'

describe('new orders', { skip: missingPostgres() }, () => {
  /** @type {import('pg').Client} */
  let db
  before(async () => {
    db = await begin()
  })
  after(() => db?.end())

  it('are added to those of the schema', async () => {
    await db.query("INSERT INTO orders (customer, item, quantity) VALUES ('eve', 'table', 2)")
    const { rows } = await db.query('SELECT customer FROM orders ORDER BY id')
    assert.deepEqual(rows, [{ customer: 'ann' }, { customer: 'bob' }, { customer: 'eve' }])
  })

  it('are of something', async () => {
    const none = db.query("INSERT INTO orders (customer, item, quantity) VALUES ('eve', 'table', 0)")
    await assert.rejects(none, { constraint: 'orders_quantity_check' })
  })
})
