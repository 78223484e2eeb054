// @ts-check
'use strict'

/** `ephemeral-broker init`: what it finds, shows and writes, and that runners work with what it wrote. */

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { makeInstalledProject } = require('./support-integrations/installed.js')
const { ROOT, makeProject } = require('./support-integrations/project.js')
const { pytestXdist } = require('./support-integrations/pytest.js')
const toolchains = require('./support-run-adapters/toolchains.js')

const MINUTE = 60_000
const BIN = path.join(ROOT, 'bin', 'ephemeral-broker.js')

/** @typedef {ReturnType<typeof makeProject>} Project */
/** @typedef {import('../lib/init/index.js').Plan & { written: boolean }} Printed */

/**
 * @param {Project} project
 * @param {...string} args
 */
function init(project, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'init', ...args], { cwd: project.root, encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

/**
 * @param {Project} project
 * @param {...string} args
 * @returns {Printed}
 */
function planned(project, ...args) {
  const { code, stdout, stderr } = init(project, '--json', ...args)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/**
 * All files of a project but its packages, with what is in them.
 * @param {Project} project
 * @param {string} [folder]
 * @returns {Record<string, string>}
 */
function filesIn(project, folder = '') {
  const entries = fs.readdirSync(path.join(project.root, folder), { withFileTypes: true })
  const own = entries.filter(({ name }) => !['node_modules', '.git', 't'].includes(name))
  return Object.assign(
    {},
    ...own.map(entry => {
      const name = path.posix.join(folder, entry.name)
      return entry.isDirectory() ? filesIn(project, name) : { [name]: fs.readFileSync(path.join(project.root, name), 'utf8') }
    })
  )
}

/** Each file with what becomes of it. @param {Printed} plan */
const states = ({ runners, config }) =>
  Object.fromEntries([...runners.flatMap(({ steps }) => steps), config].map(({ file, state }) => [file, state]))

const installed = { 'ephemeral-broker': '*' }

/**
 * @param {import('node:test').TestContext} t
 * @param {Record<string, unknown>} manifest
 * @param {Record<string, string>} [files]
 */
const project = (t, manifest, files) =>
  makeProject(t, { manifest: { ...manifest, devDependencies: { ...installed, .../** @type {any} */ (manifest.devDependencies) } }, files })

describe('init finds', () => {
  /** @type {Array<{ runner: string, manifest?: Record<string, unknown>, files?: Record<string, string>, because: string, states: Record<string, string>, command: string }>} */
  const cases = [
    {
      runner: 'jest',
      manifest: { devDependencies: { jest: '^30.0.0' } },
      because: 'jest ^30.0.0 in devDependencies',
      states: { 'jest.config.js': 'new' },
      command: 'npx jest'
    },
    {
      runner: 'jest',
      manifest: { scripts: { test: 'npm run build && npx jest@29 --ci' }, jest: { testEnvironment: 'node' } },
      because: '"jest" in package.json',
      states: { 'package.json': 'changed' },
      command: 'npm test'
    },
    {
      runner: 'vitest',
      manifest: { dependencies: { vitest: '4' } },
      files: { 'vite.config.ts': 'export default {}\n', 'pnpm-lock.yaml': '' },
      because: 'vitest 4 in dependencies',
      states: { 'vite.config.ts': 'manual' },
      command: 'pnpm exec vitest run'
    },
    {
      runner: 'playwright',
      manifest: { type: 'module', scripts: { e2e: 'playwright test --config e2e/playwright.config.ts' } },
      files: { 'e2e/playwright.config.ts': 'export default {}\n', 'yarn.lock': '' },
      because: 'the script "e2e"',
      states: { 'e2e/playwright.config.ts': 'manual' },
      command: 'yarn run e2e'
    },
    {
      runner: 'mocha',
      files: { '.mocharc.yml': 'spec: test\n' },
      because: '.mocharc.yml',
      states: { '.mocharc.yml': 'manual' },
      command: 'npx mocha'
    },
    {
      runner: 'wdio',
      files: { 'wdio.conf.ts': 'export const config = {}\n', 'bun.lock': '' },
      because: 'wdio.conf.ts',
      states: { 'wdio.conf.ts': 'manual' },
      command: 'bunx wdio run wdio.conf.ts'
    },
    {
      runner: 'node',
      manifest: { scripts: { test: 'node --test', reports: 'node --test-reporter x' } },
      because: 'the script "test"',
      states: { 'package.json': 'changed' },
      command: 'npm test'
    },
    { runner: 'ava', manifest: { ava: {} }, because: '"ava" in package.json', states: {}, command: 'npx ava' },
    {
      runner: 'cucumber',
      manifest: { scripts: { test: 'NODE_ENV=test cucumber-js' } },
      because: 'the script "test"',
      states: { 'package.json': 'manual' },
      command: 'npm test'
    },
    {
      runner: 'cypress',
      files: { 'cypress.config.js': 'module.exports = {}\n' },
      because: 'cypress.config.js',
      states: { 'cypress.config.js': 'manual', 'cypress/support/e2e.js': 'manual' },
      command: 'npx cypress run'
    },
    {
      runner: 'cypress',
      manifest: { devDependencies: { cypress: '15' } },
      files: { 'cypress.config.ts': 'export default {}\n', 'cypress/support/component.tsx': '' },
      because: 'cypress.config.ts',
      states: { 'cypress.config.ts': 'manual', 'cypress/support/component.tsx': 'manual' },
      command: 'npx cypress run'
    },
    {
      runner: 'codeceptjs',
      manifest: { scripts: { e2e: 'codeceptjs run-workers 3', init: 'codeceptjs init' } },
      files: { 'codecept.conf.js': 'exports.config = {}\n' },
      because: 'codecept.conf.js',
      states: { 'codecept.conf.js': 'manual', 'package.json': 'changed' },
      command: 'npm run e2e'
    },
    {
      runner: 'pytest',
      files: { 'pyproject.toml': '[tool.pytest.ini_options]\n', 'conftest.py': 'import pytest\n' },
      because: 'conftest.py',
      states: { 'ephemeral_broker.py': 'new', 'pytest_ephemeral_broker.py': 'new', 'conftest.py': 'manual' },
      command: 'npx ephemeral-broker start -- pytest -n 5'
    },
    {
      runner: 'go',
      files: { 'go.mod': 'module m\n' },
      because: 'go.mod',
      states: { 'broker/broker.go': 'new', 'broker/hello.go': 'new', 'broker/testing.go': 'new' },
      command: 'npx ephemeral-broker start -- go test ./... -p 5'
    }
  ]

  for (const { runner, manifest = {}, files = {}, because, states: expected, command } of cases) {
    it(`${runner} by ${because}`, t => {
      const before = project(t, manifest, files)
      const contents = filesIn(before)
      const plan = planned(before)
      assert.deepEqual(
        plan.runners.map(({ name }) => name),
        [runner]
      )
      const [found] = plan.runners
      assert.ok(found.because.includes(because), `${found.because}`)
      const config = ['pytest', 'go'].includes(runner) ? 'ephemeral-broker.toml' : 'ephemeral-broker.config.js'
      assert.deepEqual(states(plan), { ...expected, [config]: 'new' })
      assert.equal(found.command, command)
      assert.ok(fs.existsSync(path.join(ROOT, 'docs', found.page)), found.page)
      assert.deepEqual([plan.install, plan.isDone, plan.written], [null, false, false])
      assert.deepEqual(filesIn(before), contents, 'nothing is written')

      const written = planned(before, '--write')
      assert.equal(written.written, true)
      const after = filesIn(before)
      for (const [file, text] of Object.entries(contents)) if (states(written)[file] !== 'changed') assert.equal(after[file], text, file)
      const again = planned(before, '--write')
      assert.ok(
        Object.values(states(again)).every(state => state === 'there' || state === 'manual'),
        JSON.stringify(states(again))
      )
      assert.deepEqual(filesIn(before), after, 'a second time changes nothing')
      assert.equal(again.isDone, !Object.values(expected).includes('manual'))
    })
  }

  it('several, and takes those that are named', t => {
    const both = project(t, {
      scripts: { test: 'jest', e2e: 'playwright test' },
      devDependencies: { jest: '30', '@playwright/test': '1.60.0' }
    })
    const { stdout } = init(both)
    assert.match(
      stdout,
      /^Jest, found by jest 30 in devDependencies, the script "test"\n {2}jest\.config\.js: new\n {4}\+ module\.exports = \{\n/
    )
    assert.match(stdout, /\n\nPlaywright Test, found by .*\n {2}playwright\.config\.mjs: new\n/)
    assert.match(stdout, /Nothing was written: ephemeral-broker init --write makes what is new or changed\.\n$/)
    const names = (/** @type {string[]} */ ...args) => planned(both, ...args).runners.map(({ name }) => name)
    assert.deepEqual(names('--runner', 'playwright'), ['playwright'])
    assert.deepEqual(names('--runner', 'node', '--runner', 'jest'), ['jest', 'node'])
    init(both, '--write')
    assert.match(init(both).stdout, /\nAll is there\.\n$/)
  })

  it('none, or one that is not known', t => {
    const empty = makeProject(t, {})
    const none = init(empty)
    assert.equal(none.code, 3)
    assert.match(
      none.stderr,
      /no test runner was found in .*; go to the package that has the tests, or name it with --runner: jest, vitest, .*, go\n/
    )
    const strange = init(empty, '--runner', 'jasmine')
    assert.equal(strange.code, 2)
    assert.match(strange.stderr, /Allowed is one of jest, vitest/)
    fs.writeFileSync(path.join(empty.root, 'package.json'), '{')
    const broken = init(empty, '--json')
    assert.equal(broken.code, 2)
    assert.equal(JSON.parse(broken.stderr).error, 'invalid_config')
  })
})

it('the page of init shows what it prints', t => {
  const page = fs.readFileSync(path.join(ROOT, 'docs', 'init.md'), 'utf8').replaceAll('\r\n', '\n')
  const [shown, written, again] = [...page.matchAll(/^```text\n(.*?)^```$/gms)].map(([, block]) => block)
  const shop = project(t, { devDependencies: { jest: '^30.0.0' }, scripts: { test: 'jest' } })
  assert.equal(init(shop).stdout, shown)
  assert.ok(init(shop, '--write').stdout.includes(written.trimEnd()))
  assert.ok(init(shop).stdout.endsWith(again))
  for (const [, name] of page.matchAll(/^\| `([a-z]+)` \|/gm)) assert.equal(init(shop, '--runner', name).code, 0, name)
})

describe('init keeps', () => {
  it('how a file of JSON is written', t => {
    const spaces = project(t, {}, { '.mocharc.json': '{\r\n    "spec": "test",\r\n    "require": "./own.js"\r\n}\r\n' })
    planned(spaces, '--write')
    const require = '    "require": [\r\n        "ephemeral-broker/mocha",\r\n        "./own.js"\r\n    ]'
    assert.equal(filesIn(spaces)['.mocharc.json'], `{\r\n    "spec": "test",\r\n${require}\r\n}\r\n`)
  })

  it('the mark that editors on Windows put before a text, and scripts that are none', t => {
    const marked = project(t, {})
    const file = path.join(marked.root, 'package.json')
    fs.writeFileSync(file, '\uFEFF{\r\n  "scripts": {\r\n    "none": null,\r\n    "test": "cucumber-js"\r\n  }\r\n}\r\n')
    planned(marked, '--write')
    const test = '"test": "ephemeral-broker start -- cucumber-js"'
    assert.equal(fs.readFileSync(file, 'utf8'), `\uFEFF{\r\n  "scripts": {\r\n    "none": null,\r\n    ${test}\r\n  }\r\n}\r\n`)
  })

  it('what it cannot write, and says what it wrote', t => {
    const files = { 'go.mod': 'module m\n', broker: 'a program\n', ephemeralbroker: 'another\n' }
    const stuck = project(t, { scripts: { test: 'cucumber-js' } }, files)
    const { code, stderr } = init(stuck, '--write')
    assert.equal(code, 3)
    assert.match(
      stderr,
      /not_written: .*ephemeralbroker.broker\.go cannot be written \(E[A-Z]+\); package\.json was written\. See to that, and do it again\n$/
    )
    const { 'package.json': manifest, ...others } = filesIn(stuck)
    assert.match(manifest, /ephemeral-broker start -- cucumber-js/)
    for (const [name, text] of Object.entries(files)) assert.equal(others[name], text)
  })

  it('what it cannot be sure of, and says what to add', t => {
    const files = {
      '.mocharc.json': '{ "spec": "test" /* all of them */ }\n',
      'jest.config.json': '{ "projects": ["a", "b"] }\n',
      'vitest.config.js': "// globalSetup: 'ephemeral-broker/vitest'\nexport default {}\n",
      'playwright.config.js': "export default { globalSetup: 'ephemeral-broker/playwright/setup' }\n",
      'ephemeral-broker.toml': ''
    }
    const unsure = project(t, { scripts: { test: 'node --test && echo done', unit: 'ephemeral-broker start -- node --test' } }, files)
    const plan = planned(unsure, '--write')
    assert.deepEqual(states(plan), {
      '.mocharc.json': 'manual',
      'jest.config.json': 'manual',
      'package.json': 'manual',
      'playwright.config.js': 'there',
      'vitest.config.js': 'manual',
      'ephemeral-broker.toml': 'there'
    })
    const contents = filesIn(unsure)
    for (const [name, text] of Object.entries(files)) assert.equal(contents[name], text)
    const { stdout } = init(unsure)
    assert.match(stdout, /package\.json: by hand, in the script "test"\n {4}\+ ephemeral-broker start -- node --test\n/)
    assert.match(stdout, /jest\.config\.json: by hand, in each of the projects\n {4}\+ "preset": "ephemeral-broker",\n/)
    assert.match(stdout, /\.mocharc\.json: by hand, first in `require`\n {4}\+ "require": \["ephemeral-broker\/mocha"\],\n/)
    assert.doesNotMatch(stdout, /Nothing was written|All is there/)
  })

  it('a preset of Jest, and a globalSetup beside it', t => {
    const preset = { preset: './own', setupFilesAfterEnv: ['./a.js'] }
    const own = project(t, { jest: preset })
    planned(own, '--write')
    assert.deepEqual(JSON.parse(filesIn(own)['package.json']).jest, {
      ...preset,
      globalSetup: 'ephemeral-broker/jest/setup',
      globalTeardown: 'ephemeral-broker/jest/teardown'
    })
    const code = project(t, {}, { 'jest.config.js': "module.exports = { 'preset': './own' }\n" })
    assert.deepEqual(planned(code).runners[0].steps[0].added, [
      "globalSetup: 'ephemeral-broker/jest/setup',",
      "globalTeardown: 'ephemeral-broker/jest/teardown',"
    ])
    const taken = project(t, { jest: { ...preset, globalSetup: './setup.js' } })
    const [{ steps }] = planned(taken, '--write').runners
    assert.deepEqual(steps, [
      {
        file: 'package.json',
        state: 'manual',
        removed: [],
        added: ["require('ephemeral-broker/jest/setup')"],
        where: 'globalSetup: call these in yours'
      }
    ])
  })

  it('a package in Go that has the name of its own', t => {
    const own = project(t, {}, { 'go.mod': 'module m\n', 'broker/broker.go': 'package broker\n' })
    assert.equal(states(planned(own, '--write'))['ephemeralbroker/testing.go'], 'new')
    assert.equal(filesIn(own)['broker/broker.go'], 'package broker\n')
  })

  it('the package apart, where it is not installed', t => {
    const bare = makeProject(t, { manifest: { devDependencies: { ava: '6' } }, files: { 'yarn.lock': '' } })
    assert.equal(planned(bare).install, 'yarn add --dev ephemeral-broker')
    assert.match(init(bare, '--write').stdout, /Not among the dependencies yet\n {2}yarn add --dev ephemeral-broker\n$/)
  })
})

// One test forgets to release what the next one is given then.
const body = (/** @type {string} */ test, fixtures = '') => `
for (const title of ['forgets', 'forgets too']) {
  ${test}(title, async (${fixtures}) => {
    const { value } = await broker.acquire('accounts')
    if (value.name !== 'ada') throw new Error(value.name)
  })
}
`

describe('runners work with what init wrote', () => {
  /**
   * @typedef {object} Case
   * @property {[string, string]} runner its package, and the version; of ours the one that is installed here
   * @property {boolean} [isCopied] it looks for this package from where it really is
   * @property {Record<string, unknown>} [manifest]
   * @property {Record<string, string>} files
   * @property {string[]} args
   */

  /** @type {Record<string, Case>} */
  const cases = {
    'Jest without a config': {
      runner: ['jest', 'ours'],
      files: { 'a.test.js': `const { broker } = require('ephemeral-broker/jest')\n${body('test')}` },
      args: ['node_modules/jest/bin/jest.js']
    },
    'Jest with a preset in package.json': {
      runner: ['jest', '29'],
      manifest: { jest: { preset: './own/jest-preset.json', verbose: true } },
      files: {
        'own/jest-preset.json': '{ "testMatch": ["**/*.case.js"] }\n',
        'a.case.js': `const { broker } = require('ephemeral-broker/jest')\n${body('test')}`
      },
      args: ['node_modules/jest/bin/jest.js']
    },
    'Vitest without a config': {
      runner: ['vitest', '4'],
      files: { 'a.test.mjs': `import { test } from 'vitest'\nimport { broker } from 'ephemeral-broker/vitest'\n${body('test')}` },
      args: ['node_modules/vitest/vitest.mjs', 'run']
    },
    'Playwright without a config': {
      runner: ['@playwright/test', '1.60'],
      isCopied: true,
      files: { 'a.spec.mjs': body('test', '{ broker }') },
      args: ['node_modules/@playwright/test/cli.js', 'test']
    },
    'Mocha with a config of JSON': {
      runner: ['mocha', '12'],
      isCopied: true,
      files: {
        '.mocharc.json': '{\n  "spec": "specs/*.js",\n  "parallel": true\n}\n',
        'specs/a.js': `const { broker } = require('ephemeral-broker/mocha')\n${body('it')}`
      },
      args: ['node_modules/mocha/bin/mocha.js']
    }
  }

  for (const [title, { runner, isCopied, manifest, files, args }] of Object.entries(cases)) {
    it(title, { timeout: 5 * MINUTE }, async t => {
      const [name, version] = runner
      const parts = { manifest: { ...manifest, devDependencies: { ...installed, [name]: '*' } }, files }
      const { path: folder, why } = version === 'ours' ? { path: ROOT, why: null } : toolchains.npmPackage(name, version)
      if (folder === null) return t.skip(why)
      const tested = isCopied
        ? makeInstalledProject(t, { name, version }, parts)
        : makeProject(t, { ...parts, packages: { [name]: folder } })
      const plan = planned(tested, '--write')
      assert.ok(!Object.values(states(plan)).includes('manual'))
      // What is shown for test files stands in this one.
      if (name === '@playwright/test') {
        const file = path.join(tested.root, 'a.spec.mjs')
        fs.writeFileSync(file, `${plan.runners[0].use.join('\n')}\n${fs.readFileSync(file, 'utf8')}`)
      } else assert.ok(Object.values(files).some(text => text.includes(plan.runners[0].use[0])))
      assertRan(await tested.run({ args }), 'forgets')
      assert.deepEqual(tested.left(), [])
    })
  }

  it('node:test by its script', { timeout: MINUTE }, async t => {
    const files = {
      'a.test.js': `const { test } = require('node:test')\nconst { broker } = require('ephemeral-broker/node')\n${body('test')}`
    }
    const tested = project(t, { scripts: { test: 'node --test' } }, files)
    planned(tested, '--write')
    const bin = path.join(tested.root, 'node_modules', '.bin')
    fs.mkdirSync(bin)
    fs.symlinkSync(BIN, path.join(bin, 'ephemeral-broker'))
    const npm = path.join(path.dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
    if (!fs.existsSync(npm)) return t.skip('npm is elsewhere')
    assertRan(await tested.run({ args: [npm, 'test'] }), 'forgets')
  })

  it('pytest', { timeout: 5 * MINUTE }, async t => {
    const pytest = pytestXdist('9')
    if (pytest.path === null) return t.skip(pytest.why)
    const files = { 'pytest.ini': '[pytest]\n', 'test_a.py': 'def test_forgets(broker, account):\n    broker.acquire("accounts")\n' }
    const tested = project(t, {}, files)
    const [{ command }] = planned(tested, '--write').runners
    const env = { PATH: `${path.dirname(pytest.path)}${path.delimiter}${process.env.PATH}` }
    assertRan(await tested.run({ args: [BIN, ...command.split(' ').slice(2)], env }), 'test_a.py::test_forgets')
  })

  it('go test', { timeout: 5 * MINUTE }, async t => {
    const go = toolchains.go()
    if (go.path === null) return t.skip(go.why)
    const test =
      'package m\n\nimport (\n\t"testing"\n\n\t"m/broker"\n)\n\nfunc TestForgets(t *testing.T) {\n\t_, err := broker.For(t).Acquire("accounts")\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n'
    const tested = project(t, {}, { 'go.mod': 'module m\n\ngo 1.19\n', 'a_test.go': test })
    const [{ command }] = planned(tested, '--write').runners
    assertRan(await tested.run({ args: [BIN, ...command.split(' ').slice(2)] }), 'TestForgets')
  })
})

/**
 * @param {{ code: number | null, output: string }} ran
 * @param {string} title of the test that forgot
 */
function assertRan({ code, output }, title) {
  assert.equal(code, 0, output)
  assert.ok(
    output.split('\n').some(line => /not released: accounts \d, taken in '/.test(line) && line.includes(`${title}' by `)),
    output
  )
  assert.match(output, /ephemeral-broker: at most in use: accounts [12] of 3; /)
}
