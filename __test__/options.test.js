// @ts-nocheck: much of this says what the types forbid.
const assert = require('node:assert/strict')
const { describe, it, beforeEach, afterEach } = require('node:test')
const { Broker, Client, BrokerError, makePipePath, checkReadiness } = require('..')

const VARIABLES = /^(BROKER|CLIENT|EPHEMERAL)_/
/** @type {Array<[string, string | undefined]>} */
let saved

beforeEach(() => {
  saved = Object.entries(process.env).filter(([name]) => VARIABLES.test(name))
  for (const [name] of saved) delete process.env[name]
})

afterEach(() => {
  for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) delete process.env[name]
  for (const [name, value] of saved) process.env[name] = value
})

/**
 * Runs `use` with a client of a broker with these options.
 * @param {import('..').BrokerOptions} options
 * @param {(client: import('..').Client, broker: import('..').Broker) => unknown} use
 */
async function withBroker(options, use) {
  const broker = new Broker(options)
  await broker.start()
  const client = new Client(broker.pipe)
  try {
    return await use(client, broker)
  } finally {
    await client.close()
    await broker.stop()
  }
}

/** @type {(promise: Promise<unknown>, code: string) => Promise<void>} */
const rejectsWith = (promise, code) =>
  assert.rejects(promise, error => error instanceof BrokerError && error.code === code && error.message.startsWith(code))

describe('options of the broker', () => {
  /** What a broker does that shows the option's effect: the option, its environment variable and text, and the proof. */
  /** @type {Array<[string, unknown, string, string, (client: import('..').Client, broker: import('..').Broker) => unknown]>} */
  const effects = [
    ['requireTTL', false, 'BROKER_REQUIRE_TTL', 'false', client => client.set('k', 1)],
    ['requireTTL', true, 'BROKER_REQUIRE_TTL', '1', client => rejectsWith(client.set('k', 1), 'ttl_required')],
    [
      'maxItems',
      1,
      'BROKER_MAX_ITEMS',
      '1',
      async client => {
        await client.set('a', 1, 60_000)
        await rejectsWith(client.set('b', 1, 60_000), 'max_items')
      }
    ],
    [
      'maxValueSize',
      10,
      'BROKER_MAX_VALUE_SIZE',
      '10',
      async client => {
        await client.set('a', '12345678', 60_000)
        await rejectsWith(client.set('a', 'ü2345678', 60_000), 'too_large')
      }
    ],
    ['maxRequestSize', 200, 'BROKER_MAX_REQUEST_SIZE', '200', client => rejectsWith(client.set('a', 'x'.repeat(300), 60_000), 'too_large')],
    [
      'maxConnections',
      1,
      'BROKER_MAX_CONNECTIONS',
      '1',
      async client => {
        await client.ping()
        const other = new Client(client.pipe)
        await rejectsWith(other.ping(), 'too_many_connections')
        await other.close()
      }
    ],
    ['leaseStart', 0, 'BROKER_LEASE_START', '0', async client => assert.equal(await client.lease('k', 'w'), 0)],
    ['metrics', false, 'BROKER_METRICS', '0', async client => assert.match(await client.metrics(), /^# metrics are off/)],
    [
      'defaultTTL',
      20,
      'BROKER_DEFAULT_TTL',
      '20',
      async (client, broker) => {
        const expired = new Promise(resolve => broker.once('leaseExpired', resolve))
        await client.lease('k', 'w')
        assert.equal((await expired).workerId, 'w')
      }
    ],
    [
      'secret',
      's3cret',
      'EPHEMERAL_SECRET',
      's3cret',
      async client => {
        const stranger = new Client(client.pipe, { secret: 'wrong' })
        await rejectsWith(stranger.ping(), 'auth_failed')
        await stranger.close()
      }
    ]
  ]
  for (const [name, value, variable, text, proof] of effects) {
    it(`${name}: ${value}`, async () => {
      if (name === 'secret') process.env.EPHEMERAL_SECRET = String(value)
      await withBroker({ [name]: value }, proof)
    })
    it(`${name} from ${variable}=${text}, also where the option is undefined`, async () => {
      process.env[variable] = text
      await withBroker({ [name]: undefined }, proof)
    })
  }

  it('what is given comes before the environment', async () => {
    process.env.BROKER_MAX_ITEMS = '1'
    await withBroker({ maxItems: 2, requireTTL: false }, async client => {
      await client.set('a', 1)
      await client.set('b', 1)
    })
  })

  it('a value that is not allowed is named, with what is', () => {
    const wrong = [
      [{ maxItems: -1 }, /maxItems of Broker must be a whole number.*from 0 on, not -1/],
      [{ maxItems: 1.5 }, /not 1.5/],
      [{ defaultTTL: Number.NaN }, /defaultTTL .*milliseconds.*not NaN/],
      [{ defaultTTL: '5' }, /not "5"/],
      [{ logLevel: 'loud' }, /one of debug, info, warn, error, silent, not "loud"/],
      [{ secret: '' }, /secret .*not empty/],
      [{ secret: 7 }, /not 7/],
      [{ requireTTL: 'no' }, /true or false.*"no"/],
      [{ pipeId: 'a/b' }, /pipeId must be.*"a\/b"/],
      [{ requireTtl: false }, /no option "requireTtl"; there are .*requireTTL/],
      ['pipe', /object of options, not "pipe"/]
    ]
    for (const [options, message] of wrong) {
      assert.throws(
        () => new Broker(options),
        error => error.code === 'invalid_option' && message.test(error.message),
        String(message)
      )
    }
  })

  it('a variable that is not allowed is named, with what is', () => {
    process.env.BROKER_MAX_ITEMS = '10k'
    assert.throws(() => new Broker(), /invalid_option: the environment variable BROKER_MAX_ITEMS must be a whole number.*not "10k"/)
  })

  it('secret: true makes one for this broker and its workers alone', async () => {
    await withBroker({ secret: true }, async client => {
      assert.match(process.env.EPHEMERAL_SECRET, /^[0-9a-f]{64}$/)
      // The client was made when the environment had it.
      await client.ping()
    })
    assert.equal(process.env.EPHEMERAL_SECRET, undefined)
  })

  it('secret: false asks for none whatever the environment says', async () => {
    process.env.EPHEMERAL_SECRET = 'abc'
    const broker = new Broker({ secret: false })
    await broker.start()
    const client = new Client(broker.pipe, { secret: false })
    await client.ping()
    await client.close()
    await broker.stop()
  })
})

describe('options of the client', () => {
  it('without a pipe it says which variable is missing and which hook sets it', () => {
    assert.throws(
      () => new Client(),
      error =>
        error.code === 'no_pipe' &&
        /EPHEMERAL_PIPE/.test(error.message) &&
        /globalSetup/.test(error.message) &&
        /onPrepare/.test(error.message)
    )
  })

  it('timeout, from CLIENT_TIMEOUT too', async () => {
    process.env.CLIENT_TIMEOUT = '30'
    const client = new Client(makePipePath())
    await rejectsWith(client.ping(), 'broker_unreachable')
    await client.close()
    assert.throws(() => new Client('p', { timeout: 0 }), /timeout of Client must be a number of milliseconds above 0, not 0/)
    assert.throws(() => new Client('p', { time: 5 }), /no option "time"/)
    assert.throws(() => new Client(7), /a string, not 7/)
  })

  it('bad arguments are told by code, and nothing is sent', async () => {
    await withBroker({ requireTTL: false }, async client => {
      await rejectsWith(client.get(), 'key_required')
      await rejectsWith(client.get(''), 'key_required')
      await rejectsWith(client.get(7), 'invalid_request')
      await rejectsWith(client.set('k'), 'invalid_value')
      await rejectsWith(
        client.set('k', () => 1),
        'invalid_value'
      )
      await rejectsWith(client.set('k', 1n), 'invalid_value')
      await rejectsWith(client.set('k', 1, -5), 'invalid_ttl')
      await rejectsWith(client.set('k', 1, Number.NaN), 'invalid_ttl')
      await rejectsWith(client.set('k', 1, '5'), 'invalid_ttl')
      await rejectsWith(client.lease('k'), 'key_and_worker_required')
      await rejectsWith(client.lease('', 'w'), 'key_and_worker_required')
      await rejectsWith(client.release(), 'worker_required')
      await rejectsWith(client.get('k', { timeout: -1 }), 'invalid_option')
      assert.throws(
        () => client.getSync(),
        error => error.code === 'key_required'
      )
      assert.deepEqual(await client.list(), {})
    })
  })

  it('a worker may be named by its number', async () => {
    await withBroker({}, async client => {
      assert.equal(await client.lease('k', process.pid), 1)
      assert.equal(await client.release(String(process.pid)), true)
    })
  })
})

describe('readiness', () => {
  it('is whether a broker answers and has room', async () => {
    assert.equal(await checkReadiness(), false)
    assert.equal(await checkReadiness(makePipePath(), 20), false)
    await withBroker({ maxItems: 1 }, async (client, broker) => {
      assert.equal(await checkReadiness(broker.pipe), true)
      assert.equal(await checkReadiness(), true)
      await client.set('a', 1, 60_000)
      assert.equal(await checkReadiness(), false)
      await client.del('a')
      await broker.drain()
      assert.equal(await checkReadiness(), false)
    })
  })
})
