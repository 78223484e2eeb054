// The coordination primitives as their users write them. Compiled here, and against the packed package in package.test.js; never run.

import {
  type AcquireOptions,
  type Blocked,
  Broker,
  type BrokerError,
  type BrokerReport,
  type Client,
  type Held,
  type Inspection,
  type Job,
  type Lease,
  type Lock,
  type LockOptions,
  type Message,
  type Messages,
  type OnceOptions,
  type Permits,
  type PoolDefinition,
  type Published,
  type PublishedForReplies,
  type Queue,
  type QueueFailure,
  type Semaphore,
  type SemaphoreOptions,
  type SubscribeOptions,
  type Subscription,
  type WaitOptions
} from 'ephemeral-broker'

interface Account {
  user: string
  role: 'admin' | 'user'
}

const accounts: readonly Account[] = [{ user: 'ann', role: 'admin' }]
const definition: PoolDefinition = { values: accounts, policy: 'random' }

export async function host(): Promise<BrokerReport> {
  await using broker = new Broker({ pools: { accounts, databases: 4, devices: definition }, slowWait: 0 })
  broker.on('slowWait', ({ kind, name, worker, holders, waited }: Blocked) => {
    console.log(kind, name, worker, waited.toFixed(), holders[0]?.heldFor, holders[0]?.test)
  })
  const inspection: Inspection = await broker.inspect()
  const timings = await broker.collect<{ ms: number }>('timings')
  const files: Queue<string> = broker.queue<string>('files', { maxAttempts: 2 })
  await files.push('a', 'b')
  console.log(inspection.sessions[0]?.waits[0]?.ahead, timings[0]?.ms)
  const report = await broker.stop()
  for (const { name, number, worker, test } of report.leaked) console.log(name, number?.toFixed(), worker, test)
  console.log(report.leakedCount, report.longestWaits[0]?.waited, report.pools[0]?.peak)
  return report
}

export async function topics(client: Client, signal: AbortSignal): Promise<void> {
  const options: SubscribeOptions = { policy: 'latest', limit: 10, signal }
  const progress: Subscription<{ done: number }> = client.subscribe<{ done: number }>('progress', options)
  await progress.ready
  const { id, receivers }: Published = await client.publish('progress', new Map([[1, { done: 1 }]]), { timeout: 10 })
  console.log(id.toFixed(), receivers.toFixed())
  for await (const message of progress) {
    const delivered: boolean = await message.reply(message.data.done)
    console.log(delivered, message.dropped.toFixed(), message.topic)
  }
  const published: PublishedForReplies<string> = await client.publish<string>('who', null, { replies: true, limit: 5 })
  await using replies: Messages<string> = published.replies({ signal })
  for await (const message of replies) console.log(message.data.length)
  const answer: Message<bigint> = await client.request<bigint>('double', 21n, { timeout: 1000, signal })
  console.log(answer.data * 2n)
}

export async function pools(client: Client, signal: AbortSignal): Promise<void> {
  const size: number = await client.definePool('accounts', accounts, { policy: 'lru', timeout: 10 })
  await client.definePool('databases', 4)
  await client.addToPool('accounts', [{ user: 'bob' }])
  for (const { number, value, state, worker, reason } of await client.listPool<Account>('accounts')) {
    console.log(number, value.user, state === 'discarded' ? reason : worker, size)
  }
  const options: AcquireOptions = { match: { role: 'admin' }, wait: Number.POSITIVE_INFINITY, ttl: 1000, signal }
  await using lease: Lease<Account> = await client.acquire<Account>('accounts', options)
  const held: Held = lease
  lease.signal.addEventListener('abort', () => console.log((lease.signal.reason as BrokerError).code))
  await lease.renew(1000)
  await lease.renew()
  const discarded: boolean = await lease.discard('locked out')
  console.log(lease.value.role, lease.number, lease.pool, held.token, held.waited, discarded, held.releaseSync())

  const [account, database] = await client.acquire(['accounts', { pool: 'databases', match: { a: { b: 1 } } }] as const, { wait: 0 })
  const [first, second]: [Lease, Lease] = await client.acquire(['accounts', { pool: 'databases' }])
  const names: string[] = ['accounts', 'databases']
  const any: Lease[] = await client.acquire(names)
  const blocking: Lease<Account> = client.acquireSync<Account>('accounts', { match: { role: 'user' } })
  const several: Lease[] = client.acquireSync(['accounts', 'databases'])
  console.log(account.value, database.number, first.value, second.token, any[0]?.number, blocking.value.user, several.length)
  const number: number = await client.lease('databases', 'worker-1', { wait: 0 })
  console.log(number)
}

export async function locks(client: Client): Promise<void> {
  const options: LockOptions = { shared: true, wait: 10, timeout: 5, signal: AbortSignal.timeout(1) }
  const lock: Lock = await client.lock('a', options)
  const released: boolean = await lock.release()
  const blocking: Lock = client.lockSync('a', { shared: true, wait: 1 })
  const maybe: Lock | null = await client.tryLock('a', { shared: true })
  await maybe?.release()
  const text: string = await client.withLock('a', ({ name }) => name)
  await client.withLock('a', options, async ({ signal }) => signal.throwIfAborted())
  console.log(released, blocking.name, blocking.shared, text)

  const semaphore: Semaphore = client.semaphore('browsers', 3)
  const some: SemaphoreOptions = { amount: 2, wait: 1 }
  const permits: Permits = await semaphore.acquire(some)
  await permits.release(1)
  permits.releaseSync()
  const few: Permits | null = await semaphore.tryAcquire({ amount: 1 })
  const count: number = await semaphore.with(({ amount }) => amount, some)
  console.log(few?.amount, count, semaphore.acquireSync().token, semaphore.name, semaphore.permits)

  const mine: string[] = await client.reserve('a', 'b')
  const given: number = await client.unreserve(...mine)
  const port: number = await client.getPort({ port: [8080, 0] as const, host: '::1', timeout: 10 })
  const free: boolean = await client.releasePort(port)
  console.log(given, free)
}

export async function values(client: Client, signal: AbortSignal): Promise<void> {
  const options: OnceOptions = { ttl: 1000, refresh: 10, onError: 'all', wait: 1, signal }
  const token: string = await client.once('token', async () => 'abc', options)
  const number: number = client.onceSync('number', () => 7, { ttl: 1 })
  const wait: WaitOptions = { wait: 10 }
  const server = await client.waitFor<{ port: number }>('server', wait)
  const again = client.waitForSync<{ port: number }>('server')
  for await (const { value, version } of client.watch<string>('phase', { signal })) console.log(value?.length, version)
  const next: number = await client.incr('orders')
  client.incrSync('budget', -5, { ttl: 1 })
  const { value = [], version } = await client.getWithVersion<string[]>('seen')
  const set: boolean = await client.set('seen', [...value, 'a'], { ttl: 60_000, ifVersion: version })
  const setToo: boolean = client.setSync('seen', value, { ifAbsent: true })
  const seen: string[] = await client.update<string[]>('seen', async (list = []) => [...list, 'a'], { ttl: 1 })
  const length: number = await client.append('timings', { ms: 1 }, 2)
  const all: number[] = await client.collect<number>('timings')
  console.log(token, number, server.port, again.port, next, set, setToo, seen, length, client.appendSync('timings'), all)
}

export async function flow(client: Client): Promise<void> {
  const queue: Queue<string> = client.queue<string>('files')
  const ready: number = await queue.push('a')
  const job: Job<string> | null = await queue.take({ wait: 0 })
  await job?.nack(new Error('no'))
  console.log(job?.releaseSync())
  for await (const { value, attempt, token, waited, ack, nack, release, signal } of queue) {
    console.log(value.length, attempt, token, waited, signal.aborted, [ack, nack, release])
  }
  const { acked, failures } = await queue.done({ wait: 1 })
  const failure: QueueFailure<string> | undefined = failures[0]
  console.log(ready, acked, failure?.value.length, failure?.attempts, failure?.reason, failure?.worker)

  await client.limit('api', { max: 1, per: 1000, burst: 1 })
  const waited: number = await client.throttle('api', 3, { wait: 1 })
  const place: number = await client.barrier('ready', 4)
  client.describe('logs in')
  client.describe(null)
  const { pools, queues, limits, barriers } = await client.inspect()
  console.log(waited, client.throttleSync('api'), place, pools[0]?.peak, queues[0]?.ready, limits[0]?.passed, barriers[0]?.broken)
}
