// @ts-check
'use strict'

// Cypress cannot be run here: its program is a download of its own. What is shown is the page's configuration, called as Cypress calls it.

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { assertLinks } = require('./support-integrations/pages.js')
const { ROOT, filesOf, makeProject } = require('./support-integrations/project.js')
const { told } = require('./support-integrations/output.js')

const page = 'docs/cypress.md'
const LONG = { timeout: 60_000 }
const start = [path.join(ROOT, 'bin', 'ephemeral-broker.js'), 'start', '--', process.execPath]

/**
 * @param {import('node:test').TestContext} t
 * @param {string} steps what Cypress is asked for, in a run
 * @param {string} [options] more of them
 */
function project(t, steps, options = '') {
  const config = filesOf(page)['cypress.config.js'].replace('brokerTasks(on, config, {', `$&${options}`)
  const files = { 'cypress.config.js': config, 'run.js': `require('./cypress.js')(async ({ handlers, task, reject }) => {\n${steps}\n})` }
  return makeProject(t, { fixture: 'cypress', files })
}

describe('Cypress', () => {
  it('gives specs accounts, locks and values of a broker that it starts and stops', LONG, async t => {
    const { run, ledger, left } = project(
      t,
      `await handlers['before:run']({})
      await task('broker:begin', 'checkout pays')
      const account = await task('broker:acquire', 'accounts')
      const other = await task('broker:acquire', { pool: 'accounts', match: { role: 'admin' } })
      record('accounts', { users: [account.value.user, other.value.user].sort() })
      record('release', { value: await task('broker:release', account) })
      const lock = await task('broker:lock', 'database')
      record('lock', { name: lock.name, value: await task('broker:release', lock.token) })
      record('end', { value: await task('broker:end') })
      record('values', { set: await task('broker:set', { key: 'order', value: 7, ttl: 60_000 }), get: await task('broker:get', 'order'), none: await task('broker:get', 'nothing') })
      record('throttle', { value: await task('broker:throttle', 'api') })
      record('own', { values: [await task('logIn'), await task('logIn')] })
      record('gone', { code: await reject(task('broker:release', account)), nothing: await reject(task('broker:set')) })
      await task('broker:acquire', 'accounts')
      await handlers['after:spec']({}, {})
      await task('broker:acquire', { pool: 'accounts', wait: 0 })
      await handlers['after:run']({})`
    )
    const { code, output } = await run({ args: ['run.js'] })
    assert.equal(code, 0, output)
    const seen = Object.fromEntries(ledger().map(({ what, at: _at, pid: _pid, ...rest }) => [what, rest]))
    assert.deepEqual(seen, {
      accounts: { users: ['ada', 'grace'] },
      release: { value: null },
      lock: { name: 'database', value: null },
      end: { value: null },
      values: { set: null, get: 7, none: null },
      throttle: { value: null },
      own: { values: ['token of a log-in', 'token of a log-in'] },
      gone: { code: 'lost', nothing: 'key_required' }
    })
    assert.match(output, /not released: accounts \d, taken in 'checkout pays'/)
    assert.match(String(told(output).at(-1)), /at most in use: accounts 2 of 2; .*1 leak$/)
    assert.deepEqual(left(), [])
  })

  it('fails the test and the run for a leak, where that is asked for', LONG, async t => {
    const { run, ledger, left } = project(
      t,
      `await handlers['before:run']({})
      await task('broker:begin', 'leaks')
      await task('broker:acquire', 'accounts')
      record('test', { code: await reject(task('broker:end')) })
      record('run', { code: await reject(handlers['after:run']({})) })`,
      "leaks: 'fail',"
    )
    const { code, output } = await run({ args: ['run.js'] })
    assert.equal(code, 0, output)
    assert.deepEqual(
      ledger().map(({ what, code }) => [what, code]),
      [
        ['test', 'leaked'],
        ['run', 'leaked']
      ]
    )
    assert.deepEqual(left(), [])
  })

  it('uses the broker around it, and starts one with the first task where no run is told of', LONG, async t => {
    const steps = `record('account', { user: (await task('broker:acquire', 'accounts')).value.user })
      await handlers['after:spec']({}, {})`
    const { run, ledger, left } = project(t, steps)
    for (const args of [['run.js'], [...start, 'run.js']]) {
      const { code, output } = await run({ args })
      assert.equal(code, 0, output)
    }
    assert.deepEqual(
      ledger().map(({ user }) => user),
      ['ada', 'ada']
    )
    assert.deepEqual(left(), [])
  })
})

describe(page, () => {
  it('links to pages that exist', () => assertLinks(page))

  it('is used in strict TypeScript, CommonJS and modules', LONG, async t => {
    const { run } = makeProject(t, { fixture: 'cypress-types', packages: { '@types/node': ROOT, typescript: ROOT } })
    const { code, output } = await run({ args: ['node_modules/typescript/bin/tsc', '-p', '.'] })
    assert.equal(code, 0, output)
  })
})
