// @ts-check
'use strict'

/** pytest with xdist on a broker: the example's client and plugin, in the real runner. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { before, describe, it } = require('node:test')
const { isAlive } = require('./support/alive.js')
const { assertShared } = require('./support-integrations/facts.js')
const { ROOT, commandsOf, filesOf } = require('./support-integrations/project.js')
const { makePythonProject, pytestXdist } = require('./support-integrations/pytest.js')
const common = require('./fixtures/integrations/common/options.js')

const MINUTE = 60_000
const BIN = path.join(ROOT, 'bin', 'ephemeral-broker.js')
const EXAMPLE = path.join(ROOT, 'examples', 'python', 'with-pytest')
const config = { pools: { ...common.pools, spare: 5, own: 5 }, values: common.seed, rateLimits: common.rateLimits }

/** @typedef {ReturnType<typeof makePythonProject>} Project */

/**
 * That nothing is left of a run: no socket, no process.
 * @param {Project} project
 */
function assertClean(project) {
  assert.deepEqual(
    project.left().filter(name => !name.startsWith('pytest-of-')),
    []
  )
  assert.deepEqual(
    project
      .ledger()
      .map(({ pid }) => pid)
      .filter(isAlive),
    []
  )
}

for (const version of ['7', '9']) {
  describe(`pytest ${version}`, { skip: process.platform === 'win32' && 'its tests use signals' }, () => {
    /** @type {ReturnType<typeof pytestXdist>} */
    let pytest
    before(
      () => {
        pytest = pytestXdist(version)
      },
      { timeout: 5 * MINUTE }
    )
    const limit = { timeout: MINUTE }

    /**
     * @param {import('node:test').TestContext} t
     * @param {Parameters<typeof makePythonProject>[1]} parts
     */
    function makeTested(t, parts) {
      if (pytest.path === null) return void t.skip(pytest.why)
      const program = pytest.path
      const project = makePythonProject(t, { ...parts, files: { 'ephemeral-broker.json': JSON.stringify(config), ...parts.files } })
      const env = { PYTHONDONTWRITEBYTECODE: '1', PATH: `${path.dirname(program)}${path.delimiter}${process.env.PATH}` }
      /** @param {string[]} started @param {string[]} args @param {Partial<Parameters<Project['run']>[0]>} [more] */
      const run = (started, args, more) =>
        project.run({ args: [BIN, 'start', ...started, '--', 'pytest', ...args], ...more, env: { ...env, ...more?.env } })
      return { project, run, program, env }
    }

    it('shares among five workers, gives back what a test forgot and what a killed worker held', limit, async t => {
      const tested = makeTested(t, { fixture: 'pytest' })
      if (!tested) return
      const { project, run } = tested
      const { code, output } = await run(['--secret'], ['-n', '5', '-q'])
      assert.equal(code, 1, output)
      assert.match(output, /worker 'gw\d' crashed while running 'test_0_crash\.py::test_crashes'/)
      assert.match(output, /1 failed, 33 passed/)
      const ledger = project.ledger()
      assertShared(ledger)
      // A worker's own is the same in all its tests, and nobody else's meanwhile.
      const owners = new Map(ledger.filter(({ what }) => what === 'together').map(({ pid, own }) => [pid, own]))
      assert.equal(new Set(owners.values()).size, 5)
      const uses = ledger.filter(({ what, pid }) => what === 'own' && owners.has(pid))
      assert.ok(uses.length > 0)
      for (const { pid, own } of uses) assert.equal(own, owners.get(pid))
      const took = ledger.filter(({ what }) => what === 'took').map(({ pool, number }) => `${pool} ${number}`)
      assert.deepEqual(took.sort(), ['fragile 1', 'things 1'])
      // Nobody gave it back but the broker.
      assert.match(output, /not released: fragile 1, taken in 'test_0_crash\.py::test_crashes' by pytest-gw\d pid \d+\n/)
      assert.match(output, /not released: things 1, taken in 'test_leaks\.py::test_forgets' by pytest-gw\d pid \d+\n/)
      assert.match(output, /at most in use: accounts [1-3] of 3, .*; 2 leaks\n/)
      assertClean(project)
    })

    it('has its own ends: failures, a broken setup, a time limit, a leak that fails its test', limit, async t => {
      const tested = makeTested(t, { fixture: ['pytest', 'pytest-ends'] })
      if (!tested) return
      const { project, run, program, env } = tested
      const { code, output } = await run(['--leaks', 'fail'], ['-n', '1', '--no-header', '-rA', 'test_ends.py'])
      assert.equal(code, 1, output)
      for (const line of [
        /FAILED test_ends\.py::test_fails/,
        /ERROR test_ends\.py::test_forgets - Failed: not released: things 1/,
        /ERROR test_ends\.py::test_with_a_broken_setup - Run.*/,
        /ERROR test_ends\.py::test_with_a_broken_setup - Failed: not released: spare 1/,
        /FAILED test_ends\.py::test_out_of_time - Failed: out of time/,
        /PASSED test_ends\.py::test_hands_on/,
        /PASSED test_ends\.py::TestOwnBroker::test_own/,
        /PASSED test_ends\.py::TestOwnBroker::test_both/,
        /PASSED test_ends\.py::test_after_it/
      ])
        assert.match(output, line)
      assert.match(output, /2 leaks\n/)
      assertClean(project)

      const alone = await project.run({ node: program, args: ['-q', 'test_1.py'], env })
      assert.equal(alone.code, 1)
      assert.match(
        alone.output,
        /finds no broker, because EPHEMERAL_PIPE is not set: run the tests with 'npx ephemeral-broker start -- pytest'/
      )
      const stopped = await run([], ['-n', '2', '-x', 'test_ends.py'])
      assert.equal(stopped.code, 2, stopped.output)
      assert.match(stopped.output, /stopping after 1 failures/)
      assertClean(project)
    })

    it('is gone after Ctrl-C, while a test holds something', limit, async t => {
      const tested = makeTested(t, { fixture: ['pytest', 'pytest-waits'] })
      if (!tested) return
      const { project, run } = tested
      let asked = false
      const { code, output } = await run([], ['-n', '2', 'test_waits.py'], {
        onOutput(seen, child) {
          if (asked || !seen.includes('holds it\n')) return
          asked = child.kill('SIGINT')
        }
      })
      assert.equal(code, 2, output)
      assert.match(output, /KeyboardInterrupt/)
      assert.match(output, /at most in use: .*fragile 1 of 1/)
      assertClean(project)
    })
  })
}

it('the page shows the example, and what it prints', { timeout: 6 * MINUTE }, async t => {
  const pytest = pytestXdist('9')
  if (pytest.path === null) return t.skip(pytest.why)
  const files = filesOf('docs/pytest.md')
  assert.deepEqual(Object.keys(files).sort(), ['conftest.py', 'ephemeral-broker.toml', 'test_admin.py', 'test_orders.py'])
  for (const [name, code] of Object.entries(files)) {
    assert.equal(fs.readFileSync(path.join(EXAMPLE, name), 'utf8').replaceAll('\r\n', '\n'), `# ${name}\n${code}`)
  }
  const project = makePythonProject(t, { files })
  const command = commandsOf('docs/pytest.md').find(line => line.startsWith('npx ephemeral-broker start --'))
  const args = String(command).split(' ').slice(2)
  const PATH = `${path.dirname(pytest.path)}${path.delimiter}${process.env.PATH}`
  const { code, output } = await project.run({ args: [BIN, ...args], env: { PATH } })
  assert.equal(code, 0, output)
  assert.match(output, / 6 passed in /)
  const page = fs.readFileSync(path.join(ROOT, 'docs', 'pytest.md'), 'utf8')
  const leaks = output.split('\n').filter(line => line.includes('not released'))
  const shown = leaks.map(line => line.replace(/accounts \d/, 'accounts 1').replace(/gw\d pid \d+/, 'gw1 pid 4242'))
  assert.equal(shown.length, 1, output)
  assert.ok(page.includes(`${shown}\n`), output)
})
