// @ts-check
'use strict'

/** `go test` on a broker: the example's package, in the real runner. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { before, describe, it } = require('node:test')
const { isAlive } = require('./support/alive.js')
const { assertShared } = require('./support-integrations/facts.js')
const { ROOT, commandsOf, filesOf, makeProject } = require('./support-integrations/project.js')
const toolchains = require('./support-run-adapters/toolchains.js')
const common = require('./fixtures/integrations/common/options.js')

const MINUTE = 60_000
const BIN = path.join(ROOT, 'bin', 'ephemeral-broker.js')
const PACKAGE = path.join(ROOT, 'examples', 'go', 'broker')
const config = { pools: { ...common.pools, own: 5 }, values: common.seed, rateLimits: common.rateLimits }

/** The package `broker`, as it is put into a module. */
const files = () =>
  Object.fromEntries(fs.readdirSync(PACKAGE).map(name => [`broker/${name}`, fs.readFileSync(path.join(PACKAGE, name), 'utf8')]))

/**
 * That nothing is left of a run: no socket, no process.
 * @param {ReturnType<typeof makeProject>} project
 */
function assertClean(project) {
  const sockets = project.left().filter(name => !name.startsWith('go-build'))
  assert.deepEqual(sockets, [])
  const pids = project.ledger().map(({ pid }) => pid)
  assert.deepEqual(pids.filter(isAlive), [])
}

describe('go test', { skip: process.platform === 'win32' && 'its tests use signals' }, () => {
  /** @type {import('./support-run-adapters/toolchains.js').Toolchain} */
  let go
  before(
    () => {
      go = toolchains.go()
    },
    { timeout: 5 * MINUTE }
  )
  const limit = { timeout: 3 * MINUTE }

  /** @param {import('node:test').TestContext} t */
  function makeTested(t) {
    if (go.path === null) return void t.skip(go.why)
    const project = makeProject(t, { fixture: 'go', files: { ...files(), 'ephemeral-broker.json': JSON.stringify(config) } })
    /** @param {string[]} started @param {string[]} args @param {Partial<Parameters<typeof project.run>[0]>} [more] */
    const run = (started, args, more) => project.run({ args: [BIN, 'start', ...started, '--', 'go', 'test', '-vet=off', ...args], ...more })
    return { project, run }
  }

  it('shares among five packages, gives back what a test forgot and what a killed process held', limit, async t => {
    const tested = makeTested(t)
    if (!tested) return
    const { project, run } = tested
    const { code, output } = await run(['--secret'], ['-p', '5', './...'])
    assert.equal(code, 1, output)
    assert.match(output, /signal: killed\nFAIL\texample\.com\/tested\/two/)
    assert.equal(output.match(/^ok {2}\texample/gm)?.length, 4, output)
    const ledger = project.ledger()
    assertShared(ledger)
    const owners = new Map(ledger.filter(({ what }) => what === 'together').map(({ pid, own }) => [pid, own]))
    assert.equal(new Set(owners.values()).size, 5)
    const uses = ledger.filter(({ what }) => what === 'own')
    assert.equal(uses.length, 5)
    for (const { pid, own } of uses) assert.equal(own, owners.get(pid))
    const took = ledger.filter(({ what }) => what === 'took').map(({ pool, number }) => `${pool} ${number}`)
    assert.deepEqual(took.sort(), ['fragile 1', 'things 1'])
    assert.match(output, /not released: things 1, taken in 'TestForgets' by go-one pid \d+\n/)
    assert.match(output, /not released: fragile 1, taken in 'TestZCrashes' by go-two pid \d+\n/)
    assert.match(output, /at most in use: accounts [1-3] of 3, .*; 2 leaks\n/)
    assertClean(project)
  })

  it('has its own ends: a leak that fails its test, no broker, Ctrl-C', limit, async t => {
    const tested = makeTested(t)
    if (!tested) return
    const { project, run } = tested
    const leaked = await run(['--leaks', 'fail'], ['-v', '-run', 'Forgets|Takes|Gives', './one'])
    assert.equal(leaked.code, 1, leaked.output)
    assert.match(leaked.output, /not released: \[things 1\]\. Release it in the test, .*\n--- FAIL: TestForgets/)
    assert.equal(leaked.output.match(/--- PASS/g)?.length, 2)
    assertClean(project)

    const alone = await project.run({ node: 'go', args: ['test', '-vet=off', '-run', 'TestForgets', './one'] })
    assert.equal(alone.code, 1)
    assert.match(
      alone.output,
      /finds no broker, because EPHEMERAL_PIPE is not set: run the tests with 'npx ephemeral-broker start -- go test \.\/\.\.\.'/
    )

    let asked = false
    const interrupted = await run([], ['-v', '-run', 'TestWaits', './four'], {
      env: { WAITS: '1' },
      onOutput(seen, child) {
        if (asked || !seen.includes('holds it\n')) return
        asked = child.kill('SIGINT')
      }
    })
    assert.equal(interrupted.code, 1, interrupted.output)
    assert.match(interrupted.output, /fragile 1 of 1/)
    assertClean(project)
  })

  it('the page is a module whose tests pass, and shows what they print', limit, async t => {
    if (go.path === null) return t.skip(go.why)
    const project = makeProject(t, { files: { ...files(), ...filesOf('docs/go.md') } })
    const command = commandsOf('docs/go.md').find(line => line.startsWith('npx ephemeral-broker start'))
    const { code, output } = await project.run({ args: [BIN, ...String(command).split(' ').slice(2)] })
    assert.equal(code, 0, output)
    assert.match(output, /^ok {2}\texample\.com\/shop\/admin/m)
    assert.match(output, /^ok {2}\texample\.com\/shop\/orders/m)
    const leaks = output.split('\n').filter(line => line.includes('not released'))
    const shown = leaks.map(line => line.replace(/accounts \d/, 'accounts 1').replace(/pid \d+/, 'pid 4242'))
    assert.equal(shown.length, 1, output)
    assert.ok(fs.readFileSync(path.join(ROOT, 'docs', 'go.md'), 'utf8').includes(`${shown}\n`), output)
  })
})
