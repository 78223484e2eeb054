// A test worker in a process of its own, whose parent hosts the broker: prints what it measured.

import { createRequire } from 'node:module'
import { Client } from '../../index.js'
import { registerSharedWorker } from '../../lib/plugin/index.js'
import { measure } from './measure.mjs'

const { now, percentiles } = createRequire(import.meta.url)('../lib/sample')
const scale = JSON.parse(process.argv[2])

const client = new Client()
await client.set('key', 'value', 60_000)
const spans = []
for (let request = 0; request < 2 * scale.trips; request++) {
  const begin = now()
  await client.get('key')
  if (request >= scale.trips) spans.push(now() - begin)
}
await client.close()
const shared = registerSharedWorker({ filename: new URL('program.mjs', import.meta.url), supportedProtocols: ['ava-4'] })
const measured = await measure(shared, scale)
console.log(JSON.stringify({ ...measured, get: percentiles(spans).p50 }))
