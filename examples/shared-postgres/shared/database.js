import { readFileSync } from 'node:fs'
import { registerSharedWorker } from 'ephemeral-broker/plugin'
import pg from 'pg'

export { missingPostgres } from './binaries.js'

/** @typedef {import('ephemeral-broker/plugin').SharedWorker.Plugin.Protocol<'database', import('./program.js').Answer>} Program */

/**
 * A connection to a database that nobody else has. It has what is in `schema.sql`, and is dropped when the test worker ends.
 * @returns {Promise<pg.Client>} to be closed with `end()`
 */
export async function openDatabase() {
  /** @type {Program} */
  const shared = registerSharedWorker({
    filename: new URL('program.js', import.meta.url),
    initialData: { schema: readFileSync(new URL('../schema.sql', import.meta.url), 'utf8') },
    supportedProtocols: ['ava-4']
  })
  await shared.available
  const client = new pg.Client(await ask(shared))
  await client.connect()
  return client
}

/** @param {Program} shared */
async function ask(shared) {
  const { value } = await shared.publish('database').replies().next()
  if (!value || 'error' in value.data) throw new Error(value?.data.error ?? 'the test worker has ended')
  return value.data.address
}
