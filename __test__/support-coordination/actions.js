// @ts-check
'use strict'

/** Every action of PROTOCOL.md's coordination, with members that are right, and for each member what is not. */

const NAME = ['', 7, true, null, {}, ['x'], 'x'.repeat(1025)]
const WAIT = [-1, '1', true, {}, [1], -0.5]
const COUNT = [0, -1, 1.5, '1', true, {}, [1], 1e300]
/** 0 is none. */
const TIME = [-1, '1', true, {}, [1]]
const ARRAY = ['x', 7, true, null, {}]
const FLAG = ['true', 1, {}, []]
const TOKEN = [-1, 1.5, '1', true, null, {}, []]

/**
 * `members`: all of them, right. `optional`: those that may be left out. `wrong`: by member. `held`: the request whose grant's token is meant.
 * @typedef {{ members: Record<string, unknown>, optional?: string[], wrong: Record<string, unknown[]>, sessionless?: true, held?: object }} Action
 * @type {Record<string, Action>}
 */
const actions = {
  describe: { members: { text: 'a test' }, wrong: { text: [7, true, {}, ['x'], 'x'.repeat(1025)] }, optional: ['text'] },
  inspect: { sessionless: true, members: {}, wrong: {} },
  cancel: { members: { request: 99 }, wrong: { request: [true, null, {}, [], 'x'.repeat(65)] } },
  definePool: {
    sessionless: true,
    members: { pool: 'new', values: ['x'], policy: 'lru' },
    optional: ['policy'],
    wrong: { pool: NAME, values: ARRAY, policy: ['best', 7, {}, ['lru']] }
  },
  addToPool: { sessionless: true, members: { pool: 'pool', values: ['z'] }, wrong: { pool: NAME, values: ARRAY, size: COUNT } },
  listPool: { sessionless: true, members: { pool: 'pool' }, wrong: { pool: NAME } },
  acquire: {
    members: { pools: [{ pool: 'pool' }], ttl: 60_000, wait: 0 },
    optional: ['ttl', 'wait'],
    wrong: {
      pools: [
        ...ARRAY,
        [],
        ['pool'],
        [{}],
        [{ pool: 7 }],
        [{ pool: '' }],
        [{ pool: 'pool', match: 'x' }],
        [{ pool: 'pool', match: [1] }],
        [null]
      ],
      ttl: TIME,
      wait: WAIT
    }
  },
  renew: {
    held: { action: 'acquire', pools: [{ pool: 'pool' }] },
    members: { token: 1e9, ttl: 5 },
    optional: ['ttl'],
    wrong: { token: TOKEN, ttl: TIME }
  },
  discard: {
    held: { action: 'acquire', pools: [{ pool: 'pool' }] },
    members: { token: 1e9, reason: 'broken' },
    optional: ['reason'],
    wrong: { token: TOKEN, reason: [7, true, {}, []] }
  },
  release: {
    held: { action: 'semaphore', name: 's', permits: 5, amount: 2 },
    members: { token: 1e9, amount: 1 },
    optional: ['amount'],
    wrong: { token: TOKEN, amount: COUNT }
  },
  lock: {
    members: { name: 'lock', shared: true, wait: 0, within: [1], unsure: true },
    optional: ['shared', 'wait', 'within', 'unsure'],
    wrong: { name: NAME, shared: FLAG, wait: WAIT, unsure: FLAG, within: ['x', 7, true, {}, ['1'], [-1], [{}]] }
  },
  semaphore: {
    members: { name: 'semaphore', permits: 100, amount: 1, wait: 0 },
    optional: ['amount', 'wait'],
    wrong: { name: NAME, permits: COUNT, amount: [...COUNT, 101], wait: WAIT }
  },
  reserve: {
    members: { values: ['x', 1], name: 'space' },
    optional: ['name'],
    wrong: { values: ARRAY, name: [7, true, {}, ['x'], 'x'.repeat(1025)] }
  },
  unreserve: {
    members: { values: ['x', 1], name: 'space' },
    optional: ['name'],
    wrong: { values: ARRAY, name: [7, true, {}, ['x'], 'x'.repeat(1025)] }
  },
  once: {
    members: { key: 'value', refresh: 10, wait: 0 },
    optional: ['refresh', 'wait'],
    wrong: { key: NAME, refresh: [-1, '1', true, {}, []], wait: WAIT }
  },
  fulfil: {
    held: { action: 'once', key: 'made' },
    members: { token: 1e9, value: 1, ttl: 5, compressed: false },
    optional: ['value', 'ttl', 'compressed'],
    wrong: { token: TOKEN, ttl: ['1', true, {}, []], compressed: FLAG }
  },
  fail: {
    held: { action: 'once', key: 'made' },
    members: { token: 1e9, reason: { message: 'x' }, all: true },
    optional: ['all', 'reason'],
    wrong: { token: TOKEN, all: FLAG }
  },
  waitFor: { members: { key: 'value', wait: 0 }, optional: ['wait'], wrong: { key: NAME, wait: WAIT } },
  watch: {
    members: { key: 'value', after: 0, wait: 0 },
    optional: ['wait'],
    wrong: { key: NAME, after: [-1, 1.5, '1', true, {}, []], wait: WAIT }
  },
  incr: {
    members: { key: 'number', by: 2, ttl: 60_000 },
    optional: ['by', 'ttl'],
    wrong: { key: NAME, by: ['1', true, {}, [1]], ttl: [-1, '1', true, {}, []] },
    sessionless: true
  },
  append: { members: { list: 'list', items: [1, 'x'] }, wrong: { list: NAME, items: ARRAY }, sessionless: true },
  collect: {
    members: { list: 'list', from: 0 },
    optional: ['from'],
    wrong: { list: NAME, from: [-1, 1.5, '1', true, {}, []] },
    sessionless: true
  },
  push: {
    sessionless: true,
    members: { queue: 'queue', items: [1, 'x'], maxAttempts: 3 },
    optional: ['maxAttempts'],
    wrong: { queue: NAME, items: ARRAY, maxAttempts: COUNT }
  },
  take: {
    members: { queue: 'queue', wait: 0, untilDone: true },
    optional: ['wait', 'untilDone'],
    wrong: { queue: NAME, wait: WAIT, untilDone: FLAG }
  },
  ack: { members: { token: 1e9 }, wrong: { token: TOKEN } },
  nack: { members: { token: 1e9, reason: [1] }, optional: ['reason'], wrong: { token: TOKEN } },
  done: { members: { queue: 'done', wait: 0 }, optional: ['wait'], wrong: { queue: NAME, wait: WAIT } },
  limit: {
    sessionless: true,
    members: { name: 'fresh', max: 5, per: 10, burst: 2 },
    optional: ['burst'],
    wrong: { name: NAME, max: COUNT, per: [0, ...TIME], burst: COUNT }
  },
  publish: {
    sessionless: true,
    members: { topic: 'topic', data: { a: 1 } },
    wrong: { topic: NAME, replies: ['some', 7, true, {}, ['all']], encoding: ['json', 'v8', 'bytes', 7, {}, []] }
  },
  subscribe: {
    members: { topic: 'topic', policy: 'latest', limit: 10, window: 5 },
    optional: ['policy', 'limit', 'window'],
    wrong: { topic: NAME, policy: ['newest', 7, {}, ['drop']], limit: [...COUNT, 1e9], window: [...COUNT, 65_537] }
  },
  unsubscribe: { members: { subscription: 1e9 }, wrong: { subscription: TOKEN } },
  taken: { members: { subscription: 1e9, count: 1 }, wrong: { subscription: TOKEN, count: [-1, 1.5, '1', true, {}, [1], 1e300] } },
  reply: { members: { messageId: 1e9, data: null }, wrong: { messageId: TOKEN, encoding: ['json', 'v8', 'bytes', 7, {}, []] } },
  throttle: { members: { name: 'limit', cost: 1, wait: 0 }, optional: ['cost', 'wait'], wrong: { name: NAME, cost: COUNT, wait: WAIT } },
  barrier: { members: { name: 'barrier', parties: 1, wait: 0 }, optional: ['wait'], wrong: { name: NAME, parties: COUNT, wait: WAIT } }
}

module.exports = { actions }
