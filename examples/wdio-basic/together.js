const WORKERS = 5
const PATIENCE_MS = 90_000

/**
 * Says something to the other workers, waits until all five have said theirs, and returns what they said.
 * What a worker holds when it says so, it holds until everybody has spoken: so all five hold theirs at the same time.
 */
export async function together(client, topic, word = null) {
  await client.append(`together/${topic}`, word)
  try {
    await client.barrier(`together/${topic}`, WORKERS, { wait: PATIENCE_MS })
  } catch (cause) {
    throw new Error(`Not all ${WORKERS} workers came. All specs must run at once, not one alone.`, { cause })
  }
  return client.collect(`together/${topic}`)
}
