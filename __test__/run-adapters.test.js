// @ts-check
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, it } = require('node:test')
const { adapterNamed, adapterOf } = require('../lib/run/adapters/index.js')
const { judge, judgeAll, makeProject } = require('./support-run-adapters/project.js')
const { cargo, go, npmPackage, pytest } = require('./support-run-adapters/toolchains.js')
const { findNodes } = require('./support-stress/nodes.js')

const MINUTE = 60_000
const LONG = { timeout: 10 * MINUTE }

/** @param {import('./support-run-adapters/project.js').Discovered} discovered */
const idsOf = ({ tests }) => tests.map(({ id }) => id).sort()

/** @param {string} code @param {RegExp} message */
const brokerError = (code, message) => (/** @type {any} */ error) => {
  assert.equal(error.code, code)
  assert.match(error.message, message)
  return true
}

describe('whose command it is', () => {
  const known = {
    vitest: [
      'npx vitest run',
      'pnpm exec vitest',
      'yarn vitest --coverage',
      'npm exec -- vitest run',
      'NODE_ENV=test vitest',
      'node node_modules/vitest/vitest.mjs run'
    ],
    jest: [
      'jest',
      'npx --no-install jest -i',
      'node_modules\\.bin\\jest.cmd',
      'node --experimental-vm-modules node_modules/jest/bin/jest.js'
    ],
    playwright: ['npx playwright test', 'bunx playwright test --headed', 'node node_modules/@playwright/test/cli.js test'],
    node: ['node --test', 'node --import tsx --test test/a.test.js', '/opt/node/bin/node --test'],
    go: ['go test ./...', 'CGO_ENABLED=0 go test'],
    pytest: ['pytest', 'python3.12 -m pytest tests', 'uv run pytest -x', 'poetry run python -m pytest', '.venv/bin/py.test'],
    cargo: ['cargo test', 'cargo +nightly test --lib', 'cargo t'],
    none: [
      'npm test',
      'go build',
      'cargo nextest run',
      'npx playwright install',
      'node server.js',
      './vitest.sh',
      'make test',
      'vitest run && echo'
    ]
  }
  for (const [name, commands] of Object.entries(known)) {
    it(name, () => {
      for (const command of commands) {
        if (!command.includes('\\')) assert.equal(adapterOf(command).name, name, command)
        assert.equal(adapterOf(command.includes('&&') ? command : command.split(' ')).name, name, command)
      }
    })
  }
})

describe('a command is completed', () => {
  const cases = /** @type {const} */ ([
    ['vitest', 'file', 'npx vitest', 'npx vitest run {file}'],
    ['vitest', 'test', 'npx vitest run src --coverage', 'npx vitest run {file} -t {pattern} --coverage'],
    ['vitest', 'file', 'npx vitest run {file} --bail=1', 'npx vitest run {file} --bail=1'],
    ['jest', 'file', 'npx jest -c "jest e2e.js" src', 'npx jest -c "jest e2e.js" --runTestsByPath {file}'],
    ['playwright', 'file', 'npx playwright test e2e --project one', 'npx playwright test {pattern} --project one'],
    ['playwright', 'test', 'npx playwright test', 'npx playwright test --grep {pattern}'],
    ['node', 'file', 'node --import tsx --test test', 'node --import tsx --test {file}'],
    ['node', 'test', 'node --test', 'node --test-name-pattern {pattern} {file}'],
    ['go', 'file', 'go test -race ./...', 'go test -v -count=1 -race {test}'],
    ['go', 'test', 'go test ./e2e -run ^{test}$', 'go test -v -count=1 ./e2e -run ^{test}$'],
    ['go', 'test', 'go test ./e2e -count=2 -v -args -x', 'go test -count=2 -v -run {pattern} ./e2e -args -x'],
    ['pytest', 'file', 'A=1 python -m pytest -k cart tests', 'A=1 python -m pytest {file} -k cart'],
    ['pytest', 'test', 'pytest', 'pytest {pattern}'],
    ['cargo', 'test', 'cargo test --release -- --test-threads=1', 'cargo test --release -- --test-threads=1 --exact {test}']
  ])
  for (const [name, mode, command, completed] of cases) {
    it(`${command}, mode ${mode}`, () => assert.equal(adapterNamed(name).run({ mode, command }), completed))
  }

  it('an array stays an array', () => {
    assert.deepEqual(adapterNamed('pytest').run({ mode: 'file', command: ['pytest', 'a b', '-q'] }), ['pytest', '{file}', '-q'])
    assert.deepEqual(adapterNamed('go').run({ mode: 'test', command: ['go', 'test', '-run', '{pattern}'] }), [
      'go',
      'test',
      '-v',
      '-count=1',
      '-run',
      '{pattern}'
    ])
  })

  it('a word that may be a value or a path is not guessed at', () => {
    const run = () => adapterNamed('pytest').run({ mode: 'file', command: 'pytest --my-option tests' })
    assert.throws(run, brokerError('invalid_config', /may be the value of --my-option, or a path.*--my-option=tests/))
  })
})

describe('where tests come from', () => {
  /** @param {string} script */
  const print = script => [process.execPath, '-e', script]
  const run = ['node', '{file}', '{test}']

  it('tests come before a list, a list before files', async t => {
    const { list } = makeProject(t, 'node')
    const printed = print('console.log("listed")')
    const all = {
      run,
      list: printed,
      files: '*.test.js',
      tests: ['first', { file: 'a.js', name: 'second', id: 'own', group: 'g', tags: ['x'], run: ['true'] }]
    }
    const { tests, adapter } = await list({ name: 'p', group: '{project}/{dirname}', ...all }, 'file')
    assert.equal(adapter, 'none')
    assert.deepEqual(tests, [
      { id: 'p:first', project: 'p', group: 'p/p', file: null, name: 'first', tags: [], pattern: null, run: null },
      { id: 'own', project: 'p', group: 'g', file: 'a.js', name: 'second', tags: ['x'], pattern: null, run: ['true'] }
    ])
    assert.deepEqual(idsOf(await list({ ...all, tests: undefined }, 'file')), ['listed'])
    const found = await list({ ...all, tests: undefined, list: undefined }, 'file')
    assert.ok(idsOf(found).includes('shop.test.js'), String(idsOf(found)))
  })

  it('a list of JSON: in mode file each file once', async t => {
    const { list } = makeProject(t, 'node')
    const tests = ['x', { name: 'a', file: 'd/f.js', tags: ['1'] }, { name: 'b', file: 'd/f.js', tags: ['2'] }, { file: 'g.js' }]
    const project = { name: 'p', run, list: print(`console.log(${JSON.stringify(JSON.stringify(tests))})`), group: '{dirname}' }
    const single = ['p:d/f.js > a', 'p:d/f.js > b', 'p:g.js', 'p:x']
    assert.deepEqual(idsOf(await list(project, 'test')), single)
    assert.deepEqual(idsOf(await list(project, 'file')), single, 'the command is for one test')
    const files = await list({ ...project, run: ['node', '{file}'] }, 'file')
    assert.deepEqual(
      files.tests.map(({ id, group, tags }) => [id, group, tags]),
      [
        ['p:x', 'p', []],
        ['p:d/f.js', 'd', ['1', '2']],
        ['p:g.js', '.', []]
      ]
    )
  })

  it('a list of lines: all but empty ones', async t => {
    const { list } = makeProject(t, 'node')
    assert.deepEqual(idsOf(await list({ run, list: print('console.log("b [a]\\n\\n# c\\r\\n")') }, 'test')), ['# c', 'b [a]'])
  })

  for (const [what, script, message] of /** @type {const} */ ([
    ['fails', 'console.error("no database"); process.exit(3)', /ended with exit code 3:\nno database/],
    ['is ended', 'process.kill(process.pid, "SIGKILL")', /was ended|exit code 1/],
    ['prints half of its JSON', 'console.log(\'["a",\')', /printed no JSON/],
    ['prints something else', 'console.log("[1]")', /at \[0\]: it is neither a name nor an object/],
    ['prints a test twice', 'console.log("a\\na")', /"a" is listed twice/]
  ])) {
    it(`a list that ${what}`, async t => {
      const { list } = makeProject(t, 'node')
      await assert.rejects(list({ run, list: print(script) }, 'test'), brokerError('list_failed', message))
    })
  }

  it('a list that cannot be started', async t => {
    const { list } = makeProject(t, 'node')
    await assert.rejects(list({ run, list: ['./missing-program'] }, 'test'), brokerError('list_failed', /could not be run: .*ENOENT/))
  })

  it('without any, it is said what to write', async t => {
    const { list } = makeProject(t, 'node')
    await assert.rejects(
      list({ run: 'npm test' }, 'file'),
      brokerError('invalid_config', /nothing says which tests `npm test` has.*run = "npm test \{file\}" with files/)
    )
    await assert.rejects(list({ name: 'p' }, 'file'), brokerError('invalid_config', /project "p": there is neither `run` nor `adapter`/))
    await assert.rejects(list({ tests: ['a'] }, 'file'), brokerError('invalid_config', /run: say what is run/))
    for (const adapter of /** @type {const} */ (['node', 'jest'])) {
      await assert.rejects(list({ adapter }, 'test'), brokerError('invalid_config', /cannot list single tests.*mode "file"/))
    }
  })
})

for (const version of ['3', '4']) {
  const installed = npmPackage('vitest', version)
  describe(`Vitest ${version}`, { skip: installed.why ?? false, ...LONG }, () => {
    const run = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run']

    it('files: one that is part of the path of another runs alone', async t => {
      const { root, list } = makeProject(t, 'vitest', installed.path)
      const discovered = await list({ run }, 'file')
      assert.deepEqual(await judgeAll(root, discovered), {
        'lib/shop.test.mjs': 'failed',
        'passing.test.mjs': 'passed',
        'shop.test.mjs': 'failed',
        'skipped.test.mjs': 'skipped'
      })
      const [passing] = discovered.tests.filter(({ file }) => file === 'passing.test.mjs')
      assert.equal(await judge(root, discovered, { ...passing, file: 'missing.test.mjs' }), 'failed')
      const lenient = await list({ run: [...run, '--passWithNoTests'] }, 'file')
      assert.equal(await judge(root, lenient, { ...passing, file: 'missing.test.mjs' }), 'none')
    })

    it('tests: each runs alone', async t => {
      const { root, list } = makeProject(t, 'vitest', installed.path)
      const discovered = await list({ run, files: '*.test.mjs' }, 'test')
      const { tests } = discovered
      assert.deepEqual(idsOf({ ...discovered, tests: tests.filter(({ file }) => file === 'passing.test.mjs') }), [
        'passing.test.mjs > cart (a+b) > adds $1 [x]',
        "passing.test.mjs > cart (a+b) > deep > it's > ok",
        'passing.test.mjs > skips itself'
      ])
      assert.deepEqual(await judgeAll(root, { ...discovered, tests: tests.filter(({ file }) => file === 'shop.test.mjs') }), {
        'shop.test.mjs > cart (a+b) > adds $1 [x]': 'passed',
        "shop.test.mjs > cart (a+b) > deep > it's > ok": 'passed',
        'shop.test.mjs > cart (a+b) > adds $1 [x] again': 'failed',
        'shop.test.mjs > skips itself': 'skipped'
      })
    })

    it('a file that cannot be loaded', async t => {
      const { list } = makeProject(t, 'vitest-broken', installed.path)
      await assert.rejects(list({ run }, 'test'), brokerError('list_failed', /exit code 1:[\s\S]*missing\.mjs/))
    })
  })
}

const jests = [
  { version: '29', found: npmPackage('jest', '29') },
  { version: '30', found: { path: path.join(__dirname, '..'), why: null } }
]
for (const { version, found } of jests) {
  it(`Jest ${version}`, { skip: found.why ?? false, ...LONG }, async t => {
    const { root, list } = makeProject(t, 'jest')
    const run = [process.execPath, path.join(String(found.path), 'node_modules/jest/bin/jest.js')]
    const discovered = await list({ run }, 'file')
    assert.deepEqual(await judgeAll(root, discovered), {
      'lib/shop.test.js': 'failed',
      'shop.test.js': 'passed',
      'skipped.test.js': 'skipped'
    })
    assert.equal(await judge(root, discovered, { ...discovered.tests[0], file: 'missing.test.js' }), 'failed')
    assert.equal(await judge(root, discovered, { ...discovered.tests[0], run: [...run, 'missing', '--passWithNoTests'] }), 'none')
    const named = await list(
      {
        run,
        tests: [
          { file: 'shop.test.js', name: 'adds' },
          { file: 'shop.test.js', name: 'dds' }
        ]
      },
      'test'
    )
    assert.deepEqual(await judgeAll(root, named), { 'shop.test.js > adds': 'passed', 'shop.test.js > dds': 'skipped' })
    await assert.rejects(list({ run: [...run, '--config=missing.json'] }, 'file'), brokerError('list_failed', /missing\.json/))
  })
}

const playwright = npmPackage('@playwright/test', '1')
describe('Playwright', { skip: playwright.why ?? false, ...LONG }, () => {
  const run = [process.execPath, 'node_modules/@playwright/test/cli.js', 'test', '--reporter=line']

  it('files', async t => {
    const { root, list } = makeProject(t, 'playwright', playwright.path)
    const discovered = await list({ run }, 'file')
    const expected = { 'e2e/lib/shop.spec.js': 'passed', 'e2e/shop.spec.js': 'failed', 'e2e/skipped.spec.js': 'skipped' }
    assert.deepEqual(await judgeAll(root, discovered), expected)
    assert.equal(await judge(root, discovered, { ...discovered.tests[0], pattern: 'missing' }), 'failed')
  })

  it('tests: each runs alone, in all projects', async t => {
    const { root, list } = makeProject(t, 'playwright', playwright.path)
    const discovered = await list({ run }, 'test')
    assert.deepEqual(await judgeAll(root, discovered), {
      'e2e/lib/shop.spec.js > loop 1': 'passed',
      'e2e/shop.spec.js > cart (a+b) > tagged @in title': 'passed',
      'e2e/shop.spec.js > cart (a+b) > title $1': 'passed',
      'e2e/shop.spec.js > loop 1': 'passed',
      'e2e/shop.spec.js > loop 1 of it': 'passed',
      'e2e/shop.spec.js > loop 2': 'failed',
      'e2e/shop.spec.js > skipped': 'skipped',
      'e2e/skipped.spec.js > fixed later': 'skipped',
      'e2e/skipped.spec.js > skipped': 'skipped'
    })
    assert.deepEqual(discovered.tests.find(({ name }) => name === 'cart (a+b) > title $1')?.tags.sort(), ['api', 'fast'])
  })

  it('a file that cannot be loaded', async t => {
    const { list } = makeProject(t, 'playwright', playwright.path)
    await assert.rejects(list({ run: [...run, '--config=missing.js'] }, 'file'), brokerError('list_failed', /missing\.js/))
  })
})

const { nodes, missing } = findNodes()
for (const { version, why } of missing) it(`node --test of Node ${version}`, { skip: why }, () => {})
for (const { version, node } of nodes) {
  it(`node --test of Node ${version}`, LONG, async t => {
    const { root, list } = makeProject(t, 'node')
    assert.deepEqual(await judgeAll(root, await list({ run: [node, '--test'] }, 'file')), {
      'nothing.test.js': 'none',
      'passing.test.js': 'passed',
      'shop.test.js': 'failed',
      'skipped.test.js': 'skipped',
      'suite-skipped.test.js': 'skipped'
    })
    const named = await list(
      { run: [node, '--test'], tests: ['adds (x)', 'missing'].map(name => ({ file: 'passing.test.js', name })) },
      'test'
    )
    const [found, absent] = named.tests.map(test => ({
      ...test,
      pattern: test.name === 'missing' ? '^missing$' : String.raw`^adds \(x\)$`
    }))
    assert.equal(await judge(root, named, found), 'passed')
    // Node 20 says of tests of other names that they are skipped.
    assert.equal(await judge(root, named, absent), version === 20 ? 'skipped' : 'none')
  })
}

const installedGo = go()
describe('go test', { skip: installedGo.why ?? false, ...LONG }, () => {
  it('tests and packages', async t => {
    const { root, list } = makeProject(t, 'go')
    const discovered = await list({ name: 'go', adapter: 'go' }, 'test')
    assert.deepEqual(await judgeAll(root, discovered), {
      'go:example.com/shop/shop > ExampleAdds': 'passed',
      'go:example.com/shop/shop > TestAdds': 'passed',
      'go:example.com/shop/shop > TestAddsMore': 'failed',
      'go:example.com/shop/shop > TestSkipped': 'skipped',
      'go:example.com/shop/shop > TestÄnderung': 'passed',
      'go:example.com/shop/store > TestAdds': 'skipped'
    })
    assert.equal(await judge(root, discovered, { ...discovered.tests[0], pattern: '^TestMissing$' }), 'none')
    const packages = await list({ run: ['go', 'test', './...'] }, 'file')
    assert.deepEqual(await judgeAll(root, packages), { 'example.com/shop/shop': 'failed', 'example.com/shop/store': 'skipped' })
  })

  it('the user says how, and lists', async t => {
    const { root, list } = makeProject(t, 'go')
    const project = { list: 'go test ./shop -list TestAdds', run: ['go', 'test', './...', '-run', '^{test}$'] }
    assert.deepEqual(await judgeAll(root, await list(project, 'test')), {
      'this is no test': 'none',
      TestAdds: 'passed',
      TestAddsMore: 'failed'
    })
  })

  it('what cannot be built', async t => {
    const { list } = makeProject(t, 'go-broken')
    await assert.rejects(list({ adapter: 'go' }, 'test'), brokerError('list_failed', /undefined: missing/))
  })
})

for (const version of ['7', '8', '9']) {
  const installed = pytest(version)
  it(`pytest ${version}`, { skip: installed.why ?? false, ...LONG }, async t => {
    const { root, list } = makeProject(t, 'pytest')
    const run = [String(installed.path)]
    assert.deepEqual(await judgeAll(root, await list({ run }, 'file')), {
      'shop/test_cart.py': 'failed',
      'shop/test_passing.py': 'passed',
      'shop/test_skipped.py': 'skipped'
    })
    const discovered = await list({ run, files: '**/test_cart.py' }, 'test')
    assert.deepEqual(await judgeAll(root, discovered), {
      'shop/test_cart.py > TestCart::test_adds': 'passed',
      'shop/test_cart.py > test_skipped': 'skipped',
      'shop/test_cart.py > test_value[$HOME]': 'passed',
      'shop/test_cart.py > test_value[a b]': 'passed',
      'shop/test_cart.py > test_value[a/b]': 'failed',
      'shop/test_cart.py > test_value[c::d]': 'passed',
      'shop/test_cart.py > test_value[e[f]]': 'passed',
      'shop/test_cart.py > test_value[n\\nl]': 'passed'
    })
    const below = await list({ run, cwd: 'shop' }, 'test')
    assert.deepEqual(below.tests.find(({ name }) => name === 'TestCart::test_adds')?.pattern, 'test_cart.py::TestCart::test_adds')
    assert.ok(idsOf(below).includes('shop/test_cart.py > TestCart::test_adds'))
    assert.deepEqual(idsOf(await list({ run: [...run, '-k', 'no_such_test'] }, 'test')), [])
    const broken = makeProject(t, 'pytest-broken')
    await assert.rejects(broken.list({ run }, 'test'), brokerError('list_failed', /exit code 4:[\s\S]*missing_module/))
  })
}

const installedCargo = cargo()
it('cargo test', { skip: installedCargo.why ?? false, ...LONG }, async t => {
  const { root, list } = makeProject(t, 'cargo')
  const run = ['cargo', 'test', '--offline']
  const discovered = await list({ run }, 'test')
  assert.deepEqual(await judgeAll(root, discovered), {
    'src/lib.rs > doc tests': 'passed',
    'src/lib.rs > tests::adds': 'passed',
    'src/lib.rs > tests::adds_more': 'failed',
    'src/lib.rs > tests::ignored': 'skipped',
    'tests/first.rs > adds': 'passed',
    'tests/second.rs > adds': 'skipped'
  })
  const first = discovered.tests.filter(({ file }) => file === 'tests/first.rs')[0]
  assert.equal(await judge(root, discovered, { ...first, name: 'missing' }), 'none')
  assert.deepEqual(await judgeAll(root, await list({ run }, 'file')), {
    'src/lib.rs': 'failed',
    'src/lib.rs > doc tests': 'passed',
    'tests/first.rs': 'passed',
    'tests/second.rs': 'skipped'
  })
  await assert.rejects(list({ run: [...run, '--package', 'missing'] }, 'test'), brokerError('list_failed', /exit code 101:[\s\S]*missing/))
})
