// @ts-check
'use strict'

/** The config of a run: its words for numbers, how it is found, read and shown. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { resolveCommand } = require('../lib/run/config/command.js')
const { formatDuration, parseDuration } = require('../lib/run/config/duration.js')
const { findConfig } = require('../lib/run/config/find.js')
const { loadConfig } = require('../lib/run/config/index.js')
const { configAsJson, showConfig } = require('../lib/run/config/show.js')
const { parseSize } = require('../lib/run/config/size.js')
const { suggest } = require('../lib/run/config/suggest.js')
const { MEMORY_OF_WORKER, readMachine, readProcessorQuota, resolveWorkers } = require('../lib/run/config/workers.js')
const { load, loadFiles, makeFolder, problemOf } = require('./support-run-config')
const { maximal } = require('./support-run-config/maximal.js')

describe('words for numbers', () => {
  test('times', () => {
    for (const [text, ms] of /** @type {const} */ ([
      ['500ms', 500],
      ['10s', 10_000],
      ['1m30s', 90_000],
      ['1.5h', 5_400_000],
      ['2d', 172_800_000],
      ['60000', 60_000],
      [250.4, 250],
      [0, 0]
    ])) {
      assert.equal(parseDuration(text), ms, String(text))
    }
    for (const wrong of ['', '10 s', 's', '-1s', '1e3', '10x', '1m 30s', -1, Number.NaN, null, '9007199254740993d']) {
      assert.equal(parseDuration(wrong), null, String(wrong))
    }
    for (const ms of [0, 1, 999, 1000, 90_000, 5_400_000, 90_061_001]) assert.equal(parseDuration(formatDuration(ms)), ms)
    assert.equal(formatDuration(90_000), '1m30s')
  })

  test('sizes', () => {
    assert.deepEqual(
      ['512mb', '2gb', '1.5 GiB', '10k', '7b', '100', 42].map(parseSize),
      [536_870_912, 2_147_483_648, 1_610_612_736, 10_240, 7, 100, 42]
    )
    assert.deepEqual(['', 'mb', '-1mb', '1 m b', '1x', -1, 1.5, null].map(parseSize), Array(8).fill(null))
  })

  test('workers', () => {
    const machine = { processors: 8, memory: null }
    assert.deepEqual(
      ['auto', 0, 1, 12, '3', '50%', '1%', '150%'].map(setting => resolveWorkers(setting, machine)),
      [8, 1, 1, 12, 3, 4, 1, 12]
    )
    assert.equal(resolveWorkers('auto', { processors: 8, memory: 3.5 * MEMORY_OF_WORKER }), 3)
    assert.equal(resolveWorkers('auto', { processors: 8, memory: 1 }), 1)
    // Who names a number has counted himself.
    assert.equal(resolveWorkers(8, { processors: 2, memory: 1 }), 8)
  })

  test("a container's share of the processors", t => {
    const mount = makeFolder(t, {
      'a/b/cpu.max': 'max 100000\n',
      'a/cpu.max': '150000 100000\n',
      'cpu/cpu.cfs_quota_us': '-1\n',
      'cpu/cpu.cfs_period_us': '100000\n'
    })
    assert.equal(readProcessorQuota(mount, '/a/b'), 1.5)
    assert.equal(readProcessorQuota(mount, '/c'), null)
    fs.writeFileSync(path.join(mount, 'cpu', 'cpu.cfs_quota_us'), '50000\n')
    assert.equal(readProcessorQuota(mount, '/a/b'), 0.5)
    const { processors, memory } = readMachine()
    assert.ok(processors >= 1 && (memory ?? 0) > 0)
  })

  test('commands: a shell where one is needed', () => {
    assert.deepEqual(resolveCommand('npx vitest  run {file}', 'linux'), { argv: ['npx', 'vitest', 'run', '{file}'] })
    for (const text of [
      'a && b',
      'NODE_ENV=x node a.js',
      'echo $HOME',
      'cd x',
      'ls *.js',
      'a "b c"',
      'a ^{test}$',
      'exit 1',
      'a\nb',
      'a ~'
    ]) {
      assert.deepEqual(resolveCommand(text, 'linux'), { shell: text }, text)
    }
    assert.deepEqual(resolveCommand('npm test', 'win32'), { shell: 'npm test' })
    assert.deepEqual(resolveCommand(['a', '$b'], 'win32'), { argv: ['a', '$b'] })
  })

  test('the name that was meant', () => {
    const names = ['retries', 'reporter', 'maxFailures', 'mode']
    assert.deepEqual(
      ['retires', 'max-failures', 'reporters', 'modes', 'colour'].map(word => suggest(word, names)),
      ['retries', 'maxFailures', 'reporter', 'mode', null]
    )
  })
})

describe('the file', () => {
  const toml = 'workers = 3\nrun = "x {file}"\n'

  test('is found from a folder upwards, as far as the repository goes', t => {
    const folder = makeFolder(t, { 'ephemeral-broker.toml': toml, 'a/b/c.txt': '', 'inner/.git/HEAD': '', 'inner/x/y': '' })
    assert.equal(findConfig(path.join(folder, 'a', 'b')), path.join(folder, 'ephemeral-broker.toml'))
    assert.equal(findConfig(path.join(folder, 'inner', 'x')), null)
    assert.equal(findConfig(path.join(folder, 'a', 'not-there')), path.join(folder, 'ephemeral-broker.toml'))
  })

  test('is one of five; two in a folder are one too many', async t => {
    const files = { 'ephemeral-broker.json': '{}', 'ephemeral-broker.config.mjs': 'export default {}' }
    const folder = makeFolder(t, files)
    assert.match(
      await problemOf(loadConfig({ cwd: folder, env: {} })),
      /^ephemeral-broker.json and ephemeral-broker.config.mjs are both in .+--config$/
    )
    const { file } = await loadConfig({ cwd: folder, env: {}, configPath: 'ephemeral-broker.json' })
    assert.equal(file, path.join(folder, 'ephemeral-broker.json'))
    assert.match(
      await problemOf(loadConfig({ cwd: folder, env: {}, configPath: 'x.yml' })),
      /x.yml is no config; allowed is .+ends in .toml/
    )
    assert.match(await problemOf(loadConfig({ cwd: folder, env: {}, configPath: 'x.toml' })), /x.toml: there is no such file/)
  })

  test('is TOML, JSON, or JavaScript: an object or a function', async t => {
    const forms = {
      'ephemeral-broker.toml': toml,
      'ephemeral-broker.json': '\uFEFF{ "workers": 3 }',
      'ephemeral-broker.config.js': 'module.exports = { workers: 3 }',
      'ephemeral-broker.config.cjs': 'module.exports = () => ({ workers: 3 })',
      'ephemeral-broker.config.mjs': 'export default async () => ({ workers: await 3 })'
    }
    for (const [name, text] of Object.entries(forms)) {
      const config = await loadFiles(t, { [name]: text })
      assert.equal(config.workers, 3, name)
      assert.equal(path.basename(config.file ?? ''), name)
      assert.equal(config.root, path.dirname(config.file ?? ''))
    }
  })

  test('that cannot be read is told with line and column', async t => {
    const problems = {
      'ephemeral-broker.toml': ['workers = 3\nmode = file\n', /toml:2:\d+: /],
      'ephemeral-broker.json': ['{\n  "workers": 3,\n}', /json:3:1: this is not JSON: "}" cannot stand here/],
      'ephemeral-broker.config.cjs': ['module.exports = {\n  a: = 1\n}', /cjs:2:6: Unexpected token/],
      'ephemeral-broker.config.mjs': ['export default {\n  a: = 1\n}', /mjs:2:6: Unexpected token/],
      'ephemeral-broker.config.js': ['module.exports = () => {\n  return null.x\n}', /js:2:15: Cannot read/]
    }
    for (const [name, [text, expected]] of Object.entries(problems)) {
      assert.match(await problemOf(loadFiles(t, { [name]: /** @type {string} */ (text) })), /** @type {RegExp} */ (expected))
    }
    assert.match(await problemOf(loadFiles(t, { 'ephemeral-broker.config.mjs': 'export const a = 1' })), /it has no default export/)
  })

  test('of JSON, wrong in all kinds of places', async t => {
    for (const [text, where, found] of [
      ['', '1:1', 'the end of the file'],
      ['{"a": abc}', '1:7', '"abc"'],
      ['{"a": [1 2]}', '1:10', '"2"'],
      ['{"a": "x\ny"}', '1:7', '"\\""'],
      ['{} x', '1:4', '"x"'],
      ['{"a": tru', '1:7', '"tru"'],
      ["{'a': 1}", '1:2', '"\'"'],
      ['{"a": 01}', '1:8', '"1"']
    ]) {
      const problem = await problemOf(loadFiles(t, { 'ephemeral-broker.json': text }))
      assert.ok(problem.endsWith(`json:${where}: this is not JSON: ${found} cannot stand here`), `${JSON.stringify(text)}: ${problem}`)
    }
  })
})

describe('show-config', () => {
  test('says where each value comes from', async t => {
    const folder = makeFolder(t, {
      'ephemeral-broker.toml': 'mode = "test"\nrun = "a {test}"\n[env]\n"A B" = "1"\n[profiles.ci.groups."x y"]\nmax = 1\n'
    })
    const config = await loadConfig({
      cwd: folder,
      profile: 'ci',
      env: { EPHEMERAL_RUN_TIMEOUT: '90s' },
      cli: { settings: { workers: 2 } }
    })
    const text = showConfig(config, { cwd: folder })
    assert.match(text, /^# ephemeral-broker.toml, profile ci\n/)
    for (const [line, source] of [
      ['workers = 2', 'command line'],
      ['mode = "test"', 'file'],
      ['timeout = "90s"', 'environment'],
      ['slow = "60s"', 'default'],
      ['[groups."x y"]', 'profile ci'],
      ['"A B" = "1"', 'file']
    ]) {
      assert.ok(
        text.split('\n').some(each => each.startsWith(`${line} `) && each.endsWith(`# ${source}`)),
        `${line}: ${text}`
      )
    }
    // What is shown can be read again.
    const { settings, sources } = /** @type {any} */ (configAsJson(config))
    assert.deepEqual([settings.workers, sources.workers, sources['retries.count']], [2, 'command line', 'default'])
    const again = await loadFiles(t, { 'ephemeral-broker.toml': text })
    assert.deepEqual(again.settings, { ...config.settings, cwd: again.root })
    assert.deepEqual(again.projects[0].run, config.projects[0].run)
  })

  test('of everything that can be said, is a config', async t => {
    const first = await load(maximal, { profile: 'ci' })
    const text = showConfig(first)
    const again = await loadFiles(t, { 'ephemeral-broker.toml': text.replaceAll(/, null\b/g, '') })
    assert.deepEqual([again.settings.retries, again.isolation, again.url], [first.settings.retries, first.isolation, first.url])
    assert.deepEqual(again.projects[0].tests, first.projects[0].tests)
    assert.deepEqual(again.overrides, JSON.parse(JSON.stringify(first.overrides)))
  })
})
