// @ts-check
'use strict'

/** Which tests there are, and which of them a run takes. */

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run } = require('..')
const { cli, folder, runIn, write } = require('./support-run-cache/runs.js')

/** @typedef {import('../run.js').RunConfig} RunConfig */

/** @type {RunConfig} */
const CONFIG = {
  projects: [
    { name: 'unit', files: 'unit/**/*.t', run: 'true', tags: ['fast'] },
    { name: 'go', tests: ['TestApiScrape', 'TestDashboard', 'TestKnownSites'], run: 'true' },
    { name: 'listed', list: 'cat list.json', run: 'true', group: 'of {file}' }
  ],
  overrides: [{ where: { test: 'KnownSites' }, dependsOn: ['TestDashboard'] }],
  mode: 'test'
}
const FILES = {
  'ephemeral-broker.json': JSON.stringify(CONFIG),
  'unit/a.t': '',
  'unit/deep/b.t': '',
  'list.json': JSON.stringify([
    { name: 'one', file: 'f.x', tags: ['slow', 'net'] },
    { name: 'two', file: 'f.x' },
    'three',
    { name: 'four', id: 'own id', group: 'mine' }
  ])
}
const ALL = [
  'unit:unit/a.t',
  'unit:unit/deep/b.t',
  'go:TestApiScrape',
  'go:TestDashboard',
  'go:TestKnownSites',
  'listed:f.x > one',
  'listed:f.x > two',
  'listed:three',
  'own id'
]

/**
 * @param {import('./support-run-cache/runs.js').Scope} t
 * @param {Record<string, string>} [files]
 */
function project(t, files = FILES) {
  const root = folder(t, files)
  return {
    root,
    /** What `--list` prints. @param {string[]} args */
    async list(...args) {
      const { code, ids, stderr } = await cli(root, ['run', '--list', ...args])
      assert.equal(code, 0, stderr)
      return ids
    },
    command: (/** @type {string[]} */ ...args) => cli(root, ['run', ...args])
  }
}

describe('filters', () => {
  test('of each kind one must fit, and all kinds must', async t => {
    const { list } = project(t)
    /** @type {Array<[args: string[], ids: string[]]>} */
    const cases = [
      [[], ALL],
      [
        ['Api', 'three'],
        ['go:TestApiScrape', 'listed:three']
      ],
      [['-t', '^unit:.*\\.t$'], ALL.slice(0, 2)],
      [
        ['--grep', '(?=.*Test)^(?!.*Known)'],
        ['go:TestApiScrape', 'go:TestDashboard']
      ],
      [
        ['-t', 'one$', '-t', 'id'],
        ['listed:f.x > one', 'own id']
      ],
      // A test without a file is found by its name.
      [['-f', 'TestApiScrape'], ['go:TestApiScrape']],
      [
        ['--file', 'deep', '--file', 'f.x'],
        ['unit:unit/deep/b.t', 'listed:f.x > one', 'listed:f.x > two']
      ],
      [['-s', 'go', 'Dash'], ['go:TestDashboard']],
      [
        ['--project', 'unit', '--service', 'mine'],
        [...ALL.slice(0, 2), 'own id']
      ],
      [
        ['-s', 'of f.x'],
        ['listed:f.x > one', 'listed:f.x > two']
      ],
      [
        ['--tag', 'fast', '--tag', 'net'],
        [...ALL.slice(0, 2), 'listed:f.x > one']
      ],
      [
        ['--exclude-tag', 'fast', '--exclude-tag', 'slow', '-s', 'unit', '-s', 'listed'],
        ['listed:f.x > two', 'listed:three', 'own id']
      ],
      [['-s', 'of listed'], ['listed:three']],
      // What it depends on comes along.
      [['Known'], ['go:TestDashboard', 'go:TestKnownSites']],
      [['--mode', 'file', 'f.x'], ['listed:f.x']]
    ]
    const found = await Promise.all(cases.map(([args]) => list(...args)))
    for (const [index, [args, ids]] of cases.entries()) assert.deepEqual(found[index], ids, args.join(' '))
  })

  test('through the API: grep is text or a RegExp, with its flags', async t => {
    const { root } = project(t)
    const ids = async (/** @type {string | RegExp} */ grep) => (await runIn(root, CONFIG, { grep })).result.tests.map(({ id }) => id)
    assert.deepEqual(await ids(/testapi/i), ['go:TestApiScrape'])
    assert.deepEqual(await ids(/\.t$/g), ALL.slice(0, 2))
    assert.deepEqual(await ids('Scrape$'), ['go:TestApiScrape'])
    await assert.rejects(ids('['), { code: 'invalid_config', message: /grep: .*\[/ })
  })

  test('that are wrong, or fit nothing', async t => {
    const { command, root } = project(t)
    /** @type {Array<[args: string[], code: number, said: RegExp]>} */
    const cases = [
      [['-t', '['], 2, /regular expression/],
      [['-s', 'unitt'], 2, /no project or group "unitt"; did you mean "unit"\?/],
      [['--shard', '3/2'], 2, /3\/2/],
      [['--shard', '0/2'], 2, /0\/2/],
      [['nothing'], 4, /run --list shows which tests there are/],
      [['--list', 'nothing'], 4, /^$/],
      [['nothing', '--pass-with-no-tests'], 0, /no tests/],
      [['--last-failed', 'nothing'], 4, /no tests/],
      [['Api', '--shard', '2/2'], 0, /no tests.*shard 2 of 2/]
    ]
    const ran = await Promise.all(cases.map(([args]) => command('--output-dir', `out/${args.join('').replace(/\W/g, '')}`, ...args)))
    for (const [index, [args, code, said]] of cases.entries()) {
      assert.equal(ran[index].code, code, args.join(' '))
      assert.match(ran[index].stdout + ran[index].stderr, said, args.join(' '))
    }
    fs.writeFileSync(path.join(root, 'ephemeral-broker.json'), JSON.stringify({ files: 'none/*', run: 'true {file}' }))
    assert.equal((await command()).code, 4)
  })
})

describe('lists', () => {
  test('as JSON, with what a filter may ask for', async t => {
    const { command } = project(t)
    const { stdout } = await command('--list', '--json', 'one')
    assert.deepEqual(JSON.parse(stdout), [
      { id: 'listed:f.x > one', project: 'listed', group: 'of f.x', file: 'f.x', name: 'one', tags: ['slow', 'net'] }
    ])
  })

  test('that are too long to be read whole are no shorter lists', async t => {
    const { root, command } = project(t)
    const script = "for (let line = 0; line < 300; line++) console.log('x'.repeat(100_000) + line)"
    write(root, { 'ephemeral-broker.json': JSON.stringify({ list: ['node', '-e', script], run: ['true'] }) })
    const { code, stdout, stderr } = await command()
    assert.equal(code, 2)
    assert.match(stdout + stderr, /wrote 30001090 bytes; 17825792 are the most that are read/)
  })

  test('that fail, are no list, or name a test twice: exit 2', async t => {
    const { root } = project(t)
    /** @type {Array<[list: string, said: RegExp]>} */
    const cases = [
      ['echo oh no >&2; exit 3', /exit code 3[\s\S]*oh no/],
      ['no-such-command-at-all', /no-such-command-at-all/],
      ['echo "[1]"', /at \[0\]: it is neither a name nor an object/],
      ['echo "[{}]"', /neither name nor file/],
      ['echo "[{"', /JSON/],
      ['echo a; echo a', /"tests:a" is listed twice/]
    ]
    for (const [list, said] of cases) {
      write(root, { 'ephemeral-broker.json': JSON.stringify({ list, run: 'true', mode: 'test' }) })
      const { code, stderr } = await cli(root, ['run'])
      assert.deepEqual([code, said.test(stderr)], [2, true], `${list}: ${stderr}`)
    }
  })

  test('of lines, and of static tests with commands of their own; projects in a folder', async t => {
    const root = folder(t, { 'sub/x.t': '', 'sub/say.sh': 'pwd > "$1"; echo "$TEST" >> "$1"' })
    const out = path.join(root, 'out')
    fs.mkdirSync(out)
    const { statuses, result } = await runIn(root, {
      mode: 'test',
      projects: [
        { name: 'lines', list: ['printf', 'one\\n  two \\r\\n\\n'], run: 'true {test}' },
        { name: 'own', tests: [{ name: 'a', run: 'exit 3' }, { name: 'b', run: ['sh', '-c', 'exit 77'] }, 'c'], run: 'true' },
        { name: 'inside', cwd: 'sub', files: '*.t', env: { TEST: 'here' }, run: ['sh', 'say.sh', path.join(out, 'said')] },
        { name: 'listed inside', cwd: 'sub', list: 'ls', run: 'test -f {test}' }
      ]
    })
    const own = { a: 'failed', b: 'skipped', c: 'passed' }
    assert.deepEqual(statuses, { one: 'passed', two: 'passed', ...own, 'sub/x.t': 'passed', 'say.sh': 'passed', 'x.t': 'passed' })
    assert.equal(fs.readFileSync(path.join(out, 'said'), 'utf8'), `${path.join(root, 'sub')}\nhere\n`)
    assert.equal(result.tests.find(({ project: name }) => name === 'inside')?.id, 'inside:sub/x.t')
  })
})

describe('shards', () => {
  test('have each test once, together, whatever they are cut by; what depends on each other stays together', async t => {
    const { list } = project(t)
    for (const how of ['duration', 'slice', 'hash']) {
      const shards = await Promise.all([1, 2, 3].map(index => list('--shard', `${index}/3`, '--shard-by', how)))
      assert.deepEqual(shards.flat().sort(), [...ALL].sort(), how)
      const known = shards.find(shard => shard.includes('go:TestKnownSites'))
      assert.ok(known?.includes('go:TestDashboard'), how)
    }
  })

  test('say what they are a part of, empty or not', async t => {
    const { root } = project(t)
    const config = { tests: ['a', 'b', 'c'], run: 'true' }
    const shards = [1, 2, 3, 4].map(index => runIn(root, { ...config, output: `out/${index}` }, { shard: { index, count: 4 } }))
    const results = (await Promise.all(shards)).map(({ result }) => result)
    assert.deepEqual(
      results.map(({ shard, exitCode }) => [shard?.index, shard?.count, shard?.total, exitCode]),
      [1, 2, 3, 4].map(index => [index, 4, 3, 0])
    )
    assert.equal(new Set(results.map(({ shard }) => shard?.digest)).size, 1)
    assert.equal(
      results.reduce((sum, { counts }) => sum + counts.total, 0),
      3
    )
  })
})

describe('--last-failed', () => {
  test('what failed, was not run or is new; when nothing is left, that is good', async t => {
    const { root, command, list } = project(t, { bad: '', 'ephemeral-broker.json': '' })
    const config = (/** @type {string[]} */ ...tests) =>
      write(root, {
        'ephemeral-broker.json': JSON.stringify({ tests, run: '[ {test} != b ] || [ ! -e bad ]', workers: 1, maxFailures: 1 })
      })
    config('a', 'b', 'c')
    assert.equal((await command()).code, 1)
    assert.deepEqual(await list('--last-failed'), ['tests:b', 'tests:c'])
    config('a', 'b', 'c', 'd')
    assert.deepEqual(await list('--last-failed'), ['tests:b', 'tests:c', 'tests:d'])
    fs.rmSync(path.join(root, 'bad'))
    assert.equal((await command('--last-failed')).code, 0)
    const { code, stdout } = await command('--last-failed')
    assert.deepEqual([code, /nothing to run/.test(stdout)], [0, true], stdout)
    assert.deepEqual(await list('--last-failed'), [])
    // A filter that fits nothing is a mistake all the same.
    assert.equal((await command('--last-failed', 'typo')).code, 4)
  })
})

test('a failure is not forgotten when its test is skipped for the sake of another', async t => {
  const { root, command, list } = project(t, { 'ephemeral-broker.json': '' })
  const config = (/** @type {Record<string, number>} */ codes) => {
    const tests = Object.entries(codes).map(([name, code]) => ({ name, run: ['sh', '-c', `exit ${code}`] }))
    const overrides = [{ where: { test: ':b$' }, dependsOn: ['a'] }]
    write(root, { 'ephemeral-broker.json': JSON.stringify({ tests, overrides }) })
  }
  config({ a: 0, b: 1 })
  assert.equal((await command()).code, 1)
  config({ a: 1, b: 1 })
  assert.equal((await command()).code, 1)
  assert.deepEqual(await list('--last-failed'), ['tests:a', 'tests:b'])
})

test('--repeat runs each so many times, and has a result of each', async t => {
  const { result, events } = await runIn(folder(t), { tests: ['a', 'b'], run: 'true', repeat: 3 })
  assert.deepEqual(
    result.tests.map(({ id, repeat, status }) => `${id} ${repeat} ${status}`),
    [1, 2, 3].flatMap(repeat => ['a', 'b'].map(name => `tests:${name} ${repeat} passed`))
  )
  assert.equal(events.filter(({ type }) => type === 'testStarted').length, 6)
})

describe('--changed', () => {
  /** @param {string} cwd */
  const gitIn =
    cwd =>
    (/** @type {string[]} */ ...args) => {
      const identity = ['-c', 'user.name=x', '-c', 'user.email=x@y', '-c', 'commit.gpgsign=false']
      execFileSync('git', [...identity, ...args], { cwd, stdio: 'pipe' })
    }

  /**
   * A repository with a project in `app`, and something shared beside it.
   * @param {import('node:test').TestContext} t
   */
  function repository(t) {
    const top = folder(t)
    fs.rmSync(path.join(top, '.git'), { recursive: true })
    const inputs = ['src', 'test/**', '../shared/**', '!src/ignored']
    write(top, {
      'shared/s': '',
      'docs/d': '',
      'app/src/x': '',
      'app/src/moved': 'so much text that git sees it again under another name\n',
      'app/src/ignored/y': '',
      'app/other': '',
      'app/package-lock.json': '{}',
      'app/test/a.t': '',
      'app/test/b.t': '',
      'app/.gitignore': '.ephemeral-broker\nout\n',
      'app/ephemeral-broker.json': JSON.stringify({ files: 'test/*.t', run: 'true {file}', cache: { inputs, enabled: false } })
    })
    const git = gitIn(top)
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-qm', 'all')
    const list = async (/** @type {string | true} */ changed = true) => {
      const { tests } = await run(undefined, { root: path.join(top, 'app'), changed })
      return tests.map(({ file }) => path.basename(String(file))).join(' ')
    }
    return { top, git, list }
  }

  test('what was changed, staged, added, removed or renamed, in the folder or beside it', { timeout: 60_000 }, async t => {
    const { top, git, list } = repository(t)
    assert.equal(await list(), '')
    /** @type {Array<[what: string, edit: () => void, tests: string]>} */
    const cases = [
      ['an input', () => write(top, { 'app/src/x': '1' }), 'a.t b.t'],
      [
        'a staged input',
        () => {
          write(top, { 'app/src/x': '1' })
          git('add', '.')
        },
        'a.t b.t'
      ],
      ['a new input', () => write(top, { 'app/src/new/y': '' }), 'a.t b.t'],
      ['an input removed', () => fs.rmSync(path.join(top, 'app/src/x')), 'a.t b.t'],
      ['an input moved to where it is none', () => git('mv', 'app/src/moved', 'app/moved'), 'a.t b.t'],
      ['an input beside the folder', () => write(top, { 'shared/s': '1' }), 'a.t b.t'],
      ['a lockfile', () => write(top, { 'app/package-lock.json': '{ }' }), 'a.t b.t'],
      ['a test', () => write(top, { 'app/test/b.t': '1' }), 'b.t'],
      ['a new test', () => write(top, { 'app/test/c.t': '' }), 'c.t'],
      ['what is no input', () => write(top, { 'app/other': '1', 'docs/d': '1', 'app/src/ignored/y': '1', 'app/out/z': '' }), '']
    ]
    for (const [what, edit, tests] of cases) {
      edit()
      assert.equal(await list(), tests, what)
      git('reset', '-q', '--hard')
      git('clean', '-qfd')
    }
  })

  test('from another commit; what git does not know is told in a line', async t => {
    const { top, git, list } = repository(t)
    git('switch', '-qc', 'feature')
    write(top, { 'app/test/a.t': '1' })
    git('commit', '-qam', 'a')
    assert.deepEqual([await list(), await list('main')], ['', 'a.t'])
    const nothing = await cli(path.join(top, 'app'), ['run', '--changed'])
    assert.deepEqual([nothing.code, /nothing to run/.test(nothing.stdout)], [0, true], nothing.stdout)
    for (const reference of ['nowhere', '-x', '--output=x']) {
      const { code, stderr } = await cli(path.join(top, 'app'), ['run', `--changed=${reference}`])
      assert.deepEqual([code, stderr.trim().split('\n').length], [2, 1], stderr)
      assert.match(stderr, /git knows no such commit/)
    }
    fs.rmSync(path.join(top, '.git'), { recursive: true })
    const { code, stderr } = await cli(path.join(top, 'app'), ['run', '--changed'])
    assert.deepEqual([code, stderr.trim().split('\n').length], [2, 1], stderr)
  })
})
