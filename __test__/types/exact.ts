// What the declarations say exactly: a type that widens or narrows by accident is found here.

import {
  Broker,
  type BrokerError,
  type BrokerEvents,
  Client,
  type ClientOptions,
  type LeaseOptions,
  type ListEntry,
  type SetOptions
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

holds<Same<keyof BrokerEvents, 'leaseExpired' | 'workerLost' | 'nearCapacity' | 'stopped'>>()
holds<Same<keyof SetOptions, 'ttl' | 'timeout' | 'signal'>>()
holds<Same<keyof LeaseOptions, 'ttl' | 'detached' | 'timeout' | 'signal'>>()
holds<Same<ClientOptions['secret'], string | false | null | undefined>>()
holds<Same<BrokerError['details'], Readonly<Record<string, unknown>>>>()
