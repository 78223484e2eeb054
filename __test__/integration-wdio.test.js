// @ts-check
'use strict'

/** WebdriverIO 9, on the real runner, with each of its frameworks. Browsers are there where a page is opened; elsewhere there are sessions alone. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { isAlive } = require('./support/alive.js')
const { assertShared } = require('./support-integrations/facts.js')
const { ROOT, commandsOf, filesOf, makeProject } = require('./support-integrations/project.js')
const { findChrome, startDriver, wdioPackages } = require('./support-integrations/wdio.js')
const { until } = require('./support/index.js')
const { findNodes } = require('./support-stress/nodes.js')

const LONG = { timeout: 120_000 }
/** Browsers may have to be installed. */
const LONGER = { timeout: 300_000 }
const WDIO = path.join('node_modules', '@wdio', 'cli', 'bin', 'wdio.js')
const SESSION = { browserName: 'none', 'wdio:enforceWebDriverClassic': true }
const RUN = [WDIO, 'run', 'wdio.conf.js']
/** As in a repository of several packages: from a folder above, where nothing of WebdriverIO is found. */
const runFromElsewhere = (/** @type {string} */ root) => [
  '--import',
  "data:text/javascript,process.chdir('/')",
  path.join(root, WDIO),
  'run',
  path.join(root, 'wdio.conf.js')
]
/** What others leave in the folder of temporary files: a cache of compiled configurations, and Chrome when it is killed. */
const OTHERS = /^(?:jiti$|\.?(?:org\.chromium|com\.google)\.)/
const PAGE = 'docs/webdriverio.md'
const TSC = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
const CLI = path.join(ROOT, 'bin', 'ephemeral-broker.js')

const { packages, why } = wdioPackages()
const { nodes } = findNodes()
/** @param {number} version */
const nodeOf = version => nodes.find(node => node.version === version)?.node

/** What becomes of the tests of the specs that fail. */
const MARKS = [
  '✖ leaks',
  '✓ goes on after a leak',
  '✓ releases in afterEach',
  '✖ throws',
  '✖ takes too long',
  '✓ goes on after a failure',
  '- is skipped'
]
/** What they leave. */
const TITLES = ["fragile 1, taken in 'fails takes too long'", "things 1, taken in 'fails leaks'", "things 1, taken in 'fails throws'"]

/** @typedef {Array<{ what: string, at: number, pid: number } & Record<string, any>>} Ledger */

/**
 * @param {import('node:test').TestContext} t
 * @param {string | string[]} fixture
 * @param {{ files?: Record<string, string>, manifest?: Record<string, unknown> }} [more]
 */
function project(t, fixture, more) {
  const made = makeProject(t, { fixture, packages: packages ?? {}, ...more })
  const left = () => made.left().filter(name => !OTHERS.test(name))
  return { ...made, left }
}

/** @param {Ledger} ledger @param {string} what */
const allOf = (ledger, what) => ledger.filter(entry => entry.what === what)

/** Nothing is left of brokers and workers. @param {{ left: () => string[], ledger: () => Ledger }} project */
function assertGone({ left, ledger }) {
  assert.deepEqual(left(), [])
  assert.deepEqual([...new Set(ledger().map(({ pid }) => pid))].filter(isAlive), [])
}

/** What was not released, as it was told. @param {string} output */
const leaksOf = output =>
  [...output.matchAll(/^ephemeral-broker: not released: (.*) by wdio-worker-(0-\d) pid \d+$/gm)].map(([, what]) => what).sort()

/** What the reporter says of each test. @param {string} output */
const marksIn = output => [...output.matchAll(/^\[none .*\] {4}([✓✖-]) (.*)$/gm)].map(([, mark, title]) => `${mark} ${title}`)

describe('WebdriverIO', { skip: why ?? false, concurrency: 2 }, () => {
  const sharing = [
    {
      framework: 'mocha',
      node: process.execPath,
      titles: ['five crashes once', 'four holds a thing in each attempt', 'one forgets a thing']
    },
    { framework: 'jasmine', node: nodeOf(24), titles: ['five crashes once', 'one forgets a thing'] },
    {
      framework: 'cucumber',
      node: nodeOf(22),
      titles: ['five: crashes once', 'four: holds a thing in each attempt', 'one: forgets a thing']
    }
  ]
  for (const { framework, node, titles } of sharing) {
    it(`has five workers share, with ${framework}`, LONG, async t => {
      const { port } = await startDriver(t)
      const wdio = project(t, 'wdio')
      const { code, output } = await wdio.run({ args: RUN, node, env: { FRAMEWORK: framework, DRIVER_PORT: port } })
      assert.equal(code, 0, output)
      const ledger = wdio.ledger()
      assertShared(ledger)
      // The second attempt of the spec whose worker was killed took what that had, the test after one that forgot it the other.
      assert.equal(allOf(ledger, 'crash').length, 1)
      assert.deepEqual(
        allOf(ledger, 'took')
          .map(({ pool }) => pool)
          .sort(),
        ['fragile', 'things']
      )
      assert.deepEqual(
        leaksOf(output),
        titles.map(title => `${title.includes('crashes') ? 'fragile' : 'things'} 1, taken in '${title}'`)
      )
      assert.match(
        output,
        new RegExp(`^ephemeral-broker: at most in use: accounts 3 of 3, .*; longest wait: .*; ${titles.length} leaks$`, 'm')
      )
      // Shared workers are told of each spec, also of that whose worker was killed, which has no teardown.
      const specsOf = (/** @type {string} */ what) =>
        allOf(ledger, what)
          .map(({ spec }) => spec)
          .sort()
      assert.deepEqual(specsOf('connected'), ['five', 'four', 'one', 'three', 'two'])
      assert.deepEqual(specsOf('gone'), specsOf('connected'))
      assert.equal(allOf(ledger, 'torn down').length, 4)
      // Leaks are told when their workers end.
      assert.ok(output.indexOf("forgets a thing' by") < output.indexOf('"spec" Reporter:'), output)
      assertGone(wdio)
    })
  }

  /** @type {Array<{ framework: string, node: string | undefined, titles: string[], marks: string[], took: number, keys: number, args?: (root: string) => string[] }>} */
  const frameworks = [
    { framework: 'mocha', node: process.execPath, titles: TITLES, marks: MARKS, took: 3, keys: 0 },
    { framework: 'jasmine', node: nodeOf(22), titles: TITLES, marks: MARKS, took: 3, keys: 0 },
    {
      framework: 'cucumber',
      node: nodeOf(24),
      titles: ["things 1, taken in 'fails: leaks'", "things 1, taken in 'fails: throws'"],
      // Of steps, and of the hook around the scenario, which has no name.
      marks: [
        '✓ Given a thing is forgotten',
        '✖ ',
        '✓ Then the thing is there',
        '✓ Given a lock for the hook',
        '✖ Given a thing, and an error',
        '✓ Then the thing is there'
      ],
      took: 2,
      keys: 5,
      args: runFromElsewhere
    }
  ]

  for (const { framework, node, titles, marks, took, keys, args } of frameworks) {
    it(`fails tests that leak, and no others, with ${framework}`, LONG, async t => {
      const { port, open } = await startDriver(t)
      const wdio = project(t, 'wdio-failing')
      const env = { FRAMEWORK: framework, DRIVER_PORT: port, LEAKS: 'fail', HOOKS: '1' }
      const { code, output } = await wdio.run({ args: args?.(wdio.root) ?? RUN, node, env })
      assert.equal(code, 1, output)
      assert.deepEqual(marksIn(output), marks, output)
      assert.match(output, /leaked: not released: things 1, taken in 'fails:? leaks' by wdio-worker-0-0 pid \d+\. Release it/)
      assert.deepEqual(leaksOf(output), titles)
      assert.doesNotMatch(output, /SevereServiceError/)
      const ledger = wdio.ledger()
      assert.equal(allOf(ledger, 'took').length, took, output)
      assert.deepEqual(
        allOf(ledger, 'session').map(({ slot }) => slot),
        [1],
        'the broker is there in beforeSession'
      )
      // What the configuration's own hooks hold is there until they release it.
      assert.equal(allOf(ledger, 'house').length, 1)
      assert.equal(allOf(ledger, 'key').length, keys)
      assert.ok([...allOf(ledger, 'house'), ...allOf(ledger, 'key')].every(({ released }) => released))
      // The second spec is not begun.
      assert.deepEqual(allOf(ledger, 'began'), [])
      assert.equal(open.size, 0)
      assertGone(wdio)
    })
  }

  it('fails for what a killed worker did not release, though all tests pass at last', LONG, async t => {
    const { port } = await startDriver(t)
    const wdio = project(t, 'wdio-failing')
    const env = { DRIVER_PORT: port, LEAKS: 'fail', MORE: JSON.stringify({ specs: ['./more/crashes.js'], specFileRetries: 1, bail: 0 }) }
    const { code, output } = await wdio.run({ args: RUN, env })
    assert.equal(code, 1, output)
    assert.match(output, /Spec Files:\s+1 passed, 1 retries, 1 total/)
    assert.match(output, /SevereServiceError: the run is no success/)
    assert.equal(allOf(wdio.ledger(), 'took').length, 1)
    assertGone(wdio)
  })

  it('does not begin when the broker cannot be started', LONG, async t => {
    const { port } = await startDriver(t)
    const wdio = project(t, 'wdio-failing')
    const { code, output } = await wdio.run({ args: RUN, env: { DRIVER_PORT: port, LEAKS: 'sometimes' } })
    assert.equal(code, 1, output)
    assert.match(
      output,
      /A service failed in the 'onPrepare' hook\n.*leaks of ephemeral-broker for WebdriverIO must be one of warn, fail, off/
    )
    assert.doesNotMatch(output, /RUNNING/)
    assertGone(wdio)
  })

  it('ends as WebdriverIO ends when there is no session', LONG, async t => {
    const { port } = await startDriver(t, { refuses: true })
    const wdio = project(t, 'wdio-failing')
    const { code, output } = await wdio.run({ args: RUN, env: { DRIVER_PORT: port } })
    assert.equal(code, 1, output)
    assert.match(output, /Failed to create a session/)
    assert.match(output, /^ephemeral-broker: .*; no leaks$/m)
    assertGone(wdio)
  })

  it('says where the broker is missing', LONG, async t => {
    const { port } = await startDriver(t)
    const wdio = project(t, 'wdio-failing')
    const env = { DRIVER_PORT: port, MORE: JSON.stringify({ specs: ['./more/asks.js'], services: [] }) }
    const { code, output } = await wdio.run({ args: RUN, env })
    assert.equal(code, 1, output)
    assert.match(
      output,
      /no_pipe: this WebdriverIO worker finds no broker, .* check that services of wdio\.conf has \[EphemeralBrokerService/
    )
  })

  const outer = [
    {
      name: 'of ephemeral-broker start',
      args: [CLI, 'start', '--no-require-ttl', '--', process.execPath, ...RUN],
      env: {},
      more: {},
      said: null
    },
    {
      name: 'that the own onPrepare started, for several browsers',
      args: RUN,
      env: { OWN: '1' },
      more: { capabilities: { left: { capabilities: SESSION }, right: { capabilities: SESSION } } },
      said: 'by a hook of my own'
    }
  ]
  for (const { name, args, env: own, more, said } of outer) {
    it(`uses the broker ${name}`, LONG, async t => {
      const { port } = await startDriver(t)
      const wdio = project(t, 'wdio-failing')
      const env = { ...own, DRIVER_PORT: port, MORE: JSON.stringify({ specs: ['./more/asks.js'], ...more }) }
      const { code, output } = await wdio.run({ args, env })
      assert.equal(code, 0, output)
      const [asked] = allOf(wdio.ledger(), 'asked')
      assert.equal(asked.greeting, 'hello')
      assert.equal(asked.said, said)
      assert.equal(asked.browsers, said ? 3 : 1)
      assert.equal(asked.same, true, 'all browsers have it, before their sessions too')
      assert.equal(asked.sockets.filter((/** @type {string} */ name) => !OTHERS.test(name)).length, 1, 'there is one broker')
      // Whoever started it tells.
      assert.equal(output.split('at most in use').length - 1, said ? 0 : 1, output)
      if (said) assert.match(output, /my own pools: accounts,fragile,houses,things$/m)
      assertGone(wdio)
    })
  }

  it('leaves nothing after Ctrl-C', LONG, async t => {
    const { port, open } = await startDriver(t)
    const wdio = project(t, 'wdio-failing')
    const env = { DRIVER_PORT: port, MORE: JSON.stringify({ specs: ['./more/waits.js'] }) }
    let interrupted = false
    const { code, output } = await wdio.run({
      args: RUN,
      env,
      onOutput(text, child) {
        if (interrupted || !text.includes('it waits')) return
        interrupted = true
        child.kill('SIGINT')
      }
    })
    assert.equal(code, 1, output)
    assert.deepEqual(wdio.left(), [])
    // The worker closes its session on its own, beside the launcher's end.
    await until(() => open.size === 0)
    // WebdriverIO leaves its workers to themselves, and a test that waits has nothing to wait for any more.
    const [{ pid }] = allOf(wdio.ledger(), 'waits')
    await until(() => !isAlive(pid))
  })

  it('has one broker for all runs of watch mode', LONG, async t => {
    const { port } = await startDriver(t)
    const wdio = project(t, 'wdio-failing')
    const spec = './more/watched.js'
    const env = { DRIVER_PORT: port, MORE: JSON.stringify({ specs: [spec], bail: 0 }) }
    let runs = 0
    const { output } = await wdio.run({
      args: [...RUN, '--watch'],
      env,
      onOutput(text, child) {
        const count = text.split('Spec Files:').length - 1
        if (count === runs) return
        runs = count
        if (runs === 1) fs.appendFileSync(path.join(wdio.root, spec), '// changed')
        else child.kill('SIGINT')
      }
    })
    assert.deepEqual(
      allOf(wdio.ledger(), 'run').map(({ count, number }) => [count, number]),
      [
        [1, 1],
        [2, 1]
      ],
      output
    )
    // Long before the second run is over, though what comes by two pipes may change places.
    assert.match(output, /not released: things 1, taken in 'forgets'.*Spec Files:/s)
    assertGone(wdio)
  })

  it('is typed, for strict TypeScript in modules of both kinds', LONG, async t => {
    const wdio = project(t, 'wdio-types')
    const { code, output } = await wdio.run({ args: [TSC, '-p', '.'] })
    assert.equal(code, 0, output)
  })

  it('does what its page says, in Chrome', LONGER, async t => {
    const { capabilities, why } = await findChrome()
    if (why) return t.skip(why)
    const files = filesOf(PAGE)
    // Where this machine's browser is.
    const config = files['wdio.conf.js'].replace(/capabilities: .*,$/m, `capabilities: [${JSON.stringify(capabilities)}], autoXvfb: false,`)
    assert.notEqual(config, files['wdio.conf.js'])
    const wdio = project(t, [], { files: { ...files, 'wdio.conf.js': config }, manifest: { type: 'module' } })
    const commands = commandsOf(PAGE).filter(command => command.startsWith('npx wdio '))
    assert.equal(commands.length, 2)
    for (const command of commands) {
      const { code, output } = await wdio.run({ args: [WDIO, ...command.split(' ').slice(2)] })
      assert.equal(code, 0, output)
      assert.match(output, /^ephemeral-broker: at most in use: accounts [1-3] of 3; .*; no leaks$/m)
      assertGone(wdio)
    }
  })
})

it('the page of WebdriverIO shows snippets of its example', () => {
  const folder = path.join(ROOT, 'examples', 'wdio-basic')
  const names = [
    'wdio.conf.js',
    'debug/wdio.conf.js',
    'debug/status.js',
    ...fs.readdirSync(path.join(folder, 'patterns')).map(name => `patterns/${name}`)
  ]
  /** Lines without what is different in a larger piece of code. @param {string} text */
  const linesOf = text => text.split(/\r?\n/).map(line => line.trim().replace(/,$/, ''))
  const files = names.map(name => linesOf(fs.readFileSync(path.join(folder, name), 'utf8')))
  const page = fs.readFileSync(path.join(ROOT, PAGE), 'utf8').replaceAll('\r\n', '\n')
  const snippets = [...page.matchAll(/^```javascript\n(.*?)^```$/gms)].map(([, code]) => code.trim())
  assert.equal(snippets.length, 9)
  for (const snippet of snippets) {
    const lines = linesOf(snippet)
    assert.ok(
      files.some(file => {
        let at = 0
        for (const line of file) if (line === lines[at]) at++
        return at === lines.length
      }),
      `no file of the example has these lines in this order:\n${snippet}`
    )
  }
})
