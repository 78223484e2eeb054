import { setTimeout } from 'node:timers/promises'

// A database with ten connections, numbered from 1. It stands for yours.
const users = [
  { id: 1, name: 'Ada' },
  { id: 2, name: 'Grace' }
]

const tables = { users }

export function getConnection(connId) {
  if (!Number.isInteger(connId) || connId < 1 || connId > 10) throw new RangeError(`there is no connection ${connId}`)
  return {
    connId,
    async query(sql) {
      const table = /^SELECT \* FROM (\w+)$/.exec(sql)?.[1]
      if (!Object.hasOwn(tables, table ?? '')) throw new Error(`cannot run: ${sql}`)
      return { rows: tables[table].map(row => ({ ...row })) }
    }
  }
}

/** Stands for a change that nobody may see half done. */
export async function migrate() {
  await setTimeout(20)
}
