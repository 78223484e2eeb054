import { Client } from 'ephemeral-broker'
import { openDatabase } from '../shared/database.js'

const FILES = 4

/** A database, when all test files have theirs: they work at the same time here, to show that it does not matter. */
export async function begin() {
  const db = await openDatabase()
  const { rows } = await db.query('SELECT current_database() AS name, pg_postmaster_start_time()::text AS started')
  console.log(`process ${process.pid} has ${rows[0].name} of the server started at ${rows[0].started}`)
  const client = new Client()
  try {
    await client.barrier('all have a database', FILES)
  } finally {
    await client.close()
  }
  return db
}
