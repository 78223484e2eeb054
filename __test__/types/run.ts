// `run()` as its users write it. Compiled here, and against the packed package in package.test.js; never run.

import {
  type AttemptResult,
  BrokerError,
  defineConfig,
  type RunConfig,
  type RunEvent,
  type RunOptions,
  type RunResult,
  run
} from 'ephemeral-broker'
import { holds, type Same } from './support.js'

const config = defineConfig({
  workers: '50%',
  mode: 'test',
  isolation: 'service',
  retries: { count: 2, delay: '1s', backoff: 'exponential' },
  timeout: '10m',
  reporter: ['list', ['junit', { output: 'junit.xml' }]],
  dir: { template: 'fixtures', files: { 'sites.jsonc': '[]' }, reset: 'failure' },
  server: { command: 'npm run dev', ready: { url: '/health', status: [200, 299] }, port: 9000 },
  services: [{ name: 'db', command: ['postgres', '-D', '{dir}'], scope: 'run', ready: false, for: ['e2e'] }],
  cache: { inputs: ['src/**'], env: ['NODE_ENV'], verify: 0.1 },
  groups: { heavy: { max: 1 } },
  rateLimits: { api: { perSecond: 10 } },
  pools: { accounts: [{ user: 'ann' }], seats: 4 },
  values: { host: 'x' },
  secrets: { command: 'sops -d secrets.yaml', format: 'yaml' },
  projects: [{ name: 'e2e', list: 'go test ./e2e -list .', run: ['go', 'test', './e2e', '-run', '^{test}$'], limits: ['api'] }],
  overrides: [{ where: { tag: 'slow' }, timeout: 60_000, dependsOn: ['e2e'] }],
  profiles: { ci: { retries: 1, overrides: [{ where: { project: 'e2e' }, leaks: 'fail' }] } }
})
holds<Same<typeof config, RunConfig>>()

/** A reporter: each event by its type. */
function told(event: RunEvent): string {
  switch (event.type) {
    case 'runStarted':
      return `${event.total} tests in ${event.root}`
    case 'setupStarted':
      return event.step
    case 'setupFinished':
      return event.error?.message ?? event.step
    case 'workerReady':
      return `${event.worker} ${event.dir} ${event.url ?? ''}`
    case 'workerLost':
      return event.replaced ? event.reason : 'gone'
    case 'serverStarted':
      return `${event.server} ${event.pid} ${event.port ?? ''}`
    case 'serverReady':
      return event.url ?? event.server
    case 'serverFailed':
      return event.output
    case 'serverStopped':
      return event.server
    case 'testStarted':
      return `${event.id} ${event.attempt} ${event.expected ?? ''}`
    case 'testOutput':
      return event.text
    case 'testSlow':
      return `${event.id} ${event.timeout}`
    case 'attemptFinished':
      return `${event.result.status} ${event.retryIn ?? ''}`
    case 'testFinished':
      return event.result.status
    case 'waited':
      return `${event.id ?? 'the run'} ${event.resource}`
    case 'stopping':
      return event.reason
    case 'runFinished':
      return `${event.result.exitCode}`
    default:
      // No event is without its case.
      return event satisfies never
  }
}

export async function main(signal: AbortSignal): Promise<number> {
  const options: RunOptions = { signal, onEvent: event => void told(event), grep: /api/i, shard: { index: 1, count: 2 }, lastFailed: true }
  try {
    const result: RunResult = await run(config, options)
    const last: AttemptResult | undefined = result.tests.at(-1)?.attempts.at(-1)
    for (const [group, { passed, total, counts }] of Object.entries(result.groups)) console.log(group, passed / total, counts.timed_out)
    console.log(last?.output?.length, result.broker?.pools, result.notes.join(), result.shard?.digest)
    return result.exitCode
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'invalid_config') return 2
    throw error
  }
}

export const withoutConfig: Promise<RunResult> = run()
export const ofFile: Promise<RunResult> = run('ephemeral-broker.toml', { profile: 'ci', root: '.' })

// @ts-expect-error a server's own name is not a number
defineConfig({ server: { command: 'x', name: 1 } })
// @ts-expect-error there is no such setting
defineConfig({ worker: 2 })
// @ts-expect-error there is no such isolation
defineConfig({ isolation: 'process-group' })
// @ts-expect-error no event is called so
export const wrong: RunEvent = { type: 'testEnded', at: 0 }
