// @ts-check
'use strict'

/** Which results the cache has, and that none of them is stale. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run } = require('..')
const { randomOf, seedOf } = require('./support-run-cache/random.js')
const { EDITS, noise } = require('./support-run-cache/steps.js')
const { TESTS, build, configOf, newWorld } = require('./support-run-cache/world.js')

/** How many runs: enough that each kind of edit comes with each kind of run. */
const RUNS = Number(process.env.RUN_CACHE_RUNS ?? 80)

describe('whatever is edited, the cache has the results of a run without it', () => {
  test('between runs, and during them', async t => {
    const seed = seedOf()
    t.diagnostic(`RUN_CACHE_SEED=${seed}`)
    const random = randomOf(seed)
    const story = new Story(t)
    for (let step = 0; step < RUNS; step++) {
      try {
        await story.step(random)
      } catch (error) {
        const { message } = /** @type {Error} */ (error)
        throw new Error(`RUN_CACHE_SEED=${seed}, step ${step} (${story.told.slice(-8).join('; ')}): ${message}`, { cause: error })
      }
    }
    const { cached, runs } = story.seen
    t.diagnostic(`${runs} runs, ${cached} results from the cache`)
    assert.ok(cached > RUNS / 4, 'what was there before comes again')
  })
})

/** One project and its history. */
class Story {
  world = newWorld()
  /** @type {string[]} */
  told = []
  seen = { runs: 0, cached: 0 }
  /** What a run without cache says, by world. @type {Map<string, Record<string, string>>} */
  #true = new Map()
  /** Tests and worlds that have passed with nothing going on meanwhile; the cache has the latest of each. @type {Map<string, string[]>} */
  #passed = new Map(TESTS.map(name => [name, []]))

  /** @param {import('node:test').TestContext} t */
  constructor(t) {
    const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ebc-')))
    t.after(() => {
      build(this.root, this.out, newWorld())
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    })
    this.root = path.join(home, 'project')
    this.out = path.join(home, 'out')
  }

  /** @param {import('./support-run-cache/random.js').Random} random */
  async step(random) {
    for (let edits = random.below(3); edits > 0; edits--) this.#edit(random)
    const how = random.pick(['calm', 'calm', 'calm', 'edited', 'edited and put back'])
    this.told.push(how)
    build(this.root, this.out, this.world)
    if (how === 'calm') return this.#calm(random)
    // Without a test that runs there is no midst.
    await this.#disturbed(random, how === 'edited and put back')
    build(this.root, this.out, this.world)
    return this.#calm(random)
  }

  /** @param {import('./support-run-cache/random.js').Random} random */
  #edit(random) {
    const name = random.pick(Object.keys(EDITS))
    this.told.push(name)
    EDITS[name](this.world, random)
  }

  /** @param {import('./support-run-cache/random.js').Random} random */
  async #calm(random) {
    const expected = await this.#withoutCache()
    const { tests } = await this.#run({ ...noise(random), ...this.#config() })
    const now = JSON.stringify(this.world)
    for (const { id, status } of tests) {
      const name = id.replace('tests:', '')
      const passed = /** @type {string[]} */ (this.#passed.get(name))
      if (status === 'cached') {
        this.seen.cached++
        assert.equal(expected[id], 'passed', `${id} comes from the cache`)
      } else {
        assert.equal(status, expected[id], id)
        assert.ok(!passed.slice(-8).includes(now), `${id} passed with all as it is, and was run again`)
      }
      if (expected[id] === 'passed') this.#passed.set(name, [...passed.filter(world => world !== now), now])
    }
  }

  /** What a run without cache says. */
  async #withoutCache() {
    const key = JSON.stringify(this.world)
    const known = this.#true.get(key)
    if (known) return known
    const { tests } = await this.#run({ ...this.#config(), cache: false, output: '../reference', workers: 2 })
    const statuses = Object.fromEntries(tests.map(({ id, status }) => [id, status]))
    this.#true.set(key, statuses)
    return statuses
  }

  /**
   * A run in the midst of which something is edited.
   * @param {import('./support-run-cache/random.js').Random} random
   * @param {boolean} back whether it is as it was before the run ends
   */
  async #disturbed(random, back) {
    const before = structuredClone(this.world)
    const gate = path.join(this.out, 'gate')
    fs.writeFileSync(gate, '')
    let edited = false
    await this.#run({ ...this.#config(), ...noise(random), retries: 0 }, event => {
      if (event.type === 'testStarted' && !edited) {
        edited = true
        this.#edit(random)
        build(this.root, this.out, this.world)
        fs.rmSync(gate)
      }
      if (event.type === 'attemptFinished' && back) {
        this.world = before
        build(this.root, this.out, this.world)
      }
    })
    fs.rmSync(gate, { force: true })
  }

  #config() {
    return configOf(this.world, this.root, this.out)
  }

  /**
   * @param {import('../run.js').RunConfig} config
   * @param {(event: import('../run.js').RunEvent) => void} [onEvent]
   */
  async #run(config, onEvent) {
    const result = await run(config, { root: this.root, onEvent })
    this.seen.runs++
    assert.deepEqual(result.errors, [])
    return result
  }
}
