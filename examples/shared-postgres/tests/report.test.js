import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { missingPostgres } from '../shared/database.js'
import { begin } from './setup.js'

describe('the report', { skip: missingPostgres() }, () => {
  /** @type {import('pg').Client} */
  let db
  before(async () => {
    db = await begin()
  })
  after(() => db?.end())

  it('sums up', async () => {
    const { rows } = await db.query('SELECT count(*)::int AS orders, sum(quantity)::int AS items FROM orders')
    assert.deepEqual(rows, [{ orders: 2, items: 5 }])
  })
})
