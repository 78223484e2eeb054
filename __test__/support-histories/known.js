// @ts-check
'use strict'

/** Histories of which it is known whether some order explains them: told here, or found by trying all orders. */

/** @typedef {import('./checker.js').Operation} Operation */

/**
 * A history as a drawing, a line for each operation: who, from when, until when (Infinity: never answered), what, with what, and the answer.
 * @param {string} kind
 * @param {Array<[who: string, invoked: number, returned: number, name: string, input: any, output?: any]>} lines
 */
function drawn(kind, lines) {
  const operations = lines.map(
    ([process, invoked, returned, name, input, output]) =>
      /** @type {Operation} */ ({ process, kind, key: 'key', name, input, output, invoked, returned })
  )
  for (const operation of operations) {
    if (operation.name !== 'end') operation.before = operations.find(({ name, process }) => name === 'end' && process === operation.process)
  }
  return operations
}

/** Histories that are known, in pairs that differ in one thing. @type {Array<[what: string, isRight: boolean, history: Operation[]]>} */
const known = [
  ['no history', true, []],
  [
    'a read during a write sees the old value, a later one the new',
    true,
    drawn('register', [
      ['a', 0, 100, 'set', { value: 1 }, {}],
      ['b', 10, 20, 'get', {}, { version: 0 }],
      ['b', 30, 40, 'get', {}, { value: 1, version: 5 }]
    ])
  ],
  [
    'a read during a write sees the new value, a later one the old',
    false,
    drawn('register', [
      ['a', 0, 100, 'set', { value: 1 }, {}],
      ['b', 10, 20, 'get', {}, { value: 1, version: 5 }],
      ['b', 30, 40, 'get', {}, { version: 0 }]
    ])
  ],
  [
    'a stale read',
    false,
    drawn('register', [
      ['a', 0, 10, 'set', { value: 1 }, {}],
      ['a', 20, 30, 'set', { value: 2 }, {}],
      ['b', 40, 50, 'get', {}, { value: 1, version: 1 }]
    ])
  ],
  [
    'a value that comes back under a lower version',
    false,
    drawn('register', [
      ['a', 0, 10, 'set', { value: 1 }, {}],
      ['b', 20, 30, 'get', {}, { value: 1, version: 7 }],
      ['a', 40, 50, 'set', { value: 2 }, {}],
      ['b', 60, 70, 'get', {}, { value: 2, version: 6 }]
    ])
  ],
  [
    'of two that set it if it is absent one does',
    true,
    drawn('register', [
      ['a', 0, 10, 'setIf', { value: 1, ifVersion: 0 }, { set: true, version: 1 }],
      ['b', 5, 15, 'setIf', { value: 2, ifVersion: 0 }, { set: false, version: 1 }]
    ])
  ],
  [
    'two that set it if it is absent both do',
    false,
    drawn('register', [
      ['a', 0, 10, 'setIf', { value: 1, ifVersion: 0 }, { set: true, version: 1 }],
      ['b', 5, 15, 'setIf', { value: 2, ifVersion: 0 }, { set: true, version: 2 }]
    ])
  ],
  [
    'two that set it if it is of one version both do',
    false,
    drawn('register', [
      ['a', 0, 10, 'set', { value: 1 }, {}],
      ['a', 11, 12, 'get', {}, { value: 1, version: 3 }],
      ['a', 20, 30, 'setIf', { value: 2, ifVersion: 3 }, { set: true, version: 4 }],
      ['b', 20, 30, 'setIf', { value: 3, ifVersion: 3 }, { set: true, version: 5 }]
    ])
  ],
  [
    'a write that was never answered is seen late',
    true,
    drawn('register', [
      ['a', 0, Infinity, 'set', { value: 1 }],
      ['b', 10, 20, 'get', {}, { version: 0 }],
      ['b', 30, 40, 'get', {}, { value: 1, version: 1 }]
    ])
  ],
  [
    'a write that was never answered is never seen',
    true,
    drawn('register', [
      ['a', 0, Infinity, 'set', { value: 1 }],
      ['b', 10, 20, 'get', {}, { version: 0 }]
    ])
  ],
  [
    'a write that was never answered is seen, and then not',
    false,
    drawn('register', [
      ['a', 0, Infinity, 'set', { value: 1 }],
      ['b', 10, 20, 'get', {}, { value: 1, version: 1 }],
      ['b', 30, 40, 'get', {}, { version: 0 }]
    ])
  ],
  [
    'a write takes effect after the end of its process',
    false,
    drawn('register', [
      ['a', 0, 60, 'set', { value: 1 }],
      ['a', 50, 60, 'end', {}, {}],
      ['b', 70, 80, 'get', {}, { version: 0 }],
      ['b', 90, 95, 'get', {}, { value: 1, version: 1 }]
    ])
  ],
  [
    'increments at once, each told another number',
    true,
    drawn('counter', [
      ['a', 0, 30, 'incr', { by: 1 }, { value: 3 }],
      ['b', 0, 30, 'incr', { by: 1 }, { value: 1 }],
      ['c', 0, 30, 'incr', { by: 1 }, { value: 2 }]
    ])
  ],
  [
    'an update that is lost',
    false,
    drawn('counter', [
      ['a', 0, 30, 'incr', { by: 1 }, { value: 1 }],
      ['b', 0, 30, 'incr', { by: 1 }, { value: 1 }],
      ['c', 40, 50, 'get', {}, { value: 1 }]
    ])
  ],
  [
    'numbers that go against the order of time',
    false,
    drawn('counter', [
      ['a', 0, 10, 'incr', { by: 1 }, { value: 2 }],
      ['b', 20, 30, 'incr', { by: 1 }, { value: 1 }]
    ])
  ],
  [
    'a lock that goes from one to the other',
    true,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 1 }],
      ['b', 5, 40, 'lock', {}, { token: 2 }],
      ['a', 20, 45, 'release', {}, { released: true }]
    ])
  ],
  [
    'a lock with two holders',
    false,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 1 }],
      ['b', 5, 40, 'lock', {}, { token: 2 }],
      ['a', 50, 60, 'release', {}, { released: true }]
    ])
  ],
  [
    'a lock that is granted under a lower token',
    false,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 4 }],
      ['a', 20, 30, 'release', {}, { released: true }],
      ['b', 40, 50, 'lock', {}, { token: 3 }]
    ])
  ],
  [
    'a lock that two share',
    true,
    drawn('lock', [
      ['a', 0, 10, 'lock', { shared: true }, { token: 1 }],
      ['b', 20, 30, 'lock', { shared: true }, { token: 2 }]
    ])
  ],
  [
    'a lock that one shares and the other does not',
    false,
    drawn('lock', [
      ['a', 0, 10, 'lock', { shared: true }, { token: 1 }],
      ['b', 20, 30, 'lock', { shared: false }, { token: 2 }]
    ])
  ],
  [
    'a lock that nobody holds is refused',
    false,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 1 }],
      ['a', 20, 30, 'release', {}, { released: true }],
      ['b', 40, 50, 'lock', { wait: 0 }, { failed: 'timeout' }]
    ])
  ],
  [
    'a lock goes on when its holder is killed',
    true,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 1 }],
      ['b', 20, 60, 'lock', {}, { token: 2 }],
      ['a', 50, 70, 'end', {}, {}]
    ])
  ],
  [
    'a lock goes on before its holder is killed',
    false,
    drawn('lock', [
      ['a', 0, 10, 'lock', {}, { token: 1 }],
      ['b', 20, 40, 'lock', {}, { token: 2 }],
      ['a', 50, 70, 'end', {}, {}]
    ])
  ],
  [
    'a lock was granted to who was killed as it waited',
    true,
    drawn('lock', [
      ['a', 0, 70, 'lock', {}],
      ['b', 10, 20, 'lock', { wait: 0 }, { failed: 'timeout' }],
      ['a', 50, 70, 'end', {}, {}],
      ['b', 80, 90, 'lock', { wait: 0 }, { token: 2 }]
    ])
  ],
  [
    'a lock is kept by who was killed',
    false,
    drawn('lock', [
      ['a', 0, 70, 'lock', {}],
      ['a', 50, 70, 'end', {}, {}],
      ['b', 80, 90, 'lock', { wait: 0 }, { failed: 'timeout' }]
    ])
  ],
  [
    'all permits are taken',
    true,
    drawn('semaphore', [
      ['a', 0, 10, 'acquire', { amount: 2 }, { token: 1 }],
      ['b', 0, 10, 'acquire', { amount: 1 }, { token: 2 }],
      ['c', 20, 30, 'acquire', { amount: 1 }, { failed: 'timeout' }]
    ])
  ],
  [
    'a permit too many',
    false,
    drawn('semaphore', [
      ['a', 0, 10, 'acquire', { amount: 2 }, { token: 1 }],
      ['b', 0, 10, 'acquire', { amount: 1 }, { token: 2 }],
      ['c', 20, 30, 'acquire', { amount: 1 }, { token: 3 }]
    ])
  ],
  [
    'permits that come back in part',
    true,
    drawn('semaphore', [
      ['a', 0, 10, 'acquire', { amount: 3 }, { token: 1 }],
      ['a', 20, 30, 'release', { amount: 2 }, { released: true }],
      ['b', 40, 50, 'acquire', { amount: 2 }, { token: 2 }]
    ])
  ],
  [
    'more permits than came back',
    false,
    drawn('semaphore', [
      ['a', 0, 10, 'acquire', { amount: 3 }, { token: 1 }],
      ['a', 20, 30, 'release', { amount: 1 }, { released: true }],
      ['b', 40, 50, 'acquire', { amount: 2 }, { token: 2 }]
    ])
  ],
  [
    'numbers from the lowest',
    true,
    drawn('lease', [
      ['a', 0, 20, 'lease', { worker: 'a/0' }, { number: 2, token: 2 }],
      ['b', 0, 20, 'lease', { worker: 'b/0' }, { number: 1, token: 1 }]
    ])
  ],
  [
    'a number that two have',
    false,
    drawn('lease', [
      ['a', 0, 20, 'lease', { worker: 'a/0' }, { number: 1, token: 2 }],
      ['b', 0, 20, 'lease', { worker: 'b/0' }, { number: 1, token: 1 }]
    ])
  ],
  [
    "a killed worker's item goes to another, as the second attempt",
    true,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x', 'y'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 40, 60, 'end', {}, {}],
      ['b', 50, 70, 'take', {}, { item: 'x', attempt: 2 }],
      ['b', 80, 90, 'ack', { item: 'x' }, { acked: true }],
      ['b', 100, 110, 'take', {}, { item: 'y', attempt: 1 }]
    ])
  ],
  [
    'an item that is acked twice',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 40, 60, 'ack', { item: 'x' }, { acked: true }],
      ['b', 40, 60, 'ack', { item: 'x' }, { acked: true }]
    ])
  ],
  [
    'an item that two have',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['b', 20, 30, 'take', {}, { item: 'x', attempt: 1 }]
    ])
  ],
  [
    'an item that is given out again after its ack',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 40, 50, 'ack', { item: 'x' }, { acked: true }],
      ['a', 60, 70, 'end', {}, {}],
      ['b', 80, 90, 'take', {}, { item: 'x', attempt: 2 }]
    ])
  ],
  [
    'an ack that was never answered counts',
    true,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 40, 70, 'ack', { item: 'x' }],
      ['a', 60, 70, 'end', {}, {}],
      ['b', 80, 90, 'done', {}, { acked: 1, failed: [] }]
    ])
  ],
  [
    'who was killed as it took one of two had either',
    true,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x', 'y'] }, {}],
      ['a', 11, 12, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 13, 14, 'take', {}, { item: 'y', attempt: 1 }],
      ['a', 20, 30, 'end', {}, {}],
      ['b', 40, 60, 'take', {}],
      ['b', 50, 60, 'end', {}, {}],
      ['c', 70, 80, 'take', {}, { item: 'x', attempt: 2 }],
      ['c', 90, 95, 'take', {}, { item: 'y', attempt: 3 }]
    ])
  ],
  [
    'who was killed as it took one of two had both',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x', 'y'] }, {}],
      ['a', 11, 12, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 13, 14, 'take', {}, { item: 'y', attempt: 1 }],
      ['a', 20, 30, 'end', {}, {}],
      ['b', 40, 60, 'take', {}],
      ['b', 50, 60, 'end', {}, {}],
      ['c', 70, 80, 'take', {}, { item: 'x', attempt: 3 }],
      ['c', 90, 95, 'take', {}, { item: 'y', attempt: 3 }]
    ])
  ],
  [
    'an item that is lost',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 20, 30, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 60, 70, 'end', {}, {}],
      ['b', 80, 90, 'take', {}, { none: true }]
    ])
  ],
  [
    'an item whose attempts are over is a failure',
    true,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 11, 12, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 13, 14, 'nack', { item: 'x' }, { nacked: true }],
      ['a', 15, 16, 'take', {}, { item: 'x', attempt: 2 }],
      ['a', 17, 18, 'nack', { item: 'x' }, { nacked: true }],
      ['a', 19, 20, 'take', {}, { item: 'x', attempt: 3 }],
      ['a', 21, 22, 'nack', { item: 'x' }, { nacked: true }],
      ['b', 23, 24, 'done', {}, { acked: 0, failed: ['x'] }]
    ])
  ],
  [
    'an item is given out more often than it may be',
    false,
    drawn('queue', [
      ['a', 0, 10, 'push', { items: ['x'] }, {}],
      ['a', 11, 12, 'take', {}, { item: 'x', attempt: 1 }],
      ['a', 13, 14, 'nack', { item: 'x' }, { nacked: true }],
      ['a', 15, 16, 'take', {}, { item: 'x', attempt: 2 }],
      ['a', 17, 18, 'nack', { item: 'x' }, { nacked: true }],
      ['a', 19, 20, 'take', {}, { item: 'x', attempt: 3 }],
      ['a', 21, 22, 'nack', { item: 'x' }, { nacked: true }],
      ['b', 23, 24, 'take', {}, { item: 'x', attempt: 4 }]
    ])
  ]
]

/** Up to six operations of three processes, answered at random or not at all. @param {string} kind @param {() => number} random */
function chance(kind, random) {
  const whole = (/** @type {number} */ below) => Math.floor(random() * below)
  const free = [0, 0, 0]
  /** @type {Parameters<typeof drawn>[1]} */
  const lines = []
  for (let at = 0; at < 6; at++) {
    const who = whole(3)
    if (free[who] === Infinity) continue
    const invoked = free[who] + whole(10)
    const isAnswered = random() < 0.85
    const isEnded = !isAnswered && random() < 0.5
    const returned = isAnswered || isEnded ? invoked + 1 + whole(20) : Infinity
    free[who] = isAnswered ? returned : Infinity
    const value = 1 + whole(2)
    const name = kind === 'counter' ? (random() < 0.7 ? 'incr' : 'get') : random() < 0.5 ? 'set' : 'get'
    const output = name === 'set' ? {} : { value: kind === 'counter' || random() < 0.9 ? value : undefined }
    lines.push([String(who), invoked, returned, name, name === 'set' ? { value } : { by: 1 }, isAnswered ? output : undefined])
    if (isEnded) lines.push([String(who), invoked + 1, returned, 'end', {}, {}])
  }
  return drawn(kind, lines)
}

/** @param {import('./checker.js').Model<any>} model @param {Operation[]} left @param {any} [state] @returns {boolean} */
function triesAll(model, left, state = model.init) {
  if (left.every(({ output }) => output === undefined)) return true
  const end = Math.min(...left.map(({ returned }) => returned))
  return left.some(operation => {
    const { invoked, output, before } = operation
    const others = left.filter(other => other !== operation)
    if (output === undefined && triesAll(model, others, state)) return true
    if (invoked > end || (before && !left.includes(before))) return false
    return model.step(state, operation).some(next => triesAll(model, others, next))
  })
}

module.exports = { chance, drawn, known, triesAll }
