// The same in AVA, in its test worker: what it measured goes into the file that the environment names.
import { writeFileSync } from 'node:fs'
import test from 'ava'
import { registerSharedWorker } from 'ava/plugin'
import { measure } from './measure.mjs'

const shared = registerSharedWorker({ filename: new URL('program.mjs', import.meta.url), supportedProtocols: ['ava-4'] })

test('measure', async t => {
  t.timeout(120_000)
  const measured = await measure(shared, JSON.parse(process.env.SHARED_WORKERS_SCALE))
  writeFileSync(process.env.SHARED_WORKERS_RESULT, JSON.stringify(measured))
  t.pass()
})
