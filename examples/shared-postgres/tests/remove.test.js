import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { missingPostgres } from '../shared/database.js'
import { begin } from './setup.js'

describe('orders that are taken back', { skip: missingPostgres() }, () => {
  /** @type {import('pg').Client} */
  let db
  before(async () => {
    db = await begin()
  })
  after(() => db?.end())

  it('are gone, all of them', async () => {
    await db.query('DELETE FROM orders')
    const { rows } = await db.query('SELECT * FROM orders')
    assert.deepEqual(rows, [])
  })
})
