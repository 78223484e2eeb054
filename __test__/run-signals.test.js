// @ts-check
'use strict'

/**
 * However a run is ended, nothing of it is left: no process, no directory, no socket, no port; and what it says of itself is true. The storm's
 * length is RUN_SIGNALS (40), its seed RUN_SIGNALS_SEED.
 */

const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { makeProject } = require('./support-run-signals/project.js')
const { chance } = require('./support-run-signals/random.js')
const { BIN, start } = require('./support-run-signals/runner.js')
const { APART, storm } = require('./support-run-signals/storm.js')
const { processesWith } = require('./support-run-signals/traces.js')

const COUNT = Number(process.env.RUN_SIGNALS ?? 40)
const SEED = Number(process.env.RUN_SIGNALS_SEED ?? Math.floor(Math.random() * 2 ** 32))
/** At the same time. */
const LANES = 2

/** @typedef {ReturnType<typeof makeProject>} Project */

// Traces are looked for in /proc.
const skip = process.platform === 'linux' ? false : 'needs /proc'

/** @param {string} name @param {object} [more] */
function inProject(name, more) {
  /** @type {{ project: Project }} */
  const own = /** @type {any} */ ({})
  before(() => {
    own.project = makeProject(name, more)
  })
  after(() => own.project.remove())
  return own
}

/** @param {Project} project */
const reportOf = project => JSON.parse(fs.readFileSync(project.report, 'utf8'))

describe('A run that is ended at any moment', { skip, timeout: 20_000 + COUNT * 10_000 }, () => {
  it(`leaves nothing, and is no trouble to the next (${COUNT} times)`, async t => {
    const projects = Array.from({ length: LANES }, (_, lane) => makeProject(`storm${lane}`))
    try {
      const undisturbed = start(projects[0])
      const began = performance.now()
      assert.deepEqual(await undisturbed.exit, { code: 0, signal: null }, undisturbed.output())
      const duration = performance.now() - began
      await undisturbed.gone()
      let left = COUNT
      const take = () => (left > 0 ? left-- : null)
      t.diagnostic(`RUN_SIGNALS_SEED=${SEED}, an undisturbed run takes ${Math.round(duration)} ms`)
      const ends = (
        await Promise.all(projects.map((project, lane) => storm(project, chance(SEED + lane), { duration: duration * 0.7, take })))
      ).flat()
      const of = (/** @type {string} */ wanted) => ends.filter(({ how }) => how === wanted)
      const times = of('killed').map(({ took }) => took)
      const counts = ['stopped', 'killed', 'unheard', 'too late'].map(how => `${how}: ${of(how).length}`)
      t.diagnostic(`${counts.join(', ')}; the longest time that something was left: ${Math.round(Math.max(...times))} ms`)
      assert.equal(ends.length, COUNT)
    } finally {
      for (const project of projects) project.remove()
    }
  })
})

describe('A signal', { skip, concurrency: 2, timeout: 120_000 }, () => {
  /** @type {Array<[string, string, NodeJS.Signals, number, Record<string, string>]>} */
  const phases = [
    ['while tests are listed', 'list', 'SIGINT', 130, { LIST_TAKES: '20' }],
    ['in globalSetup', 'setup', 'SIGTERM', 143, { SETUP_TAKES: '20' }],
    ['while servers start', 'server', 'SIGHUP', 129, { SERVER_TAKES: '20000' }],
    ['in tests', 'test-t1', 'SIGINT', 130, { TEST_TAKES: '20' }],
    ['in globalTeardown', 'teardown', 'SIGTERM', 143, { TEARDOWN_TAKES: '0.5' }]
  ]
  for (const [when, phase, signal, code, env] of phases) {
    it(`${when} ends the run, reports are written, and what was set up is taken down`, async () => {
      const project = makeProject(phase)
      try {
        const run = start(project, { env })
        await run.reached(phase)
        run.child.kill(signal)
        assert.deepEqual(await run.exit, { code, signal: null }, run.output())
        await run.gone()
        for (const file of project.reports) assert.ok(fs.existsSync(file), `${file} is missing`)
        const { exitCode, tests, errors } = reportOf(project)
        assert.equal(exitCode, code)
        assert.deepEqual(errors, [])
        const status = phase === 'teardown' ? 'passed' : 'not_run'
        assert.ok(
          tests.every((/** @type {any} */ test) => test.status === status),
          JSON.stringify(tests)
        )
        assert.equal(project.phases().includes('torn'), phase !== 'list')
        assert.match(run.output(), phase === 'teardown' ? /4 passed/ : new RegExp(`the run was stopped: ${signal}`))
      } finally {
        project.remove()
      }
    })
  }

  it('while the config is loaded ends it as any program that does not listen', async () => {
    const project = makeProject('config')
    try {
      const run = start(project, { env: { CONFIG_TAKES: '20000' } })
      await run.reached('config')
      run.child.kill('SIGINT')
      assert.deepEqual(await run.exit, { code: null, signal: 'SIGINT' })
      await run.gone()
      assert.equal(fs.existsSync(path.join(project.root, '.ephemeral-broker')), false)
    } finally {
      project.remove()
    }
  })
})

describe('A second signal', { skip, timeout: 60_000 }, () => {
  const own = inProject('second', { gracePeriod: '1m' })

  it('kills at once what does not end', async () => {
    const { project } = own
    const run = start(project, { env: { STUBBORN: 'yes', TEST_TAKES: '60', TEARDOWN_TAKES: '60' } })
    await run.reached('test-t2')
    run.child.kill('SIGINT')
    await run.said(/STOP/)
    await sleep(APART)
    const began = performance.now()
    run.child.kill('SIGTERM')
    assert.deepEqual(await run.exit, { code: 130, signal: null }, run.output())
    assert.ok(performance.now() - began < 5000, 'it waited for the grace to be over')
    await run.gone()
    assert.equal(reportOf(project).counts.not_run, 4)
  })

  it('that comes with the first is the same wish', async () => {
    const { project } = own
    project.forget()
    const run = start(project, { env: { TEST_TAKES: '60', TEARDOWN_TAKES: '0.2' } })
    await run.reached('test-t2')
    run.child.kill('SIGINT')
    run.child.kill('SIGTERM')
    assert.deepEqual(await run.exit, { code: 130, signal: null }, run.output())
    await run.gone()
    assert.ok(project.phases().includes('torn'), 'the teardown was cut short')
  })
})

describe('When the run and its watchdog are killed', { skip, timeout: 60_000 }, () => {
  const own = inProject('watchdog')
  const other = inProject('alive')

  it('`clean` ends what is left, and leaves alone what lives', async () => {
    const dead = start(own.project, { env: { TEST_TAKES: '60' } })
    await dead.reached('test-t2')
    // In the same folder, so that `clean` sees both.
    const alive = start(other.project, { env: { TMPDIR: dead.tmp, TEST_TAKES: '2' } })
    await alive.reached('test-t2')
    const [watchdog] = processesWith([`${dead.tmp}/`]).filter(each => each.includes('ephemeral-watchdog') && each.includes(runIdOf(dead)))
    process.kill(Number.parseInt(watchdog, 10), 'SIGKILL')
    dead.child.kill('SIGKILL')
    await dead.exit
    const clean = spawnSync(process.execPath, [BIN, 'clean', '--json'], {
      cwd: own.project.root,
      env: { ...process.env, ROOT: own.project.root, TMPDIR: dead.tmp },
      encoding: 'utf8'
    })
    assert.equal(clean.status, 0, clean.stderr)
    const cleaned = JSON.parse(clean.stdout)
    assert.deepEqual(
      cleaned.map((/** @type {any} */ { runId, removed }) => ({ runId, removed })),
      [{ runId: runIdOf(dead), removed: true }]
    )
    assert.deepEqual(processesWith([`MARK=${dead.mark}`]), [])
    assert.deepEqual(await alive.exit, { code: 0, signal: null }, alive.output())
    await alive.gone()
    await dead.gone()
  })

  /** @param {ReturnType<typeof start>} run */
  function runIdOf({ mark }) {
    const [pid] = processesWith([`MARK=${mark}`])
      .filter(each => each.includes('test.sh'))
      .map(each => Number.parseInt(each, 10))
    if (pid) ids.set(mark, /EPHEMERAL_RUN_ID=(\w+)/.exec(fs.readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1])
    return ids.get(mark) ?? ''
  }
  /** @type {Map<string, string | undefined>} */
  const ids = new Map()
})

const script = spawnSync('script', ['--version']).status === 0

describe('On a terminal', { skip: skip || (script ? false : 'needs script'), timeout: 60_000 }, () => {
  const own = inProject('terminal')

  it('Ctrl-C is one wish: tests do not hear it, and the run ends what it began', async () => {
    const { project } = own
    const command = ['script', '-qefc', `exec ${process.execPath} ${BIN} run`, '/dev/null']
    const run = start(project, { command, env: { TEST_TAKES: '60', TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'pipe'] })
    await run.reached('test-t2')
    run.child.stdin?.write('\x03')
    assert.equal((await run.exit).code, 130, run.output())
    await run.gone()
    const phases = project.phases()
    assert.ok(phases.includes('torn'))
    assert.ok(!phases.some(phase => phase.startsWith('interrupted')), String(phases))
    assert.equal(reportOf(project).exitCode, 130)
  })

  it('that is closed, a run ends gracefully as well', async () => {
    const { project } = own
    project.forget()
    const command = ['script', '-qefc', `exec ${process.execPath} ${BIN} run`, '/dev/null']
    const run = start(project, { command, env: { TEST_TAKES: '60', TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'pipe'] })
    await run.reached('test-t2')
    run.child.kill('SIGKILL')
    await run.exit
    await run.gone()
    assert.ok(project.phases().includes('torn'))
    assert.equal(reportOf(project).exitCode, 129)
  })
})

describe('When nobody reads any more', { skip, concurrency: 2, timeout: 60_000 }, () => {
  for (const [what, code, env] of /** @type {Array<[string, number, Record<string, string>]>} */ ([
    ['passes', 0, {}],
    ['fails', 1, { TEST_EXIT: '1' }]
  ])) {
    it(`(| head -1) a run that ${what} has its exit code, and leaves nothing`, async () => {
      const project = makeProject('epipe', { run: ['sh', '-c', 'seq 3000; sh test.sh {test}'] })
      try {
        const run = start(project, { args: ['--stream', '-v', '-w', '1'], env })
        run.child.stdout?.once('data', () => run.child.stdout?.destroy())
        assert.deepEqual(await run.exit, { code, signal: null }, run.output())
        await run.gone()
        assert.equal(reportOf(project).exitCode, code)
      } finally {
        project.remove()
      }
    })
  }
})

describe('run() of the API', { skip, concurrency: 2, timeout: 120_000 }, () => {
  const root = JSON.stringify(path.join(__dirname, '..'))

  /**
   * A program that calls run(), and prints what came of it.
   * @param {string} options as source
   * @param {string} [before] what is done first
   */
  async function program(options, before = '') {
    const project = makeProject('api')
    const source = `${before}
require(${root}).run(undefined, ${options}).then(
  ({ exitCode, tests }) => console.log('RESULT', JSON.stringify({ exitCode, statuses: tests.map(test => test.status) })),
  error => console.log('ERROR', JSON.stringify(error instanceof Error ? error.message : String(error)))
)`
    try {
      const run = start(project, { command: [process.execPath, '-e', source], env: { TEST_TAKES: '0.3' } })
      const exit = await run.exit
      await run.gone()
      const [, kind, said] = /^(RESULT|ERROR) (.*)$/m.exec(run.output()) ?? []
      return {
        exit,
        phases: project.phases(),
        result: kind === 'RESULT' ? JSON.parse(said) : null,
        error: kind === 'ERROR' ? JSON.parse(said) : null,
        output: run.output()
      }
    } finally {
      project.remove()
    }
  }

  for (const type of ['runStarted', 'setupStarted', 'serverStarted', 'testStarted', 'testFinished', 'runFinished']) {
    it(`leaves nothing when onEvent ends the process at ${type}`, async () => {
      const { exit, output } = await program(`{ onEvent(event) { if (event.type === '${type}') process.exit(7) } }`)
      assert.deepEqual(exit, { code: 7, signal: null }, output)
    })

    it(`rejects with what onEvent throws at ${type}, and tells it no more`, async () => {
      const { error, exit, output } = await program(
        `{ onEvent(event) { if (thrown) console.log('AGAIN', event.type); if (event.type === '${type}') { thrown = true; throw new Error('boo') } } }`,
        'let thrown = false'
      )
      assert.equal(error, 'boo', output)
      assert.doesNotMatch(output, /AGAIN/)
      assert.equal(exit.code, 0)
    })
  }

  it('rejects with undefined, when that is what onEvent throws', async () => {
    const { error } = await program('{ onEvent() { throw undefined } }')
    assert.equal(error, 'undefined')
  })

  for (const [reason, exitCode] of /** @type {Array<[string, number]>} */ ([
    ["'SIGTERM'", 143],
    ["'enough'", 130],
    ["new Error('enough')", 130],
    ['undefined', 130]
  ])) {
    it(`with a signal that was aborted already (${reason}) runs nothing, and says so`, async () => {
      const { result, phases, output } = await program(`{ signal: AbortSignal.abort(${reason}) }`)
      assert.equal(result?.exitCode, exitCode, output)
      assert.deepEqual(phases, ['config'])
    })

    it(`with a signal that is aborted in the midst (${reason}) ends gracefully`, async () => {
      const { result, phases, output } = await program(
        `{ signal: control.signal, onEvent(event) { if (event.type === 'testStarted') control.abort(${reason}) } }`,
        'const control = new AbortController()'
      )
      assert.equal(result?.exitCode, exitCode, output)
      assert.equal(result.statuses.length, 4)
      assert.ok(result.statuses.includes('not_run'), output)
      assert.ok(phases.includes('torn'))
    })
  }
})

describe('Without a signal', { skip, timeout: 60_000 }, () => {
  const own = inProject('calm')

  it('a run leaves nothing either, and does not wait for daemons', async () => {
    const began = performance.now()
    const run = start(own.project)
    assert.deepEqual(await run.exit, { code: 0, signal: null }, run.output())
    assert.ok(performance.now() - began < 20_000)
    await run.gone()
    assert.equal(
      execFileSync(process.execPath, [BIN, 'clean'], {
        cwd: own.project.root,
        env: { ...process.env, ROOT: own.project.root, TMPDIR: own.project.root },
        encoding: 'utf8'
      }),
      'Nothing is left of earlier runs.\n'
    )
  })
})
