// @ts-check
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertShared } = require('./support-integrations/facts.js')
const { leaksIn, nobodyIsLeft } = require('./support-integrations/ends.js')
const { makeProject } = require('./support-integrations/project.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 90_000 }
const cli = path.join('node_modules', 'ephemeral-broker', 'bin', 'ephemeral-broker.js')
const { nodes } = findNodes()

const FIVE = ['one.test.cjs', 'two.test.cjs', 'three.test.cjs', 'four.test.mjs', 'five.test.mjs'].map(name => `tests/${name}`)
const LEAKS = [
  "things 1, taken in 'leaks > forgets'",
  "lock in a hook, taken in 'leaks > of a hook > forgets, too'",
  "lock in a hook, taken in 'leaks > of a hook > takes it again'",
  "things 1, taken in 'outer > inner'",
  "lock of the outer one, later, taken in 'outer'"
]

/**
 * How tests are run with a broker: by the global setup where Node has one, else by `start`.
 * @param {{ version: number, node: string }} node
 */
function commandOf({ version, node }) {
  const run = version >= 24 ? [] : [cli, 'start', '--', node]
  const setup = version >= 24 ? ['--test-global-setup=setup.mjs'] : []
  return { node, run, args: [...run, '--test', ...setup] }
}

/** Each of the two ways in one Node is enough for what is the same in all. @param {number} version */
const isLike = version => version === 22 && nodes.some(({ version }) => version === 20)

for (const found of nodes) {
  const { node, run, args } = commandOf(found)

  describe(`node --test of Node ${found.version}`, () => {
    /** @param {import('node:test').TestContext} t */
    const makeNodeProject = t => makeProject(t, { fixture: 'node' })

    it('has one broker for five processes', LONG, async t => {
      const project = makeNodeProject(t)
      const { code, output } = await project.run({ node, args: [...args, '--test-concurrency=5', ...FIVE, 'tests/leaks.test.mjs'] })
      assert.equal(code, 0, output)
      assertShared(project.ledger())
      assert.deepEqual(leaksIn(output), LEAKS, output)
      assert.match(output, /not released: things 1, .* by leaks\.test\.mjs pid \d+\n/, 'the process is known by its file')
      assert.match(output, /^ephemeral-broker: at most in use: accounts 3 of 3, .*things 1 of 1; longest wait: .*; 5 leaks$/m)
      const held = project.ledger().filter(({ what }) => what === 'file' || what === 'outer')
      assert.deepEqual(
        held.map(({ isHeld }) => isHeld),
        [true, true]
      )
      if (run.length === 0) assert.deepEqual(project.read('collected.txt'), ['hello'], 'a global teardown has the broker still')
      assert.deepEqual(project.left(), [])
      await nobodyIsLeft(project)
    })

    it('fails tests that leak, and them alone; what a hook or a time limit prevented is given back', LONG, async t => {
      const project = makeNodeProject(t)
      const report = ['--test-reporter=tap', '--test-reporter-destination=report.tap']
      const { code, output } = await project.run({
        node,
        args: [...args, ...report, 'red/red.test.mjs', 'tests/leaks.test.mjs'],
        env: { LEAKS: 'fail' }
      })
      assert.equal(code, 1, output)
      const lines = project.read('report.tap')
      const failed = lines.flatMap(line => line.match(/^ *not ok \d+ - (.*)/)?.[1] ?? [])
      const inTests = ['leaks', 'of a hook', 'forgets', 'forgets, too', 'takes it again', 'inner', 'outer']
      const others = ['fails', 'fails as it is over', 'waits when its time is over']
      assert.deepEqual(failed.sort(), [...inTests, ...others].sort())
      assert.ok(
        lines.filter(line => /^ *error: "leaked: not released: /.test(line)).length >= 4,
        'one may have failed for its subtest already'
      )
      const seen = project.ledger().map(({ what }) => what)
      for (const what of ['released', 'late']) assert.ok(seen.includes(what), what)
      assert.deepEqual(project.left(), [])
    })

    it('knows tests side by side, or says that nothing leaked', LONG, async t => {
      const project = makeNodeProject(t)
      const { code, output } = await project.run({ node, args: [...args, 'other/beside.test.mjs'] })
      assert.equal(code, 0, output)
      const isKnown = found.version >= 24
      assert.deepEqual(
        leaksIn(output).slice(0, 2),
        isKnown ? ["lock first, taken in 'side by side > first'", "lock second, taken in 'side by side > second'"] : []
      )
      assert.deepEqual(
        project.ledger().map(({ isHeld }) => isHeld),
        [!isKnown, !isKnown]
      )
      assert.deepEqual(project.left(), [])
    })

    if (found.version >= 22) {
      it('knows what test files take that share a process', LONG, async t => {
        const project = makeNodeProject(t)
        const together = found.version >= 24 ? '--test-isolation=none' : '--experimental-test-isolation=none'
        const { code, output } = await project.run({
          node,
          args: [...args, together, ...FIVE, 'tests/leaks.test.mjs'],
          env: { ALONE: '1' }
        })
        assert.equal(code, 0, output)
        assert.equal(new Set(project.ledger().map(({ pid }) => pid)).size, 1)
        assert.deepEqual(leaksIn(output), LEAKS, output)
        if (run.length === 0) assert.deepEqual(project.read('collected.txt'), ['hello'])
        assert.deepEqual(project.left(), [])
      })
    }

    if (isLike(found.version)) return

    if (found.version >= 24) {
      it('knows whose a hook is', LONG, async t => {
        const project = makeNodeProject(t)
        const { code, output } = await project.run({ node, args: [...args, 'other/suites.test.mjs'] })
        assert.equal(code, 0, output)
        assert.deepEqual(
          project.ledger().map(({ isHeld }) => isHeld),
          [true],
          'it is not of the test that runs meanwhile'
        )
        assert.deepEqual(leaksIn(output), [])
      })
    }

    it('gives back what a process had that is killed', LONG, async t => {
      const project = makeNodeProject(t)
      const { code, output } = await project.run({
        node,
        args: [...args, '--test-concurrency=2', 'red/crash.test.mjs', 'red/crashed.test.mjs']
      })
      assert.equal(code, 1, output)
      assert.deepEqual(
        project.ledger().map(({ what }) => what),
        ['crash', 'took']
      )
      assert.deepEqual(leaksIn(output).sort(), ["fragile 1, taken in 'crashes'", "lock crash, taken in 'crashes'"])
      assert.deepEqual(project.left(), [])
      await nobodyIsLeft(project)
    })

    it('leaves nothing when it is interrupted, and ends as Node does', LONG, async t => {
      const interrupted = async (/** @type {string[]} */ before, /** @type {NodeJS.ProcessEnv} */ env) => {
        const project = makeNodeProject(t)
        let sent = false
        const { code, output } = await project.run({
          node,
          args: [...before, 'other/slow.test.mjs'],
          env,
          onOutput(text, child) {
            if (!sent && text.includes('it runs')) sent = child.kill('SIGINT')
          }
        })
        assert.deepEqual(leaksIn(output), env.ALONE ? [] : ["things 1, taken in 'takes its time'"], output)
        assert.deepEqual(project.left(), [])
        await nobodyIsLeft(project)
        return code
      }
      assert.equal(await interrupted(args, {}), await interrupted(['--test'], { ALONE: '1' }))
    })

    it('fails a run with a leak of which no test tells, or a broker that cannot be as it was asked for', LONG, async t => {
      const project = makeNodeProject(t)
      const leaking = await project.run({ node, args: [...args, 'other/todo.test.mjs'], env: { LEAKS: 'fail' } })
      assert.equal(leaking.code, 1, leaking.output)
      assert.match(leaking.output, /\b1 leak$/m)
      const wrong = await project.run({ node, args: [...args, 'other/pipe.test.cjs'], env: { LEAKS: 'perhaps' } })
      assert.ok(wrong.code, wrong.output)
      assert.match(wrong.output, /invalid_config: ephemeral-broker\.config\.js: leaks is "perhaps"; allowed is/)
      assert.deepEqual(
        project.ledger().filter(({ what }) => what === 'pipe'),
        []
      )
      assert.deepEqual(project.left(), [])
    })

    it('uses a broker that is there, and says what to check where there is none', LONG, async t => {
      const project = makeNodeProject(t)
      const inner = run.length > 0 ? ['--test'] : args
      const outer = [cli, 'start', '--pipe-id', 'the-outer-one', '--', node, ...inner]
      const { code, output } = await project.run({ node, args: [...outer, 'other/pipe.test.cjs'] })
      assert.equal(code, 0, output)
      const [{ pipe }] = project.ledger()
      assert.match(pipe, /the-outer-one/)
      const none = await project.run({ node, args: ['--test', 'other/pipe.test.cjs'] })
      assert.equal(none.code, 1)
      assert.match(none.output, /no_pipe: this node:test worker finds no broker, .*check that node --test has --test-global-setup/)
      assert.deepEqual(project.left(), [])
    })

    it('keeps the broker while it watches', LONG, async t => {
      const project = makeNodeProject(t)
      const file = path.join(project.root, 'other', 'todo.test.mjs')
      // When it watches it does not say.
      const changes = setInterval(() => fs.appendFileSync(file, '\n'), 1000)
      t.after(() => clearInterval(changes))
      const { output } = await project.run({
        node,
        args: [...args, '--watch', 'other/todo.test.mjs'],
        onOutput(text, child) {
          if (project.ledger().filter(({ what }) => what === 'forgot').length < 2 || !/todo 1.*todo 1/s.test(text)) return
          clearInterval(changes)
          child.kill('SIGINT')
        }
      })
      assert.ok(leaksIn(output).length >= 2, output)
      assert.deepEqual(project.left(), [])
    })
  })
}
