// @ts-check
'use strict'

/** The config of a run: what wins over what, and what it comes to. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const { parseRun } = require('../lib/cli/run.js')
const { resolveCommand } = require('../lib/run/config/command.js')
const { loadConfig } = require('../lib/run/config/index.js')
const { load, loadFiles, makeFolder, problemOf } = require('./support-run-config')
const { maximal } = require('./support-run-config/maximal.js')

const COMMAND = 'x {file}'

describe('what wins', () => {
  const config = {
    run: COMMAND,
    workers: 2,
    retries: { count: 1, delay: '1s' },
    env: { A: 'base', B: 'base' },
    tags: ['base'],
    profiles: { ci: { retries: 2, env: { B: 'ci' }, tags: ['ci'], overrides: [{ where: { tag: 'slow' }, timeout: '9m' }] } },
    overrides: [
      { where: { tag: 'slow' }, timeout: '8m', retries: 5, env: { C: 'slow' } },
      { where: { file: 'src/**/*.js' }, group: '{dirname}' },
      { where: { group: 'src/a' }, priority: 7 }
    ]
  }

  test('command line over environment over override over project over profile over base over default', async () => {
    const env = { EPHEMERAL_RUN_WORKERS: '3', EPHEMERAL_RUN_RETRIES: '7', EPHEMERAL_RUN_ID: 'outer', EPHEMERAL_WORKERS: '99' }
    const base = await load(config)
    assert.deepEqual([base.workers, base.settings.retries.count, base.settings.retries.delay, base.settings.timeout], [2, 1, 1000, 600_000])
    const profile = await load(config, { profile: 'ci' })
    assert.deepEqual(profile.settings.retries, { count: 2, delay: 1000, exponential: false, maxDelay: 60_000 })
    assert.deepEqual(profile.settings.env, { A: 'base', B: 'ci' })
    const [project] = profile.projects
    const slow = profile.settingsFor(project, { id: 'tests:a', tags: ['slow'] })
    assert.deepEqual(
      [slow.settings.timeout, slow.settings.retries.count, slow.settings.env],
      [540_000, 5, { A: 'base', B: 'ci', C: 'slow' }]
    )
    assert.deepEqual(slow.tags, ['ci', 'slow'])
    const environment = await load(config, { profile: 'ci', env })
    assert.deepEqual([environment.workers, environment.settingsFor(project, { id: 'a', tags: ['slow'] }).settings.retries.count], [3, 7])
    const cli = await load(config, { env: { ...env, EPHEMERAL_RUN_PROFILE: 'ci' }, cli: { settings: { workers: 4, retries: 0 } } })
    assert.deepEqual([cli.profile, cli.workers, cli.settingsFor(project, { id: 'a', tags: ['slow'] }).settings.retries.count], ['ci', 4, 0])
  })

  test('a project over the run; tests of one kind share their settings', async () => {
    const two = await load({
      timeout: '1m',
      env: { A: '1' },
      projects: [{ name: 'a', timeout: '2m', env: { B: '2' }, cwd: 'sub' }, { name: 'b' }]
    })
    const [a, b] = two.projects
    const first = two.settingsFor(a, { id: 'a:x' })
    assert.deepEqual(
      [first.settings.timeout, first.settings.env, first.settings.cwd],
      [120_000, { A: '1', B: '2' }, path.join(two.root, 'sub')]
    )
    assert.equal(two.settingsFor(a, { id: 'a:y', file: 'y' }).settings, first.settings)
    assert.equal(two.settingsFor(b, { id: 'b:x' }).settings.timeout, 60_000)
    assert.equal(first.group, 'a')
  })

  test('an override changes the group that later ones go by', async () => {
    const loaded = await load(config)
    const [project] = loaded.projects
    const inA = loaded.settingsFor(project, { id: 'x', file: 'src/a/b.js' })
    assert.deepEqual([inA.group, inA.settings.priority], ['src/a', 7])
    assert.deepEqual(loaded.settingsFor(project, { id: 'x', file: 'src/c/b.js' }).settings.priority, 0)
    assert.equal(loaded.settingsFor(project, { id: 'x', file: 'src/a/b.ts', group: 'own' }).group, 'own')
    const braces = await load({ run: COMMAND, group: '{{{project}}}-{file}' })
    assert.equal(braces.settingsFor(braces.projects[0], { id: 'x', file: 'a' }).group, '{tests}-a')
  })

  test('lists replace, tables merge, tables of others by name', async () => {
    const merged = await load(
      {
        dir: { files: { a: '1' } },
        pools: { a: { values: [1], policy: 'lru' }, b: 1 },
        groups: { g: { max: 1 } },
        reporter: 'dot',
        server: { command: 'x', env: { A: '1' }, ready: { log: 'up', timeout: '5s' } },
        services: [{ command: 'y' }],
        profiles: {
          ci: {
            dir: { files: { b: '2' } },
            pools: { a: { size: 3 } },
            groups: { h: { max: 2 } },
            reporter: ['junit', 'github'],
            server: { command: 'z', ready: '/health' },
            services: []
          }
        }
      },
      { profile: 'ci' }
    )
    assert.deepEqual(merged.dir.files, { a: '1', b: '2' })
    assert.deepEqual(merged.pools, { a: { size: 3 }, b: 1 })
    assert.deepEqual(merged.groups, { g: { max: 1 }, h: { max: 2 } })
    assert.deepEqual(merged.reporters, [
      ['junit', {}],
      ['github', {}]
    ])
    assert.equal(merged.servers.length, 1)
    const { command, env, ready } = merged.servers[0]
    assert.deepEqual([env, ready?.url, ready?.log, ready?.timeout], [{ A: '1' }, '/health', null, 60_000])
    assert.ok('z' === ('argv' in command ? command.argv[0] : command.shell))
  })

  test('the cache: on where its table is there; off for tests whose results must not be kept', async () => {
    const enabled = async (/** @type {any} */ given, /** @type {any} */ settings = {}) => {
      const { cache, projects, settingsFor } = await load(given, { cli: { settings } })
      return [cache.enabled, settingsFor(projects[0], { id: 'x' }).settings.cache]
    }
    assert.deepEqual(await enabled({}), [false, false])
    assert.deepEqual(await enabled({ cache: { inputs: ['a'] } }), [true, true])
    assert.deepEqual(await enabled({ cache: { enabled: false, inputs: ['a'] } }), [false, false])
    assert.deepEqual(await enabled({ cache: true, projects: [{ cache: false }] }), [true, false])
    assert.deepEqual(await enabled({ projects: [{ cache: false }] }, { cache: true }), [true, false])
    assert.deepEqual(await enabled({}, { cache: { enabled: true, verify: 1 } }), [true, true])
    assert.deepEqual(await enabled({ cache: true, projects: [{ cache: true }] }, { cache: false }), [false, false])
  })

  test('paths: those of the config from its folder, those of the command line from here', async t => {
    const folder = makeFolder(t, {
      'ephemeral-broker.json': '{ "output": "out", "reporter": [["junit", { "output": "a.xml" }]], "dir": { "template": "t" } }',
      'sub/x': ''
    })
    const cwd = path.join(folder, 'sub')
    const config = await loadConfig({ cwd, env: {} })
    assert.deepEqual(
      [config.output, config.reporters[0][1].output, config.dir.template],
      [path.join(folder, 'out'), path.join(folder, 'a.xml'), path.join(folder, 't')]
    )
    const cli = await loadConfig({ cwd, env: {}, cli: { settings: { output: 'out', reporter: [['html', { output: 'a.html' }], 'list'] } } })
    assert.deepEqual(
      [cli.output, cli.reporters],
      [
        path.join(cwd, 'out'),
        [
          ['html', { output: path.join(cwd, 'a.html') }],
          ['list', {}]
        ]
      ]
    )
  })
})

describe('what is resolved', () => {
  test('without a config: a command and a server', async t => {
    const request = parseRun(['-w', '4', '--server', 'npm run dev', '--ready', '/health', '--', 'npx', 'vitest', 'run', '{file}'])
    const config = await loadFiles(t, {}, { cli: request.cli })
    assert.deepEqual([config.file, config.workers, config.projects.length], [null, 4, 1])
    const [{ name, adapter, run }] = config.projects
    assert.deepEqual([name, adapter, run], ['vitest', 'vitest', { argv: ['npx', 'vitest', 'run', '{file}'] }])
    const [server] = config.servers
    assert.deepEqual([server.name, server.main, server.scope, server.port, server.owned], ['server', true, 'worker', 'auto', true])
    assert.deepEqual(server.ready, { url: '/health', status: [200, 399], port: null, log: null, timeout: 60_000 })
  })

  test('servers and services: names, scopes, ports, readiness', async () => {
    const scopes = async (/** @type {any} */ isolation) => (await load({ isolation, server: 'x' })).servers[0].scope
    assert.deepEqual(await Promise.all(['worker', 'process', 'group', 'service', 'test', 'none'].map(scopes)), [
      'worker',
      'worker',
      'group',
      'group',
      'test',
      'run'
    ])
    const { servers } = await load({
      env: { A: '1', B: '1' },
      gracePeriod: '2s',
      services: [
        { command: 'a', name: 'server' },
        { command: 'b', port: false },
        { command: 'c', ready: { status: 204, port: 5432 }, port: 9000, env: { B: '2' }, gracePeriod: 0 }
      ]
    })
    assert.deepEqual(
      servers.map(({ name, main }) => [name, main]),
      [
        ['server', false],
        ['server-2', false],
        ['server-3', false]
      ]
    )
    assert.deepEqual(
      servers.map(({ port }) => port),
      ['auto', null, { base: 9000 }]
    )
    assert.deepEqual(
      servers.map(({ ready }) => ready?.port),
      ['own', undefined, { number: 5432 }]
    )
    assert.deepEqual(
      [servers[2].ready?.status, servers[2].env, servers[2].grace, servers[0].grace],
      [[204, 204], { A: '1', B: '2' }, 0, 2000]
    )
    const there = await load({ server: 'x', services: [{ command: 'y' }], url: 'http://127.0.0.1:1' })
    assert.deepEqual([there.servers, there.url], [[], 'http://127.0.0.1:1'])
    const waited = await load(
      { server: { command: 'x', ready: { log: 'up', timeout: '5s' } }, services: [{ command: 'y', ready: false }] },
      { cli: { readyTimeout: 7 } }
    )
    assert.deepEqual(
      waited.servers.map(({ name, ready }) => [name, ready?.timeout]),
      [
        ['server-2', undefined],
        ['server', 7]
      ]
    )
  })

  test('a command of the command line is for one project', async () => {
    const config = {
      projects: [
        { name: 'a', run: 'x', files: 'f', tests: ['t'] },
        { name: 'b', run: 'y' }
      ]
    }
    assert.match(
      await problemOf(load(config, { cli: { project: { run: ['z'] } } })),
      /are for one project; choose it with --project, of a, b$/
    )
    const chosen = await load(config, { cli: { project: { run: ['z'], files: ['g'] } }, selected: ['a'] })
    assert.deepEqual(
      chosen.projects.map(({ run, files, tests }) => [run, files, tests]),
      [
        [{ argv: ['z'] }, ['g'], null],
        [resolveCommand('y'), null, null]
      ]
    )
  })

  test('everything that can be said', async () => {
    const config = await load(maximal)
    assert.deepEqual(
      [config.workers, config.isolation, config.globalTimeout, config.minFreeMemory],
      [4, 'worker', 5_400_000, 1_610_612_736]
    )
    assert.equal(config.servers.at(-1)?.scope, 'group')
    assert.deepEqual(config.projects[0].tests?.[1].tags, ['slow'])
    assert.deepEqual(config.values, maximal.values)
  })
})
