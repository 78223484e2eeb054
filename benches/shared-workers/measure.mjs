import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'

const { now, percentiles } = createRequire(import.meta.url)('../lib/sample')

/** Messages that are published before the loop has a turn. */
const BURST = 100

/** @param {any} published */
async function replied(published) {
  for await (const _ of published.replies()) return
}

/**
 * The same of both: what `registerSharedWorker` of AVA or of this package gave.
 *
 * @param {any} shared
 * @param {{ trips: number, messages: number }} scale
 */
export async function measure(shared, { trips, messages }) {
  await shared.available
  const spans = []
  for (let trip = 0; trip < 2 * trips; trip++) {
    const begin = now()
    await replied(shared.publish({ trip }))
    if (trip >= trips) spans.push(now() - begin)
  }
  const rates = []
  for (let round = 0; round < 2; round++) {
    const begin = now()
    let last
    for (let sent = 0; sent < messages; sent++) {
      last = shared.publish({ until: messages, sent })
      // The reply to the last must be subscribed to in the turn in which it is published.
      if (sent % BURST === BURST - 1 && sent < messages - 1) await turn()
    }
    await replied(last)
    rates.push(messages / ((now() - begin) / 1e6))
  }
  return { ...percentiles(spans), rate: rates[1] }
}
