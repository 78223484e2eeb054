// @ts-check
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { makeInstalledProject } = require('./support-integrations/installed.js')
const { leaksIn, nobodyIsLeft } = require('./support-integrations/ends.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const mocha = path.join('node_modules', 'mocha', 'bin', 'mocha.js')
const cli = path.join('node_modules', 'ephemeral-broker', 'bin', 'ephemeral-broker.js')
const { nodes } = findNodes()

const LEAKS = [
  "things 1, taken in 'leaks forgets'",
  "lock in a hook, taken in 'leaks of a hook forgets, too'",
  "lock in a hook, taken in 'leaks of a hook takes it again'",
  "lock attempt, taken in 'leaks retries has an attempt for each'",
  "lock attempt, taken in 'leaks retries has an attempt for each'"
]

for (const version of ['11', '12']) {
  describe(`Mocha ${version}`, () => {
    /** @param {import('node:test').TestContext} t */
    const makeProject = t => makeInstalledProject(t, { name: 'mocha', version }, { fixture: 'mocha' })

    for (const { version: major, node } of version === '12' ? nodes : nodes.slice(0, 1)) {
      it(`has one broker for five workers, Node ${major}`, LONG, async t => {
        const project = makeProject(t)
        const { code, output } = await project.run({ node, args: [mocha, 'specs/*.spec.*'] })
        assert.equal(code, 0, output)
        assertShared(project.ledger())
        assert.deepEqual(leaksIn(output), LEAKS, output)
        assert.match(output, /^ephemeral-broker: at most in use: accounts 3 of 3, .*things 1 of 1; longest wait: .*; 5 leaks$/m)
        assert.deepEqual(
          project
            .ledger()
            .filter(({ what }) => what === 'file')
            .map(({ isHeld }) => isHeld),
          [true]
        )
        assert.ok(
          project.ledger().some(({ what }) => what === 'next'),
          'what a file took is given back when it is over'
        )
        assert.deepEqual(project.left(), [])
        await nobodyIsLeft(project)
      })
    }

    it('fails tests that leak, and them alone, where files follow each other in one process', LONG, async t => {
      const project = makeProject(t)
      const report = ['--reporter', 'json', '--reporter-option', 'output=report.json']
      const args = [mocha, '--no-parallel', ...report, 'specs/*.spec.*', 'red/red.spec.mjs']
      const { code, output } = await project.run({ args, env: { ALONE: '1', LEAKS: 'fail' } })
      assert.equal(code, 7, output)
      const { stats, failures } = JSON.parse(project.read('report.json').join('\n'))
      assert.equal(stats.tests, 52)
      assert.deepEqual(
        failures.map((/** @type {any} */ { fullTitle, err }) => `${fullTitle}: ${err.message.split(/[,.]/)[0]}`),
        [
          'leaks forgets: leaked: not released: things 1',
          'leaks of a hook forgets, too: leaked: not released: lock in a hook',
          'leaks of a hook takes it again: leaked: not released: lock in a hook',
          'leaks retries has an attempt for each: leaked: not released: lock attempt',
          'leaks retries has an attempt for each: leaked: not released: lock attempt',
          'red fails: as it is to',
          'red waits when its time is over: Timeout of 100ms exceeded'
        ]
      )
      assert.ok(project.ledger().some(({ what }) => what === 'late'))
      assert.deepEqual(project.left(), [])
    })

    it('gives back what a worker had that is killed', LONG, async t => {
      const project = makeProject(t)
      const { code, output } = await project.run({ args: [mocha, 'red/crash*.spec.cjs'] })
      assert.equal(code, 1, output)
      assert.match(output, /1 passing.*Workerpool Worker terminated Unexpectedly/s)
      const order = project.ledger().map(({ what }) => what)
      assert.deepEqual(order, ['crash', 'took'])
      assert.deepEqual(leaksIn(output).sort(), ["fragile 1, taken in 'crashes'", "lock crash, taken in 'crashes'"])
      assert.deepEqual(project.left(), [])
      await nobodyIsLeft(project)
    })

    it('tells what the last workers had, after whose end Mocha runs nothing more and says nothing', LONG, async t => {
      const project = makeProject(t)
      const files = ['red/crash.spec.cjs', 'red/dies.spec.cjs', 'red/crashed.spec.cjs']
      const { code, output } = await project.run({ args: [mocha, '--jobs', '2', ...files], env: { LEAKS: 'fail' } })
      assert.equal(code, 1, output)
      const held = ["fragile 1, taken in 'crashes'", "lock crash, taken in 'crashes'", "lock of one that dies, taken in 'dies'"]
      assert.deepEqual(leaksIn(output).sort(), held)
      assert.match(output, /^ephemeral-broker: at most in use: .*; 3 leaks$/m)
      assert.deepEqual(project.left(), [])
    })

    it('ends with Mocha’s own exit code after the first failure, with --bail', LONG, async t => {
      const project = makeProject(t)
      const { code, output } = await project.run({ args: [mocha, '--no-parallel', '--bail', 'red/red.spec.mjs', 'specs/one.spec.cjs'] })
      assert.equal(code, 1, output)
      assert.match(output, /0 passing.*\n.*1 failing/)
      assert.deepEqual(leaksIn(output), ["lock of one that fails, taken in 'red fails'"])
      assert.deepEqual(project.left(), [])
    })

    it('fails a run with a leak of which no test can tell', LONG, async t => {
      const project = makeProject(t)
      for (const more of [[], ['--exit'], ['--no-parallel']]) {
        const { code, output } = await project.run({ args: [mocha, ...more, 'other/skipped.spec.cjs'], env: { LEAKS: 'fail' } })
        assert.equal(code, 1, output)
        assert.match(output, /1 pending/)
        assert.deepEqual(leaksIn(output), ["things 1, taken in 'forgets, and is skipped'"])
      }
      assert.deepEqual(project.left(), [])
    })

    it('runs nothing when the broker cannot be as it was asked for', LONG, async t => {
      const project = makeProject(t)
      const { code, output } = await project.run({ args: [mocha, 'specs/*.spec.*'], env: { LEAKS: 'perhaps' } })
      assert.equal(code, 1, output)
      assert.match(output, /invalid_config: ephemeral-broker\.config\.js: leaks is "perhaps"; allowed is/)
      assert.deepEqual(project.ledger(), [])
      assert.deepEqual(project.left(), [])
    })

    it('leaves nothing when it is interrupted, and ends as Mocha does', LONG, async t => {
      const interrupted = async (/** @type {string[]} */ more) => {
        const project = makeProject(t)
        let sent = false
        const { code, output } = await project.run({
          args: [mocha, ...more, 'other/slow.spec.cjs'],
          onOutput(text, child) {
            if (!sent && text.includes('it runs')) sent = child.kill('SIGINT')
          }
        })
        assert.doesNotMatch(output, /passing/)
        assert.deepEqual(project.left(), [])
        await nobodyIsLeft(project)
        return code
      }
      assert.equal(await interrupted([]), await interrupted(['--no-config', '--parallel']))
      assert.equal(await interrupted(['--no-parallel']), await interrupted(['--no-config', '--timeout=0']))
    })

    it('uses a broker that is there', LONG, async t => {
      const project = makeProject(t)
      const inner = [process.execPath, mocha, '--no-parallel', 'other/pipe.spec.cjs', 'other/watched.spec.cjs']
      const { code, output } = await project.run({ args: [cli, 'start', '--pipe-id', 'the-outer-one', '--', ...inner] })
      assert.equal(code, 0, output)
      const [{ pipe }] = project.ledger()
      assert.match(pipe, /the-outer-one/)
      assert.deepEqual(leaksIn(output), ["things 1, taken in 'forgets'"])
      assert.deepEqual(project.left(), [])
    })

    it('says what to check where there is no broker', LONG, async t => {
      const project = makeProject(t)
      const { code, output } = await project.run({ args: [mocha, '--no-config', 'other/pipe.spec.cjs'] })
      assert.equal(code, 1, output)
      assert.match(
        output,
        /no_pipe: this Mocha worker finds no broker, .* check that \.mocharc or the command has require: 'ephemeral-broker\/mocha'/
      )
    })

    it('keeps the broker while it watches, and tells of leaks after each run', LONG, async t => {
      const project = makeProject(t)
      let state = 0
      const { code, output } = await project.run({
        args: [mocha, '--no-parallel', '--watch', '--watch-files', 'other', 'other/watched.spec.cjs'],
        onOutput(text, child) {
          const file = path.join(project.root, 'other', 'watched.spec.cjs')
          const runs = text.split(/waiting for changes/).length - 1
          if (runs === 1 && state === 0) state = fs.appendFileSync(file, '\n') ?? 1
          if (runs === 2 && state === 1) state = child.kill('SIGINT') ? 2 : 1
        }
      })
      assert.equal(code, 130, output)
      assert.match(output, /not released: things 1.*waiting for changes.*not released: things 1.*waiting for changes.*; 2 leaks\n/s)
      assert.equal(leaksIn(output).length, 2)
      assert.deepEqual(project.left(), [])
    })
  })
}
