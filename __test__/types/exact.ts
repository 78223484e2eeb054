// What the declarations say exactly: a type that widens or narrows by accident is found here.

import {
  Broker,
  type BrokerError,
  type BrokerEvents,
  type BrokerReport,
  Client,
  type ClientOptions,
  type Job,
  type Lease,
  type LeaseOptions,
  type ListEntry,
  type Lock,
  type Queue,
  type SetOptions,
  type WaitOptions
} from 'ephemeral-broker'
import { holds, type Same } from './support.js'

const broker = new Broker()
const client = new Client()

const typed = client.get<{ a: 1 }>('a')
holds<Same<typeof typed, Promise<{ a: 1 }>>>()
const untyped = client.get('a')
holds<Same<typeof untyped, Promise<any>>>()
const blocking = client.getSync<readonly string[]>('a')
holds<Same<typeof blocking, readonly string[]>>()
const kept = client.set('a', 1)
holds<Same<typeof kept, Promise<true>>>()
const number = client.lease('accounts', 'w')
holds<Same<typeof number, Promise<number>>>()
const entries = client.list()
holds<Same<typeof entries, Promise<Record<string, ListEntry>>>>()
const started = broker.start()
holds<Same<typeof started, Promise<string>>>()
const unheld = broker.unref()
holds<Same<typeof unheld, Broker>>()

const keptIf = client.set('a', 1, { ifAbsent: true })
holds<Same<typeof keptIf, Promise<boolean>>>()
const keptWithTtl = client.set('a', 1, { ttl: 1 })
holds<Same<typeof keptWithTtl, Promise<true>>>()
const stopped = broker.stop()
holds<Same<typeof stopped, Promise<BrokerReport>>>()

const one = client.acquire<{ a: 1 }>('pool', { match: { a: 1 } })
holds<Same<typeof one, Promise<Lease<{ a: 1 }>>>>()
const several = client.acquire(['a', { pool: 'b', match: { c: 1 } }])
holds<Same<typeof several, Promise<[Lease, Lease]>>>()
const perhaps = client.tryLock('a')
holds<Same<typeof perhaps, Promise<Lock | null>>>()
const within = client.withLock('a', async () => 7)
holds<Same<typeof within, Promise<number>>>()
const withinShared = client.withLock('a', { shared: true }, ({ shared }) => shared)
holds<Same<typeof withinShared, Promise<boolean>>>()
const made = client.once('a', async () => ({ token: 'abc' }))
holds<Same<typeof made, Promise<{ token: string }>>>()
const madeBlocking = client.onceSync('a', () => 7)
holds<Same<typeof madeBlocking, number>>()
const mine = client.reserve('a', 'b')
holds<Same<typeof mine, Promise<string[]>>>()
const queue = client.queue<{ file: string }>('files')
holds<Same<typeof queue, Queue<{ file: string }>>>()
const taken = queue.take()
holds<Same<typeof taken, Promise<Job<{ file: string }> | null>>>()

holds<
  Same<
    keyof BrokerEvents,
    'leaseExpired' | 'workerLost' | 'slowWait' | 'waited' | 'leaked' | 'sharedWorkerError' | 'nearCapacity' | 'stopped'
  >
>()
holds<Same<keyof SetOptions, 'ttl' | 'ifAbsent' | 'ifVersion' | 'timeout' | 'signal'>>()
holds<Same<keyof LeaseOptions, 'ttl' | 'detached' | 'wait' | 'timeout' | 'signal'>>()
holds<Same<keyof WaitOptions, 'wait' | 'timeout' | 'signal'>>()
holds<Same<ClientOptions['secret'], string | false | null | undefined>>()
holds<Same<BrokerError['details'], Readonly<Record<string, unknown>>>>()
