// The whole API as its users write it. Compiled here, and against the packed package in package.test.js; never run.

import type { ChildProcess } from 'node:child_process'
import {
  Broker,
  BrokerError,
  type BrokerErrorCode,
  type BrokerEvents,
  type BrokerHealth,
  type BrokerOptions,
  type BrokerStats,
  type Capacity,
  Client,
  type ClientOptions,
  checkReadiness,
  cleanupPipe,
  type LeaseOptions,
  type ListEntry,
  type LogLevel,
  makePipePath,
  type RequestOptions,
  type SetOptions,
  type SyncOptions
} from 'ephemeral-broker'

interface Account {
  user: string
  roles: readonly string[]
}

export const everyBrokerOption: Required<BrokerOptions> = {
  defaultTTL: 60_000,
  requireTTL: false,
  refreshTTLOnGet: true,
  maxItems: 0,
  maxValueSize: 1024,
  maxRequestSize: 4096,
  maxConnections: 100,
  sweeperInterval: 1000,
  secret: true,
  pipeId: 'my-tests',
  debug: false,
  logLevel: 'info',
  structuredLogging: true,
  idleTimeout: null,
  heartbeatInterval: null,
  compression: true,
  compressionThreshold: 2048,
  metrics: false,
  leaseStart: 0,
  handleSignals: true,
  drainPeriod: 1000,
  pools: { accounts: [{ user: 'ann' }] as const, databases: 4, devices: { values: ['a'], policy: 'lru' }, slots: { size: 2 } },
  slowWait: null,
  longWait: null
}

// What comes from a configuration may be undefined, under exactOptionalPropertyTypes too.
const maybe: { secret: string | undefined; maxItems: number | undefined; level: LogLevel | undefined } = {
  secret: process.env['SECRET'],
  maxItems: undefined,
  level: undefined
}
export const brokerFromConfiguration: BrokerOptions = { secret: maybe.secret, maxItems: maybe.maxItems, logLevel: maybe.level }
export const clientFromConfiguration: ClientOptions = { secret: maybe.secret, timeout: maybe.maxItems, name: undefined }

export async function host(): Promise<void> {
  const broker: Broker = new Broker(brokerFromConfiguration)
  const pipe: string = await broker.start()
  const same: string = broker.pipe
  const running: boolean = broker.running
  const child: ChildProcess = broker.spawn('npx', ['jest'], { cwd: '/', stdio: 'pipe' })
  broker.spawn('jest', ['--ci'] as const)
  broker.unref().ref().unref()
  const complete: boolean = await broker.drain()
  await broker.drain(1000)
  await broker.stop()
  console.log(pipe, same, running, child.pid, complete)

  await using forABlock = new Broker()
  await forABlock.start()
}

export function events(broker: Broker): void {
  broker
    .on('leaseExpired', ({ key, workerId, number, token, name, pid }) => {
      const all: [string, string, number, number, string | null, number | null] = [key, workerId, number, token, name, pid]
      console.log(all)
    })
    .on('workerLost', ({ name, pid, leases }) => {
      for (const { key, workerId, number } of leases) console.log(name, pid, key, workerId, number.toFixed())
    })
    .once('nearCapacity', ({ items, maxItems, utilization }) => console.log(items / maxItems, utilization))
    .on('stopped', ({ reason, error }) => {
      const why: 'stop' | 'idle' | 'failure' = reason
      console.log(why, error?.code)
    })
  const handler = (...[lost]: BrokerEvents['workerLost']) => console.log(lost.leases.length)
  broker.off('workerLost', handler)
}

export async function worker(): Promise<void> {
  const client: Client = new Client()
  new Client('/tmp/pipe')
  new Client(undefined, clientFromConfiguration)
  new Client(null, { timeout: 1000, debug: true, secret: false, compression: true, compressionThreshold: 1, name: 'w', allowNoTtl: true })
  const where: [string, boolean] = [client.pipe, client.connected]

  const account = await client.get<Account>('account')
  console.log(account.user, account.roles[0], where)
  const untyped: string = await client.get('token')
  const noFallback: Account | null = await client.get<Account>('account', { timeout: 100 }).catch(() => null)
  console.log(untyped, noFallback?.user)

  const stored: true = await client.set('token', 'abc', 60_000)
  await client.set<Account>('account', { user: 'a', roles: [] }, { ttl: 1000, timeout: 100, signal: AbortSignal.timeout(10) })
  await client.set('setup', true)
  const removed: boolean = await client.del('token', { timeout: 1 })
  const there: boolean = await client.has('token')
  const keys: Record<string, ListEntry> = await client.list()
  for (const [key, { expires, hasValue }] of Object.entries(keys))
    console.log(key, expires === null ? 'never' : new Date(expires), hasValue)

  const number: number = await client.lease('accounts', 'worker-1')
  await client.lease('accounts', 'worker-1', 10_000)
  await client.lease('accounts', 'worker-1', { ttl: 10_000, detached: true, timeout: 5, signal: new AbortController().signal })
  const released: boolean = await client.release('worker-1')
  await client.release('worker-1', 'accounts')
  await client.release('worker-1', undefined, { timeout: 10 })
  console.log(stored, removed, there, number, released)

  const ms: number = await client.ping()
  const stats: BrokerStats = await client.stats()
  const capacity: Capacity = stats.capacity
  const health: BrokerHealth = await client.health({ timeout: 10 })
  const text: string = await client.metrics()
  console.log(ms, stats.leases, stats.memory.rss, capacity.warning === 'near_capacity', health.status === 'degraded', text.length)
  console.log(health.ok, health.connections.draining, health.memory.heapTotal, stats.uptime, stats.sessions, stats.connections, stats.items)
  await client.close()

  await using forABlock = new Client()
  await forABlock.ping()
}

export function blocking(client: Client): void {
  for (const name of client.getSync<string[]>('cases')) console.log(name.toUpperCase())
  const stored: true = client.setSync('token', { any: ['thing', 1, null] }, { ttl: 1, timeout: 2 })
  client.setSync<number>('n', 1, 1000)
  const removed: boolean = client.delSync('token')
  const there: boolean = client.hasSync('token', { timeout: 1 })
  const keys: Record<string, ListEntry> = client.listSync()
  const number: number = client.leaseSync('accounts', 'w', { ttl: 1, detached: false })
  const released: boolean = client.releaseSync('w', 'accounts', { timeout: 1 })
  const ms: number = client.pingSync()
  console.log(stored, removed, there, Object.keys(keys), number, released, ms)
}

export async function failures(client: Client): Promise<BrokerErrorCode | undefined> {
  try {
    await client.get('key')
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error
    const asError: Error = error
    const code: string = error.code
    console.log(asError.message, code, error.details['key'], error.cause)
    switch (error.code) {
      case 'not_found':
      case 'expired':
        return error.code
      case 'what_a_newer_broker_says':
        return undefined
    }
  }
  throw new BrokerError('not_found', 'key', { cause: new Error('why'), details: { key: 'key' } })
}

export async function helpers(): Promise<[string, boolean, boolean]> {
  makePipePath()
  await checkReadiness()
  return [makePipePath('my-tests'), cleanupPipe('/tmp/pipe'), await checkReadiness('/tmp/pipe', 1000)]
}

// Options are passed on by those who wrap a client.
export class Wrapper {
  readonly #client = new Client()
  get = (key: string, options?: RequestOptions) => this.#client.get<Account>(key, options)
  getSync = (key: string, options?: SyncOptions) => this.#client.getSync<Account>(key, options)
  set = (key: string, value: Account, options?: SetOptions) => this.#client.set(key, value, options)
  lease = (key: string, workerId: string, options?: LeaseOptions) => this.#client.lease(key, workerId, options)
  release = (workerId: string, key?: string, options?: RequestOptions) => this.#client.release(workerId, key, options)
}
