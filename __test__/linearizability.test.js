// @ts-check
'use strict'

/**
 * Whatever several processes do at once, and whoever of them is killed: what each was told is what it would have been told had all been done one by one,
 * in some order. Histories of real processes are checked for it, and the check is checked: by histories that are known, and by a broker with bugs.
 */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { byKey, check, explain } = require('./support-histories/checker.js')
const { chance, drawn, known, triesAll } = require('./support-histories/known.js')
const { lies, startLiar } = require('./support-histories/liar.js')
const { models } = require('./support-histories/models.js')
const { record, sharedClock } = require('./support-histories/record.js')
const { makeFolder, makeRandom, seedOf, startHost } = require('./support-stress/support.js')

/** @typedef {import('./support-histories/checker.js').Operation} Operation */

/** @param {string} kind @returns {import('./support-histories/checker.js').Model<any>} */
const modelOf = kind => models[/** @type {keyof typeof models} */ (kind)]

describe('the check', () => {
  for (const [what, isRight, history] of known) {
    test(`${isRight ? 'accepts' : 'refuses'}: ${what}`, () => {
      const verdict = check(modelOf(history[0]?.kind ?? 'register'), history)
      assert.equal(verdict.linearizable, isRight, explain(verdict))
      if (!isRight) assert.ok(verdict.stuck.length > 0, 'and says where')
    })
  }

  test('agrees with who tries all orders, on random histories of a register and a counter', t => {
    const random = makeRandom(seedOf(t))
    const seen = { right: 0, wrong: 0 }
    for (let round = 0; round < 3000; round++) {
      const kind = random() < 0.5 ? 'register' : 'counter'
      const history = chance(kind, random)
      const isRight = triesAll(modelOf(kind), history)
      assert.equal(check(modelOf(kind), history).linearizable, isRight, JSON.stringify(history))
      seen[isRight ? 'right' : 'wrong'] += 1
    }
    t.diagnostic(JSON.stringify(seen))
    assert.ok(seen.right > 300 && seen.wrong > 300, JSON.stringify(seen))
  })

  test('gives up aloud', () => {
    const history = drawn(
      'counter',
      Array.from({ length: 12 }, (_, at) => [`p${at}`, 0, 100, 'incr', { by: 2 ** at }, { value: -1 }])
    )
    assert.equal(check(modelOf('counter'), history).linearizable, false)
    const many = drawn(
      'register',
      Array.from({ length: 12 }, (_, at) => [`p${at}`, 0, 100, 'set', { value: at }, {}])
    )
    many.push(...drawn('register', [['z', 200, 210, 'get', {}, { value: 'another', version: 1 }]]))
    assert.throws(() => check(modelOf('register'), many, 1000), /nothing shown after/)
    assert.equal(check(modelOf('register'), many).linearizable, false)
  })
})

/** @param {number[]} numbers */
const median = numbers => numbers.sort((a, b) => a - b)[numbers.length >> 1]

/** @param {Operation[]} history */
function checkAll(history) {
  const parts = [...byKey(history).values()]
  return parts.map(part => check(modelOf(part[0].kind), part))
}

describe('processes that are killed at random', sharedClock, () => {
  for (const kind of Object.keys(models)) {
    test(`${kind}: what they were told happened in some order`, async t => {
      const host = await startHost()
      t.after(() => host.kill())
      const { history, killed } = await record({ pipe: host.pipe, kinds: [kind], seed: seedOf(t) })
      const verdicts = checkAll(history)
      const unanswered = history.filter(({ output }) => output === undefined).length
      const configurations = verdicts.reduce((sum, verdict) => sum + verdict.configurations, 0)
      const noticed = history.filter(({ name }) => name === 'end').map(({ invoked, returned }) => (returned - invoked) / 1e6)
      t.diagnostic(`half of the ends were noticed within ${median(noticed).toFixed(1)} ms of the kill`)
      t.diagnostic(`${history.length} operations, ${unanswered} not answered, ${killed} processes, ${configurations} configurations`)
      for (const verdict of verdicts) assert.ok(verdict.linearizable, explain(verdict))
      assert.ok(unanswered > 0, 'some were killed in the middle of something')
      assert.ok(history.length > 500 && killed > 5, `${history.length} operations of ${killed} processes`)
    })
  }

  test('all kinds at once, by more processes', async t => {
    const host = await startHost()
    t.after(() => host.kill())
    const { history } = await record({ pipe: host.pipe, kinds: Object.keys(models), keys: 1, seed: seedOf(t), workers: 6 })
    for (const verdict of checkAll(history)) assert.ok(verdict.linearizable, explain(verdict))
  })
})

describe('a broker with a bug is found out', sharedClock, () => {
  /**
   * @param {import('node:test').TestContext} t
   * @param {Partial<import('./support-histories/record.js').Recording> & { kinds: string[], seed: number }} recording
   * @param {import('./support-histories/liar.js').Lie} lie
   */
  const recordThrough = async (t, recording, lie) => {
    const host = await startHost()
    const place = makeFolder()
    t.after(() => host.kill())
    t.after(place.remove)
    const liar = await startLiar(t, host.pipe, place.folder, lie)
    const { history } = await record({ pipe: host.pipe, workersPipe: liar.pipe, workers: 4, ms: 700, ...recording })
    // By what was done, and not because the tokens of lies are out of order.
    for (const { output } of history) delete output?.token
    return { told: liar.told, verdicts: checkAll(history) }
  }

  for (const [what, { kind, rate, make }] of Object.entries(lies)) {
    test(what, async t => {
      const seed = seedOf(t)
      const random = makeRandom(seed)
      const { told, verdicts } = await recordThrough(
        t,
        { kinds: [kind], seed },
        make(() => random() < rate)
      )
      const wrong = verdicts.filter(({ linearizable }) => !linearizable)
      t.diagnostic(`${told} lies`)
      assert.ok(told > 0, 'it lied')
      assert.ok(wrong.length > 0, 'it was found out')
    })
  }

  test('and one that hands on the truth is not', async t => {
    const { told, verdicts } = await recordThrough(t, { kinds: Object.keys(models), keys: 1, seed: seedOf(t) }, {})
    assert.equal(told, 0)
    for (const verdict of verdicts) assert.ok(verdict.linearizable, explain(verdict))
  })
})
