// @ts-check
'use strict'

/** Runs of one project, calm ones and such in the midst of which something is edited, each held against a run without cache. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { run } = require('../..')
const { EDITS, noise } = require('./steps.js')
const { TESTS, VARIABLE, build, configOf, newWorld } = require('./world.js')

/** What the toolchain's commands print is asked for when a run begins, and not again. */
const IN_THE_MIDST = Object.keys(EDITS).filter(name => name !== 'toolchain')

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
      delete process.env[VARIABLE]
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    })
    this.root = path.join(home, 'project')
    this.out = path.join(home, 'out')
  }

  /** @param {import('./random.js').Random} random */
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

  /**
   * @param {import('./random.js').Random} random
   * @param {string[]} [names]
   */
  #edit(random, names = Object.keys(EDITS)) {
    const name = random.pick(names)
    this.told.push(name)
    EDITS[name](this.world, random)
  }

  /** @param {import('./random.js').Random} random */
  async #calm(random) {
    const expected = await this.#withoutCache()
    const { tests } = await this.#run({ ...noise(random), ...this.#config() })
    // The time of a program counts.
    const now = JSON.stringify([this.world, fs.statSync(path.join(this.root, '../test.sh')).mtimeMs])
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
   * @param {import('./random.js').Random} random
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
        this.#edit(random, IN_THE_MIDST)
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
   * @param {import('../../run.js').RunConfig} config
   * @param {(event: import('../../run.js').RunEvent) => void} [onEvent]
   */
  async #run(config, onEvent) {
    const result = await run(config, { root: this.root, onEvent })
    this.seen.runs++
    assert.deepEqual(result.errors, [])
    return result
  }
}

module.exports = { Story }
