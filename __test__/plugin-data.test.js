// @ts-check
'use strict'

/** What messages carry: what structured clone does, there and back, and nothing of it changed on the way. */

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { useFolder } = require('./support')
const { ask, begin, program, register, startHost } = require('./support-plugin')
const { decode, encode } = require('../lib/shared-workers/data.js')

useFolder({ after })

const cycle = { name: 'cycle', self: /** @type {unknown} */ (undefined), list: /** @type {unknown[]} */ ([]) }
cycle.self = cycle
cycle.list.push(cycle)
const shared = { x: 1 }
const memory = new ArrayBuffer(16)

class Point {
  x = 1
  get y() {
    return 2
  }
}

/** What is sent, and what arrives where that is something else. @type {Record<string, [unknown, unknown?]>} */
const DATA = {
  undefined: [undefined],
  null: [null],
  numbers: [[NaN, -0, 0, Infinity, -Infinity, 1.5, 2 ** 53, 5e-324, Number.MAX_VALUE]],
  'minus zero': [-0],
  booleans: [[true, false]],
  'undefined in objects and arrays': [{ a: undefined, b: [undefined, { c: undefined }] }],
  BigInt: [[0n, -1n, 2n ** 200n]],
  dates: [[new Date(0), new Date()]],
  'regular expressions': [/a(b)*\n"/giu],
  Map: [new Map([['a', new Map([[{ key: 1 }, undefined]])]])],
  Set: [new Set([1, '1', NaN, [2]])],
  // biome-ignore lint/suspicious/noSparseArray: that is the point
  'sparse arrays': [[1, , 3, , ,]],
  'arrays with more': [Object.assign([1, 2], { name: 'more' })],
  'nested objects': [{ a: { b: { c: [{ d: 'e' }, [[[]]], {}] } }, 7: 'seven', '': 'nothing' }],
  'one object twice': [{ a: shared, b: [shared] }],
  cycles: [cycle],
  'an own __proto__': [JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
  strings: [['', 'ASCII', 'ünïcödé 漢字 😀', '\0\u0001"\\\n\u2028', '\ud800', '\udc00 lone', 'x\ud83d']],
  'strings of 5 MB': [['x'.repeat(5e6), '漢'.repeat(2e6), '\ud800'.repeat(1e6)]],
  'boxed primitives': [[Object(1), Object('s'), Object(true), Object(1n)]],
  ArrayBuffer: [new Uint8Array([1, 2, 3]).buffer],
  views: [
    [
      new Uint8Array([1, 255]),
      new Int8Array([-1]),
      new Uint8ClampedArray([300]),
      new Uint16Array([65535]),
      new Int16Array([-2]),
      new Uint32Array([4294967295]),
      new Int32Array([-3]),
      new Float32Array([0.5]),
      new Float64Array([NaN, -0]),
      new BigInt64Array([-4n]),
      new BigUint64Array([5n]),
      new DataView(new ArrayBuffer(8), 2, 3)
    ]
  ],
  'views of a part': [new Uint16Array(new Uint8Array([0, 0, 1, 2, 3, 4]).buffer, 2, 1)],
  Buffer: [
    [Buffer.from('from the pool'), Buffer.alloc(3, 7), Buffer.alloc(0)],
    [new Uint8Array(Buffer.from('from the pool')), new Uint8Array([7, 7, 7]), new Uint8Array()]
  ],
  errors: [[new Error('a', { cause: new TypeError('b') }), new RangeError('c')]],
  'instances of classes': [new Point(), { x: 1 }],
  'objects without a prototype': [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'what looks like JSON': [{ toJSON: 1, a: '{"b":1}' }],
  'hidden properties and symbols': [Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', { value: 3 }), { a: 1 }],
  'many values': [Array.from({ length: 10_000 }, (_, i) => ({ i, text: `${i}` }))],
  'a wide object': [Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, i]))]
}

const REFUSED = {
  functions: () => {},
  'functions within': { deep: [{ fn() {} }] },
  symbols: Symbol('s'),
  promises: { promise: Promise.resolve() },
  proxies: new Proxy({}, {}),
  'proxies within': [{ proxy: new Proxy([], {}) }],
  'weak maps': new WeakMap(),
  'what only lives here': new MessageChannel().port1
}
REFUSED['what only lives here'].close()

describe('data', () => {
  /** @type {Array<() => unknown>} */
  const ends = []
  const scope = { after: (/** @type {() => unknown} */ end) => void ends.unshift(end) }
  after(async () => {
    for (const end of ends) await end()
  })
  /** @type {ReturnType<typeof register>} */
  let echo
  before(async () => {
    await startHost(scope)
    begin(scope)
    echo = register(program(scope, 'main.ready(); for await (const message of main.subscribe()) message.reply(message.data)'))
    await echo.available
  })

  for (const [name, [value, expected = value]] of Object.entries(DATA)) {
    test(name, async () => assert.deepEqual(await ask(echo, value), expected))
  }

  for (const [name, value] of Object.entries(REFUSED)) {
    test(`${name} are refused at once`, async () => {
      assert.throws(() => echo.publish(value), { name: 'DataCloneError' })
      assert.equal(await ask(echo, 'next'), 'next')
    })
  }

  test('keeps two views on one buffer together', async () => {
    const [bytes, words, whole] = await ask(echo, [new Uint8Array(memory, 4, 4), new Uint32Array(memory), memory])
    assert.equal(bytes.buffer, words.buffer)
    assert.equal(bytes.buffer, whole)
    assert.deepEqual([bytes.byteOffset, bytes.length, words.length, whole.byteLength], [4, 4, 4, 16])
  })

  test('keeps a date that is none', async () => {
    const answer = await ask(echo, new Date(NaN))
    assert.ok(answer instanceof Date && Number.isNaN(answer.getTime()))
  })

  test('keeps one object one', async () => {
    const answer = await ask(echo, { a: shared, b: [shared] })
    assert.equal(answer.a, answer.b[0])
  })

  test('keeps name, message, stack and cause of errors', async () => {
    const error = new TypeError('a', { cause: new Error('b') })
    const answer = await ask(echo, error)
    assert.ok(answer instanceof TypeError)
    assert.deepEqual([answer.name, answer.message, answer.stack], ['TypeError', 'a', error.stack])
    assert.equal(/** @type {Error} */ (answer.cause).message, 'b')
  })

  test('is what it was when it was published', async () => {
    const data = { count: 1, list: [1] }
    const replies = [echo.publish(data).replies().next()]
    data.count = 2
    data.list.push(2)
    replies.push(echo.publish(data).replies().next())
    assert.deepEqual(
      (await Promise.all(replies)).map(({ value }) => value?.data),
      [
        { count: 1, list: [1] },
        { count: 2, list: [1, 2] }
      ]
    )
  })

  test('of more than can be sent is refused at once', async () => {
    assert.throws(() => echo.publish(new ArrayBuffer(256 * 1024 * 1024)), { code: 'too_large', message: /at most 268435456/ })
    assert.equal(await ask(echo, 'next'), 'next')
  })
})

describe('bytes', () => {
  test('of a Buffer are its own, not those of the pool that it was cut from', () => {
    const encoded = encode({ secretless: Buffer.from('ten bytes!') })
    assert.ok(typeof encoded !== 'string' && encoded.length < 100, `${encoded.length} bytes`)
  })

  test('of plain data are text, which the reader makes its own of', () => {
    const text = encode({ a: [1, 'b', null, true] })
    assert.equal(text, '{"a":[1,"b",null,true]}')
    assert.equal(Object.getPrototypeOf(decode(Buffer.from(text))), Object.prototype)
  })
})
