// @ts-check
'use strict'

/** What is wrong with a config of a run is told in words. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { loadConfig, requireCommands } = require('../lib/run/config/index.js')
const { load, makeFolder, problemOf } = require('./support-run-config')

const COMMAND = 'x {file}'

describe('a mistake is told in words', () => {
  for (const [what, config, expected] of /** @type {Array<[string, any, string]>} */ ([
    ['a key of the run', { worker: 3 }, 'unknown key "worker"; did you mean "workers"?'],
    ['a key of a project', { projects: [{ retires: 1 }] }, 'unknown key "retires" in projects[0]; did you mean "retries"?'],
    ['a key like none', { projects: [{ zebra: 1 }] }, 'unknown key "zebra" in projects[0]'],
    ['a key in a choice', { server: { comand: 'x' } }, 'unknown key "comand" in server; did you mean "command"?'],
    ['a choice', { mode: 'tests' }, 'mode is "tests"; allowed is "service", "file" or "test"'],
    ['a type', { passWithNoTests: 'yes' }, 'passWithNoTests is "yes"; allowed is true or false'],
    ['a number', { repeat: 0 }, 'repeat is 0; allowed is a whole number from 1 to 100000'],
    [
      'a time',
      { timeout: '10 minutes' },
      'timeout is "10 minutes"; allowed is a time above 0: a number of milliseconds, or a text like "500ms", "10s", "1m30s" or "2h"'
    ],
    [
      'no time',
      { timeout: '0s' },
      'timeout is "0s"; allowed is a time above 0: a number of milliseconds, or a text like "500ms", "10s", "1m30s" or "2h"'
    ],
    ['a share', { workers: 'many' }, 'workers is "many"; allowed is a whole number, 0 or more, a share like "50%", or "auto"'],
    ['a variable', { env: { PORT: 3000 } }, 'env.PORT is 3000; allowed is a text (numbers in quotes too)'],
    ['a regular expression', { overrides: [{ where: { test: '(' } }] }, 'overrides[0].where.test is "("; allowed is a regular expression'],
    [
      'an override of nothing',
      { overrides: [{ where: {} }] },
      'overrides[0].where is a table; allowed is a table with project, group, file, test or tag'
    ],
    ['what is missing', { overrides: [{ retries: 1 }] }, 'overrides[0] has no "where"'],
    ['a rate of nothing', { rateLimits: { a: { burst: 1 } } }, 'rateLimits.a is a table; allowed is a table with perSecond or perMinute'],
    ['a server without a command', { server: { port: 1 } }, 'server has no "command"; give it one, or name it with --server'],
    [
      'a name of servers',
      { server: { name: 'a', command: 'x' }, services: [{ name: 'a', command: 'y' }] },
      'services[0] and server are both called "a"; names of servers are unique'
    ],
    [
      'a path without a port',
      { server: { command: 'x', port: false, ready: '/h' } },
      'server.ready.url is "/h", a path at the server\'s port, but server.port is false; allowed is an http: URL'
    ],
    [
      'a limit that is none',
      { run: 'x', limits: ['apy'], rateLimits: { api: { perSecond: 1 } } },
      'limits names "apy", which is neither in groups nor in rateLimits; did you mean "api"?'
    ],
    [
      'a project of none',
      { projects: [{ name: 'a' }], overrides: [{ where: { project: 'b' }, retries: 1 }] },
      'overrides[0].where.project is "b"; allowed is "a"'
    ],
    [
      'projects of one name',
      { projects: [{ adapter: 'go' }, { adapter: 'go' }] },
      'two projects are called "go"; give each a "name" of its own'
    ],
    ['projects beside a project', { run: 'x', projects: [{}] }, 'run cannot stand beside projects; put it into a project'],
    [
      'a file outside',
      { dir: { files: { '../x': '' } } },
      'dir.files["../x"] is outside of the directory; allowed is a relative path in it'
    ],
    ['secrets from nowhere', { secrets: {} }, 'secrets has neither "command" nor "file"; allowed is one of them'],
    ['no config', ['x'], 'the config is a list; allowed is a table']
  ])) {
    test(what, async () => {
      const problem = await problemOf(load(config))
      assert.equal(problem, `the config: ${expected}`)
    })
  }

  test('all together, with the name of the file, ten at most', async t => {
    const folder = makeFolder(t, { 'ephemeral-broker.toml': 'mode = "x"\nretires = 1\n' })
    const problem = await problemOf(loadConfig({ cwd: folder, env: {} }))
    assert.equal(
      problem,
      'ephemeral-broker.toml: 2 problems\n  mode is "x"; allowed is "service", "file" or "test"\n  unknown key "retires"; did you mean "retries"?'
    )
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`zzz${index}`, 1]))
    assert.match(await problemOf(load(many)), /^the config: 13 problems(?:\n {2}unknown key "zzz\d"){10}\n {2}and 3 more$/)
  })

  test('a profile that is not there', async () => {
    const profiles = { ci: {}, nightly: {} }
    assert.equal(
      await problemOf(load({ profiles }, { profile: 'co' })),
      'the config: there is no profile "co"; there are "ci", "nightly"; did you mean "ci"?'
    )
    assert.match(await problemOf(load({}, { env: { EPHEMERAL_PROFILE: 'x' } })), /there is no profile "x"; there are no profiles/)
  })

  test('variables of the environment', async () => {
    const env = {
      EPHEMERAL_RUN_WORKERS: 'many',
      EPHEMERAL_RUN_REPORTER: 'list,pdf',
      EPHEMERAL_RUN_CACHE: 'maybe',
      EPHEMERAL_RUN_RETRIES: 'x'
    }
    const problem = await problemOf(load({}, { env }))
    assert.match(problem, /^the environment: 4 problems\n {2}EPHEMERAL_RUN_WORKERS is "many"; allowed is a whole number/)
    for (const name of Object.keys(env)) assert.match(problem, new RegExp(`${name} is "`))
  })

  test('nothing to run', async () => {
    assert.throws(
      () => requireCommands(/** @type {any} */ ({ file: null, projects: [{ name: 'tests', run: null, adapter: 'none', tests: null }] })),
      { code: 'invalid_config', message: /no config was found from here upwards, and no command was given after "--"/ }
    )
    const config = await load({
      projects: [{ name: 'a', tests: [{ name: 'b', run: 'c' }] }, { name: 'd', run: COMMAND }, { adapter: 'go' }]
    })
    requireCommands(config)
    const without = await load({
      projects: [
        { name: 'a', files: 'x' },
        { name: 'b', tests: ['c'] }
      ]
    })
    assert.throws(() => requireCommands(without), { message: /project "a" has no "run" and no "adapter".*project "b" has no/s })
  })
})
