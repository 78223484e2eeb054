// @ts-check
'use strict'

/** The flags of `run`, and its help. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { describe, test } = require('node:test')
const { parseRun } = require('../lib/cli/run.js')
const { makeFolder } = require('./support-run-config')

const CLI = path.join(__dirname, '..', 'bin', 'ephemeral-broker.js')

describe('the flags', () => {
  const settings = (/** @type {string[]} */ ...args) => parseRun(args).cli.settings

  test('as in the document of the services', () => {
    assert.deepEqual(
      ['--parallel', '--parallel=4', '-jauto'].map(flag => settings(flag)?.workers),
      ['auto', 4, 'auto']
    )
    assert.deepEqual(
      [
        ['--parallel', '4'],
        ['-j', 'auto'],
        ['--parallel', 'auto'],
        ['--parallel', '0'],
        ['-j', '4'],
        ['-j', '50%']
      ].map(args => settings(...args)?.workers),
      [4, 'auto', 'auto', 0, 4, '50%']
    )
    const one = parseRun(['--service', 'users', '--parallel', '0'])
    assert.deepEqual([one.options, one.cli.settings], [{ projects: ['users'] }, { workers: 0 }])
    assert.deepEqual(parseRun(['--service', 'users', '--service', 'orders', '--parallel', '4']).options.projects, ['users', 'orders'])
    assert.deepEqual(settings('--parallel', 'auto', '--output', 'html'), { workers: 'auto', reporter: ['html'] })
    assert.deepEqual(settings('--parallel-mode', 'service'), { mode: 'service' })
    assert.equal(parseRun(['--parallel', '4', '--verbose']).display.verbose, true)
  })

  test('as in the document of the orchestrator', () => {
    const request = parseRun(['--workers', '4', '-f', 'TestApi', '--full', '--timeout', '90s', '-v'])
    assert.deepEqual(request.cli, { settings: { workers: 4 }, project: {}, readyTimeout: 90_000 })
    assert.deepEqual(request.options, { files: ['TestApi'], full: true })
    assert.equal(parseRun(['--timeout', '500']).cli.readyTimeout, 500)
  })

  test('all of them', () => {
    const selection =
      'a b -t x -t y -f f --project p -s q --tag s --tag t --exclude-tag u --shard 2/3 --changed=main --last-failed --watch --profile ci'
    assert.deepEqual(parseRun(selection.split(' ')).options, {
      filters: ['a', 'b'],
      grep: '(?:x)|(?:y)',
      files: ['f'],
      projects: ['q', 'p'],
      tags: ['s', 't'],
      excludeTags: ['u'],
      shard: { index: 2, count: 3 },
      changed: 'main',
      lastFailed: true,
      watch: true,
      profile: 'ci'
    })
    const running =
      '--isolation process --shard-by hash --repeat 3 --test-timeout 1m --global-timeout 1h --retries 2 --fail-on-flaky -x --pass-with-no-tests --server x --ready log:up --port 9000 --keep-dirs --verify-cache 10% --reporter junit=a=b.xml --output-dir out'
    assert.deepEqual(settings(...running.split(' ')), {
      isolation: 'process',
      shardBy: 'hash',
      repeat: 3,
      timeout: 60_000,
      globalTimeout: 3_600_000,
      retries: 2,
      failOnFlaky: true,
      maxFailures: 1,
      passWithNoTests: true,
      server: { command: 'x', ready: { log: 'up' }, port: 9000 },
      dir: { keep: 'always' },
      cache: { enabled: true, verify: 0.1 },
      reporter: [['junit', { output: 'a=b.xml' }]],
      output: 'out'
    })
    assert.deepEqual(
      ['/health', 'http://localhost:1/x', '8080', 'log:a b'].map(word => settings('--ready', word)?.server.ready),
      [{ url: '/health' }, { url: 'http://localhost:1/x' }, { port: 8080 }, { log: 'a b' }]
    )
    assert.deepEqual(
      [settings('--no-cache'), settings('--cache'), settings('--url', 'http://x'), settings('--keep-dirs', 'failure')],
      [{ cache: false }, { cache: true }, { url: 'http://x' }, { dir: { keep: 'failure' } }]
    )
    assert.equal(parseRun(['--changed']).options.changed, true)
    assert.deepEqual(parseRun(['--files', 'a/**', '--files', '!a/b', '--list-command', 'ls']).cli.project, {
      files: ['a/**', '!a/b'],
      list: 'ls'
    })
    assert.deepEqual(parseRun(['--stream', '-q', '--no-color', '--explain', '--json']).display, {
      stream: true,
      verbose: false,
      quiet: true,
      color: false,
      explain: true,
      json: true
    })
    assert.deepEqual(
      ['--list', '--show-config', '-v'].map(flag => parseRun([flag]).mode),
      ['list', 'show-config', 'run']
    )
    assert.equal(parseRun(['-c', 'x.toml']).configPath, 'x.toml')
  })

  test('filters, and the command behind "--"', () => {
    const request = parseRun(['users', '--parallel', '2', 'a', '--', 'go', 'test', '--', '-run', '{test}'])
    assert.deepEqual(
      [request.options.filters, request.cli.project?.run],
      [
        ['users', 'a'],
        ['go', 'test', '--', '-run', '{test}']
      ]
    )
    assert.throws(() => parseRun(['-t', '--', 'x']), { code: 'usage', message: /no option takes it as its value/ })
    assert.throws(() => parseRun(['npx', 'vitest', '{file}']), {
      code: 'usage',
      message: /"{file}" is no filter; put "--" before the command/
    })
  })

  test('that make no sense', () => {
    for (const [args, message] of /** @type {Array<[string, RegExp]>} */ ([
      ['-w many', /Allowed is a whole number from 0 to 1000/],
      ['--shard 4/3', /Allowed is i\/n/],
      ['--shard 0/3', /Allowed is i\/n/],
      ['--timeout 10x', /Allowed is a number of milliseconds, or a text like "500ms"/],
      ['--test-timeout 0', /above 0/],
      ['--ready health', /Allowed is a path like \/health/],
      ['--port 70000', /from 1 to 65535/],
      ['--url localhost', /begins with http/],
      ['--reporter pdf', /Allowed is one of list, dot, json/],
      ['--reporter list=x', /all but list, dot, github with =file/],
      ['--verify-cache 2', /from 0 to 1/],
      ['--grep (', /Allowed is a regular expression/],
      ['--mode tests', /Allowed choices are service, file, test/],
      ['--colour', /unknown option/],
      ['-w 2 -j 3', /--workers and --parallel do not go together/],
      ['-x --max-failures 2', /--max-failures and -x do not go together/],
      ['-v -q', /do not go together/],
      ['--url http://x --server y', /do not go together/],
      ['--no-cache --full', /--no-cache and --full do not go together/]
    ])) {
      assert.throws(() => parseRun(args.split(' ')), { message }, args)
    }
  })
})

describe('the real command line', () => {
  const cli = (/** @type {string[]} */ ...args) => spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 60_000 })

  for (const command of ['run', 'show-config', 'clean', 'merge-reports']) {
    test(`${command} --help fits a terminal`, () => {
      const { status, stdout } = cli(command, '--help')
      assert.equal(status, 0)
      assert.match(stdout, new RegExp(`^Usage: ephemeral-broker ${command}`))
      assert.deepEqual(
        stdout.split('\n').filter(line => line.length > 80),
        []
      )
    })
  }

  test('--help names what there is', () => {
    const { stdout } = cli('--help')
    for (const command of ['run', 'show-config', 'clean', 'merge-reports']) assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'))
  })

  test('a wrong flag is exit code 2', () => {
    for (const args of [['--workers', 'x'], ['-v', '-q'], ['--nope']]) {
      const { status, stderr } = cli('run', ...args)
      assert.equal(status, 2)
      assert.match(stderr, /^ephemeral-broker: /)
    }
    const { status, stderr } = cli('run', '--json', '-w', '2', '-j', '3')
    assert.deepEqual([status, JSON.parse(stderr).error], [2, 'usage'])
  })

  test('a wrong config is exit code 2 and says where', t => {
    const folder = makeFolder(t, { 'ephemeral-broker.toml': 'mode = "file"\n', 'wrong.toml': '[[projects]]\nretires = 1\n' })
    const inFolder = (/** @type {string[]} */ ...args) =>
      spawnSync(process.execPath, [CLI, ...args], { cwd: folder, encoding: 'utf8', timeout: 60_000 })
    const wrong = inFolder('run', '-c', 'wrong.toml')
    assert.equal(wrong.status, 2)
    assert.equal(
      wrong.stderr,
      'ephemeral-broker: invalid_config: wrong.toml: unknown key "retires" in projects[0]; did you mean "retries"?\n'
    )
    const shown = inFolder('show-config', '-j', '3')
    assert.match(shown.stdout, /^workers = 3 +# command line$/m)
    assert.match(shown.stdout, /^mode = "file" +# file$/m)
    assert.equal(JSON.parse(inFolder('run', '--show-config', '--json').stdout).sources.mode, 'file')
  })
})
