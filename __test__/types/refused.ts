// What must not compile. A line that compiles after all is an error of its own: an unused @ts-expect-error.

import { Broker, type BrokerHealth, Client, cleanupPipe, type ListEntry } from 'ephemeral-broker'

const broker = new Broker()
const client = new Client()

export const refused = {
  // @ts-expect-error an option that there is not
  unknownOption: () => new Broker({ maxItem: 1 }),
  // @ts-expect-error a number as text
  textForNumber: () => new Broker({ defaultTTL: '1000' }),
  // @ts-expect-error a level that there is not
  unknownLevel: () => new Broker({ logLevel: 'verbose' }),
  // @ts-expect-error null is for those options alone that can be switched off
  nullForNumber: () => new Broker({ maxItems: null }),
  // @ts-expect-error a client makes no secrets
  madeSecret: () => new Client(null, { secret: true }),
  // @ts-expect-error options come second
  optionsFirst: () => new Client({ timeout: 1 }),

  // @ts-expect-error a key is text
  numberForKey: () => client.get(1),
  // @ts-expect-error a value of another type than is said
  otherType: () => client.set<number>('n', 'text'),
  // @ts-expect-error a set keeps a value
  noValue: () => client.set('key'),
  // @ts-expect-error the option is called ttl
  wrongName: () => client.set('key', 1, { ttlMs: 1 }),
  // @ts-expect-error a lease needs a worker
  noWorker: () => client.lease('accounts'),
  // @ts-expect-error a value cannot be detached
  detachedValue: () => client.set('key', 1, { detached: true }),
  // @ts-expect-error a blocking call cannot be given up
  signalWhenBlocking: () => client.getSync('key', { signal: AbortSignal.timeout(1) }),
  // @ts-expect-error nor this one
  signalWhenSetting: () => client.setSync('key', 1, { ttl: 1, signal: AbortSignal.timeout(1) }),
  // @ts-expect-error a promise is no value
  notAwaited: (): string => client.get<string>('key'),
  // @ts-expect-error the type that was asked for
  wrongResult: async (): Promise<string> => client.get<number>('key'),

  // @ts-expect-error whether it was set is not known before
  conditionHolds: async (): Promise<true> => client.set('key', 1, { ifAbsent: true }),
  // @ts-expect-error a policy that there is not
  unknownPolicy: () => client.definePool('pool', 4, { policy: 'fifo' }),
  // @ts-expect-error of several pools each has its own
  matchOfSeveral: () => client.acquire(['a', 'b'], { match: { a: 1 } }),
  // @ts-expect-error one lease, not several
  leaseAsArray: async () => (await client.acquire('pool'))[0],
  // @ts-expect-error it may not have been free
  lockMayBeNull: async () => (await client.tryLock('a')).release(),
  // @ts-expect-error it does not wait
  waitOfTry: () => client.tryLock('a', { wait: 5 }),
  // @ts-expect-error a blocking call cannot be given up
  signalWhenLocking: () => client.lockSync('a', { signal: AbortSignal.timeout(1) }),
  // @ts-expect-error a function
  noFunction: () => client.withLock('a'),
  // @ts-expect-error how many in all?
  noPermits: () => client.semaphore('a'),
  // @ts-expect-error in each span of what?
  noSpan: () => client.limit('api', { max: 1 }),
  // @ts-expect-error a barrier is for so many
  noParties: () => client.barrier('here'),
  // @ts-expect-error its value may be another's
  promiseWhenBlocking: (): string => client.onceSync('key', async () => 'abc'),
  // @ts-expect-error an item of another type than is said
  otherItem: () => client.queue<number>('q').push('text'),
  // @ts-expect-error there may be none in time
  jobMayBeNull: async () => (await client.queue('q').take()).ack(),
  // @ts-expect-error no replies were asked for
  noReplies: async () => (await client.publish('topic', 1)).replies(),
  // @ts-expect-error one reply, not several
  replyAsArray: async () => (await client.request('topic', 1))[0],
  // @ts-expect-error a policy that there is not
  unknownOverflow: () => client.subscribe('topic', { policy: 'newest' }),
  // @ts-expect-error of another type than is said
  otherMessage: async (): Promise<string> => (await client.request<number>('topic', 1)).data,
  // @ts-expect-error a value may be gone
  goneValue: async (): Promise<string> => (await client.getWithVersion<string>('key')).value,

  // @ts-expect-error an event that there is not
  unknownEvent: () => broker.on('workerlost', (lost: object) => lost),
  // @ts-expect-error an event brings one object
  wrongListener: () => broker.on('leaseExpired', (key: string) => key),
  // @ts-expect-error null when the worker did not say
  pidMayBeNull: () => broker.on('workerLost', ({ pid }) => pid.toFixed()),
  // @ts-expect-error who runs it decides
  setPipe: () => (broker.pipe = '/tmp/other'),
  // @ts-expect-error likewise
  setConnected: () => (client.connected = true),
  // @ts-expect-error a command is text
  commandAsArray: () => broker.spawn(['npx', 'jest']),
  // @ts-expect-error which pipe?
  noPipe: () => cleanupPipe(),
  // @ts-expect-error a time that may be never
  neverExpires: (entry: ListEntry) => new Date(entry.expires),
  // @ts-expect-error there are two states
  unknownStatus: (health: BrokerHealth) => health.status === 'dead'
}
