// @ts-check
'use strict'

// How runs of Jest with the integration begin and end: whatever happens, the exit code is Jest's, and nothing is left.

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { isAlive } = require('./support/alive.js')
const { ROOT } = require('./support-integrations/project.js')
const { COMPLAINTS, leaksOf, makeJestProject, versions } = require('./support-integrations/jest.js')
const { until } = require('./support-run/until.js')

const LONG = { timeout: 60_000 }
const cli = path.join(ROOT, 'bin', 'ephemeral-broker.js')
const keys = path.join(__dirname, 'fixtures', 'jest-watch', 'keys.js')

for (const { version, folder, skip } of versions) {
  describe(`Jest ${version}`, { skip }, () => {
    it('is interrupted', { ...LONG, skip: process.platform === 'win32' && 'there are no signals' }, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['ends', '--maxWorkers=2'])
      assert.ok(code === null || code === 130, `${code}\n${output}`)
      assert.deepEqual(project.left(), [])
      const [{ pid, runner }] = project.ledger()
      await until(() => !isAlive(pid) && !isAlive(runner), 'the worker ends')
    })

    it('stops at the first failure', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['outcomes/leaks', 'late', '--bail', '--runInBand'], { env: { LEAKS: 'fail' } })
      assert.equal(code, 1, output)
      assert.deepEqual(project.left(), [])
    })

    it('does not begin with an option that is wrong, and says so in a sentence', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['late'], { env: { LEAKS: 'sometimes' } })
      assert.equal(code, 1, output)
      assert.equal(
        output.trim(),
        'BrokerError: invalid_option: leaks of ephemeral-broker for Jest must be one of warn, fail, off, not "sometimes"'
      )
      assert.deepEqual(project.left(), [])
    })

    it('ends without a teardown, and needs no setup file', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['--config=by-paths.config.js', '--runInBand'])
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, COMPLAINTS)
      assert.match(output, /3 passed, 3 total/)
      assert.deepEqual(project.left(), [])
    })

    it('gives back what files took of which no test ran, and is not mocked by itself', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const { code, output } = await jest(['--config=unfinished/jest.config.js', '--runInBand'])
      assert.equal(code, 1, output)
      assert.doesNotMatch(output, COMPLAINTS)
      assert.match(output, /^Test Suites: 1 failed, 1 skipped, 1 passed, /m)
      assert.match(output, /^Tests: +1 skipped, 1 passed, 2 total$/m)
      assert.match(output, /; no leaks$/m)
      assert.deepEqual(project.left(), [])
    })

    it('runs modules, with a setup of the project’s own, inside an outer broker', LONG, async t => {
      const { project } = makeJestProject(t, folder)
      const jest = [
        '--experimental-vm-modules',
        '--no-warnings',
        'node_modules/jest/bin/jest.js',
        '--watchman=false',
        '-c=esm/jest.config.mjs'
      ]
      const { code, output } = await project.run({ args: [cli, 'start', '--no-require-ttl', '--', process.execPath, ...jest] })
      assert.equal(code, 0, output)
      assert.match(output, /2 passed, 2 total/)
      const [{ outer, pipe }] = project.ledger()
      assert.ok(outer !== null && outer === pipe, 'no broker of its own')
      assert.deepEqual(project.left(), [])
    })

    it('fails for a shared worker that fails, though all tests pass and Jest is forced to exit', LONG, async t => {
      const { project, jest } = makeJestProject(t, folder)
      const args = ['--config=shared/jest.config.js', '--runInBand', '--forceExit', '--json', '--outputFile=report.json']
      const { code, output } = await jest(args, { env: { FAILURE: '1' } })
      assert.equal(code, 1, output)
      assert.match(output, /^ephemeral-broker: the shared worker .*program\.mjs failed$/m)
      assert.equal(JSON.parse(project.read('report.json').join('')).success, true)
      assert.deepEqual(project.left(), [])
    })
  })
}

describe('Jest 30', () => {
  const { folder } = versions[1]

  it('runs projects with what the config file says, one of them under jsdom', LONG, async t => {
    const { project, jest } = makeJestProject(t, folder)
    const { code, output } = await jest(['--config=projects/jest.config.js'])
    assert.equal(code, 0, output)
    assert.doesNotMatch(output, COMPLAINTS)
    assert.match(output, /^ephemeral-broker: at most in use: accounts 2 of 2, own 1 of 5; .*; no leaks$/m)
    assert.deepEqual(project.left(), [])
  })

  it('is told what to check where there is no broker, and where the module is loaded too late', LONG, async t => {
    const { project, jest } = makeJestProject(t, folder)
    const { code, output } = await jest(['--config=no-setup.config.js', '--runInBand'])
    assert.equal(code, 1, output)
    assert.match(output, /no_pipe: this Jest worker finds no broker, .* check that jest\.config has preset: 'ephemeral-broker', or /)
    assert.match(output, /ephemeral-broker\/jest is loaded when tests run already: load it at the top of a test file, or /)
    assert.match(output, /7 failed, 7 total/)
    assert.deepEqual(project.left(), [])
  })

  it('is told where the module can be used', () => {
    assert.throws(() => require('../lib/integrations/jest'), /^Error: ephemeral-broker\/jest is for what Jest runs as tests: elsewhere, /)
  })

  it('has shared workers for test files that follow each other', LONG, async t => {
    const { project, jest } = makeJestProject(t, folder)
    const { code, output } = await jest(['--config=shared/jest.config.js', '--runInBand'])
    assert.equal(code, 0, output)
    const ledger = project.ledger().map(({ what, file }) => `${file} ${what}`)
    assert.deepEqual(ledger.sort(), ['one.case.js came', 'one.case.js went', 'two.case.js came', 'two.case.js went'])
    assert.deepEqual(project.left(), [])
  })

  it('keeps nothing of a test file', LONG, async t => {
    const FILES = 20
    const names = Array.from({ length: FILES }, (_, index) => `contexts/${index}.case.js`)
    const files = Object.fromEntries(names.map(name => [name, "require('./tests.js').define()"]))
    const { project, jest } = makeJestProject(t, folder, { fixture: 'jest', files })
    const { code, output } = await jest(['contexts', '--runInBand'], { flags: ['--expose-gc'] })
    assert.equal(code, 0, output)
    const { made, gone } = project.ledger()[FILES - 1]
    assert.equal(made, FILES)
    // They are collected a few files later.
    assert.ok(gone >= FILES / 4, `${gone} of ${FILES} realms are gone`)
  })

  it('has a broker for each run in watch mode', LONG, async t => {
    const { project, jest } = makeJestProject(t, folder)
    let pressed = 0
    const { code, output } = await jest(['late', '--watchAll', '--ci=false'], {
      flags: ['--require', keys],
      env: { CI: 'false', TERM: 'xterm' },
      onOutput(output, child) {
        // Jest says this when a run is over and it listens.
        const runs = output.split('Ran all test suites').length - 1
        if (runs <= pressed || !output.slice(output.lastIndexOf('Ran all test suites')).includes('Watch Usage')) return
        pressed++
        child.stdin?.write(pressed < 3 ? '\r' : 'q')
      }
    })
    assert.equal(code, 0, output)
    const runs = output.split('Ran all test suites').length - 1
    assert.ok(runs >= 3, output)
    assert.equal(leaksOf(output).length, runs * 2)
    assert.equal(output.match(/^ephemeral-broker: at most in use: .*; 2 leaks$/gm)?.length, runs)
    assert.deepEqual(project.left(), [])
  })
})
