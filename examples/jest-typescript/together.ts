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
  await client.append(`together/${topic}`, word)
  try {
    await client.barrier(`together/${topic}`, WORKERS, { wait: PATIENCE_MS })
  } catch (cause) {
    throw new Error(`Not all ${WORKERS} workers came. All test files must run at once: not with --runInBand, nor one alone.`, { cause })
  }
  return client.collect<T>(`together/${topic}`)
}
