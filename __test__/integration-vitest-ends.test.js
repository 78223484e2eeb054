// @ts-check
'use strict'

/** Vitest: how runs end, well and badly. The exit code is Vitest's, and no broker is left. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { Broker, Client } = require('..')
const { gone, onceSaid } = require('./support-integrations/output.js')
const { OWN, makeVitestProject, versions } = require('./support-integrations/vitest.js')

const LONG = { timeout: 90_000 }

for (const version of versions) {
  describe(`Vitest ${version.version}`, { skip: version.skip, concurrency: 2 }, () => {
    it('fails tests that leak, and gives back what a crashed worker, and a test that takes too long, held', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version)
      // When a worker is killed Vitest 3 stops at once, or hangs.
      const files = version.version === '3' ? ['leaks'] : []
      const reporters = ['--reporter=default', '--reporter=json', '--outputFile.json=report.json']
      const { code, output } = await vitest(['run', ...files, ...reporters], { KIND: 'failing', LEAKS: 'fail' })
      assert.equal(code, 1, output)
      const results = resultsIn(project.read('report.json').join('\n'))
      const failed = [...results].filter(([, { status }]) => status === 'failed').map(([title]) => title)
      assert.deepEqual(failed.sort(), ['fails', 'forgets', 'forgets with its own broker', 'takes too long, with a thing'])
      for (const title of failed.slice(1)) {
        const told = results.get(title)?.messages ?? ''
        const leak = `leaked: not released: things 1, taken in 'leaks.failing.mjs > ${title}'`
        assert.ok(told.includes(leak), told)
        assert.doesNotMatch(told, /lib.integrations/, 'the stack is of no use')
      }
      if (files.length === 0) {
        assert.equal(results.get('takes what the crashed worker held')?.status, 'passed')
        assert.match(output, /^ephemeral-broker: not released: fragile 1, taken in 'crash\.failing\.mjs > crashes'/m)
      }
      assert.deepEqual(leftIn(project), [])
    })

    it('ends with Vitest when it cannot begin, when it bails out, and when it is interrupted', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version)
      const wrong = await vitest(['run'], { WRONG: '1' })
      assert.equal(wrong.code, 1, wrong.output)
      assert.match(wrong.output, /accounts/)
      assert.match(wrong.output, /many/)

      const bailed = await vitest(['run', 'leaks', '--bail=1'], { KIND: 'failing', LEAKS: 'fail' })
      assert.equal(bailed.code, 1, bailed.output)
      assert.match(bailed.output, /Tests {2}1 failed \(7\)/)

      const stuck = { KIND: 'hanging' }
      const args = ['run', '--disable-console-intercept']
      const alone = await vitest([...args, '--config', 'bare.config.mjs'], stuck, { onOutput: onceSaid('is stuck', interrupt) })
      const { code, output } = await vitest(args, stuck, { onOutput: onceSaid('is stuck', interrupt) })
      assert.equal(code, alone.code, output)
      assert.notEqual(code, 0)
      assert.doesNotMatch(output, /hanging/)
      const pids = project.ledger().map(({ pid }) => pid)
      // Vitest 3 leaves its workers to themselves, be there a broker or not.
      await Promise.all(pids.map(version.version === '3' ? kill : gone))
      assert.deepEqual(leftIn(project), [])
    })

    it('makes a run fail that forgot something outside of tests, and leaves standard output to reporters', LONG, async t => {
      const { project } = makeVitestProject(t, version)
      const { code, output } = await project.run({
        node: version.node,
        args: ['quiet.js', 'run', '--reporter=json', '--outputFile=report.json'],
        env: { KIND: 'leaking', LEAKS: 'fail' }
      })
      assert.equal(code, 1, output)
      assert.equal(JSON.parse(project.read('report.json').join('\n')).success, true, output)
      assert.doesNotMatch(output, /ephemeral-broker/)
      assert.deepEqual(leftIn(project), [])
    })

    it('gives back what a test file has taken that cannot be loaded, when its worker goes on to the next', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version)
      const { code, output } = await vitest(['run'], {
        KIND: 'loading',
        WORKERS: '1',
        ...(version.version === '4' ? { NO_ISOLATION: '1' } : { POOL: 'vmThreads' })
      })
      assert.equal(code, 1, output)
      assert.match(output, /cannot be loaded/)
      assert.match(output, /Tests {2}1 passed \(1\)/)
      assert.match(output, /; no leaks$/m)
      assert.deepEqual(leftIn(project), [])
    })

    it('uses a broker that is there, and says where one is started when there is none', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version)
      const broker = new Broker({ requireTTL: false })
      const pipe = await broker.start()
      delete process.env.EPHEMERAL_PIPE
      t.after(() => broker.stop())
      const guest = await vitest(['run'], { KIND: 'simple', EPHEMERAL_PIPE: pipe })
      assert.equal(guest.code, 0, guest.output)
      assert.doesNotMatch(guest.output, /^ephemeral-broker:/m, 'whoever started it tells')
      const client = new Client(pipe)
      assert.equal(await client.get('guest'), true)
      await client.close()

      const bare = await vitest(['run', '--config', 'bare.config.mjs'], { KIND: 'simple' })
      assert.equal(bare.code, 1, bare.output)
      assert.match(
        bare.output,
        /no_pipe: this Vitest worker finds no broker, because EPHEMERAL_PIPE is not set: check that vitest\.config has globalSetup: 'ephemeral-broker\/vitest', or run/
      )
      assert.deepEqual(leftIn(project), [])
    })

    it('keeps the broker from run to run when it watches, and tells of leaks after each', LONG, async t => {
      const { project, vitest } = makeVitestProject(t, version)
      const changed = ['forgets.watched.mjs', 'vitest.config.mjs'].map(name => path.join(project.root, name))
      const tells = /^ephemeral-broker: not released: things 1, taken in 'forgets\.watched\.mjs > forgets'/gm
      let runs = 0
      const { output } = await vitest(
        ['--watch'],
        { KIND: 'watched', CI: 'false' },
        {
          onOutput(/** @type {string} */ text, /** @type {import('node:child_process').ChildProcess} */ child) {
            if (text.split('Waiting for file changes').length - 1 <= runs || (text.match(tells)?.length ?? 0) <= runs) return
            runs += 1
            const file = changed.shift()
            if (file === undefined) child.kill('SIGINT')
            else fs.utimesSync(file, new Date(), new Date())
          }
        }
      )
      assert.equal(output.match(tells)?.length, 3, output)
      assert.deepEqual(output.match(/(?<=runs )\d/g), ['1', '2', '1'], output)
      assert.deepEqual(leftIn(project), [])
    })
  })
}

/** @param {import('node:child_process').ChildProcess} child */
const interrupt = child => child.kill('SIGINT')

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

/** What is left but for Vitest's own. @param {ReturnType<typeof makeVitestProject>['project']} project */
const leftIn = project => project.left().filter(name => !OWN.test(name))

/**
 * @param {string} report
 * @returns {Map<string, { status: string, messages: string }>} by title
 */
function resultsIn(report) {
  /** @type {Array<{ assertionResults: Array<{ title: string, status: string, failureMessages: string[] }> }>} */
  const files = JSON.parse(report).testResults
  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  return new Map(tests.map(({ title, status, failureMessages }) => [title, { status, messages: failureMessages.join('\n') }]))
}
