// A test worker that opens a database of its own, says which, answers what it is asked on its standard input, and stays.
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const { openDatabase } = await import(pathToFileURL(process.argv[2]).href)
const db = await openDatabase()
// The server goes first when everything is killed.
db.on('error', () => {})
const { rows } = await db.query('SELECT current_database() AS name, pg_backend_pid() AS backend')
console.log(`${process.argv[3]} holds ${rows[0].name}, process ${process.pid}`)
for await (const _ of createInterface({ input: process.stdin })) {
  const { rows } = await db.query("SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY datname")
  console.log(`there are: ${rows.map(({ datname }) => datname).join(' ')}.`)
}
await db.end()
