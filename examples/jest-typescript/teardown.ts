import type { BrokerReport } from 'ephemeral-broker'
import './setup'

interface Visit {
  readonly user: string
  readonly worker: string
}

export default async function globalTeardown(): Promise<void> {
  const visits = await globalThis.__BROKER__?.collect<Visit>('visits')
  const report: BrokerReport | undefined = await globalThis.__BROKER__?.stop()
  for (const { user, worker } of visits ?? []) console.log(`broker: ${worker} signed in as ${user}`)
  for (const { name, size, peak } of report?.pools ?? []) {
    if (size !== null) console.log(`broker: at most ${peak} of ${size} ${name} were in use`)
  }
  for (const { name, worker, test } of report?.leaked ?? []) console.log(`broker: ${worker} did not release ${name}, in '${test}'`)
  console.log(`broker: ${report?.leakedCount} were not released`)
}
