import type { Client } from 'ephemeral-broker'

const WORKERS = 5
const PATIENCE_MS = 45_000

/** For tests that wait for the other workers: a little more than their patience. */
export const TOGETHER_MS = PATIENCE_MS + 10_000

/**
 * Says something to the other workers, waits until all five have said theirs, and returns what they said.
 * What a worker holds when it says so, it holds until everybody has spoken: so all five hold theirs at the same time.
 */
export async function together<T>(client: Client, topic: string, word: T): Promise<T[]> {
  const prefix = `together/${topic}/`
  await client.set<T>(`${prefix}${process.pid}`, word)
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const keys = Object.keys(await client.list()).filter(key => key.startsWith(prefix))
    if (keys.length >= WORKERS) return Promise.all(keys.map(key => client.get<T>(key)))
    if (Date.now() > deadline) {
      throw new Error(
        `${topic}: ${keys.length} of ${WORKERS} workers came. All test files must run at once: not with --runInBand, nor one alone.`
      )
    }
  }
}
