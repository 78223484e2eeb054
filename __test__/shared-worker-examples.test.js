// @ts-check
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, it } = require('node:test')
const { pathToFileURL } = require('node:url')
const { Broker } = require('..')
const { npm } = require('../scripts/demo.js')
const { installDependencies } = require('../scripts/setup.js')
const { npmPackage } = require('./support-run-adapters/toolchains.js')
const { blocksOf } = require('./support-run-docs/blocks.js')
const { Project, bareLines, isPartOf } = require('./support-shared-worker-examples/page.js')
const postgres = require('./support-shared-worker-examples/postgres.js')
const { isAlive } = require('./support/alive.js')
const { Running, leftIn, makeFolder, root, withBroker } = require('./support-shared-worker-examples/running.js')
const { until } = require('./support/index.js')

const MINUTE = 60_000
const GUIDE = 'docs/write-a-shared-worker.md'
const TEMPLATE = path.join(root, 'examples', 'shared-worker-template')
const HOLDER = path.join(__dirname, 'support-shared-worker-examples', 'holds-database.mjs')
const CONTEXTS = path.join(__dirname, 'support-shared-worker-examples', 'opens-contexts.mjs')
const DATABASE = path.join(postgres.folder, 'shared', 'database.js')

/** The server of a folder for temporary files. @param {string} folder @returns {number} its process */
function serverOf(folder) {
  const [name] = leftIn(folder).filter(name => name.startsWith('shared-postgres-'))
  return Number(fs.readFileSync(path.join(folder, name, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

/** The keeper of the server. @param {string} folder */
function keeperOf(folder) {
  return Number(/shared-postgres-(\d+)-/.exec(leftIn(folder).join(' '))?.[1])
}

describe('shared-postgres', () => {
  /** @type {string | undefined} */
  let missing
  before(
    async () => {
      installDependencies(postgres.folder)
      missing = await postgres.missingPostgres()
    },
    { timeout: 10 * MINUTE }
  )

  /**
   * Test workers that each hold a database, and the process that hosts the broker: `start` and a shell that starts them in the background would be two.
   * @param {import('node:test').TestContext} t
   */
  function hold(t) {
    const folder = makeFolder(t)
    const env = { TMPDIR: folder }
    return { folder, env, host: new Running(t, withBroker([HOLDER, DATABASE, 'one']), { cwd: postgres.folder, env }) }
  }

  it('gives each of four test files a database of its own on one server, and leaves nothing', { timeout: 3 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const folder = makeFolder(t)
    const { code, output } = await npm(['test'], { cwd: postgres.folder, env: { TMPDIR: folder } })
    assert.equal(code, 0, output)
    const lines = [...output.matchAll(/process (\d+) has (test_\d+) of the server started at (.*)/g)]
    assert.deepEqual(
      [1, 2, 3].map(part => new Set(lines.map(line => line[part])).size),
      [4, 4, 1],
      output
    )
    assert.match(output, /^(?:#|ℹ) pass 5$/m)
    assert.deepEqual(leftIn(folder), [])
  })

  it('ends the server and removes its files when the run is interrupted', { timeout: MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const { folder, host } = hold(t)
    await host.printed(/one holds test_1/)
    const server = serverOf(folder)
    host.child.kill('SIGINT')
    await host.ended
    assert.ok(!isAlive(server))
    assert.deepEqual(leftIn(folder), [])
  })

  it('ends the server and removes its files when the host is killed', { timeout: MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const { folder, host } = hold(t)
    const [, worker] = await host.printed(/one holds test_1, process (\d+)/)
    const server = serverOf(folder)
    host.child.kill('SIGKILL')
    await until(() => !isAlive(server) && !leftIn(folder).some(name => name.startsWith('shared-postgres-')))
    process.kill(Number(worker), 'SIGKILL')
  })

  it('drops the database of a test worker that is killed, and no other', { timeout: MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const folder = makeFolder(t)
    const broker = new Broker()
    const env = { TMPDIR: folder, EPHEMERAL_PIPE: await broker.start() }
    t.after(() => broker.stop())
    const [one, two] = ['one', 'two'].map(name => new Running(t, [HOLDER, DATABASE, name], { cwd: postgres.folder, env }))
    const [, ones] = await one.printed(/one holds (test_\d)/)
    const [, twos] = await two.printed(/two holds (test_\d)/)
    one.child.stdin.write('\n')
    await one.printed(new RegExp(`there are: ${[ones, twos].sort().join(' ')}\\.`))
    two.child.kill('SIGKILL')
    await until(async () => {
      const seen = one.output.length
      one.child.stdin.write('\n')
      await until(() => one.output.length > seen)
      return one.output.slice(seen).includes(`there are: ${ones}.`)
    })
    one.child.stdin.end()
    assert.equal((await one.ended).code, 0, one.output)
  })

  it('says that the server has gone, and removes what its keeper could not', { timeout: 2 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const { folder, env, host } = hold(t)
    await host.printed(/one holds test_1/)
    const [server, keeper] = [serverOf(folder), keeperOf(folder)]
    process.kill(keeper, 'SIGKILL')
    await until(() => !isAlive(keeper))
    host.child.stdin.end()
    const { code, output } = await host.ended
    assert.equal(code, 1, output)
    assert.match(output, /PostgreSQL has ended, or its keeper was killed/)

    assert.ok(isAlive(server))
    const again = new Running(t, withBroker([HOLDER, DATABASE, 'again']), { cwd: postgres.folder, env })
    await again.printed(/again holds test_1/)
    assert.notEqual(serverOf(folder), server)
    // Without its files it would end within a minute.
    process.kill(server, 'SIGKILL')
    again.child.stdin.end()
    assert.equal((await again.ended).code, 0, again.output)
    assert.deepEqual(leftIn(folder), [])
  })

  it('skips its tests with a word where PostgreSQL is not installed', { timeout: MINUTE }, async () => {
    const { code, output } = await npm(['test'], { cwd: postgres.folder, env: { POSTGRES_BIN: path.join(root, 'nowhere') } })
    assert.equal(code, 0, output)
    assert.equal(
      [...output.matchAll(/# (?:SKIP )?PostgreSQL is not installed in .*nowhere: apt-get install postgresql/g)].length,
      4,
      output
    )
  })
})

it('every snippet on the page of shared-postgres is part of it', () => {
  const page = fs.readFileSync(path.join(postgres.folder, 'README.md'), 'utf8')
  const snippets = [...page.matchAll(/```(?:javascript|json)\n([\s\S]*?)```/g)].map(([, code]) => bareLines(code))
  assert.ok(snippets.length >= 4)
  const folders = ['.', 'shared', 'tests'].map(name => path.join(postgres.folder, name))
  const files = folders.flatMap(folder =>
    fs
      .readdirSync(folder)
      .filter(name => /\.js(?:on)?$/.test(name))
      .map(name => path.join(folder, name))
  )
  const texts = files.map(file => bareLines(fs.readFileSync(file, 'utf8')))
  for (const snippet of snippets)
    assert.ok(
      texts.some(text => isPartOf(snippet, text)),
      `no file has these lines in this order:\n${snippet.join('\n')}`
    )
})

for (const folder of [postgres.folder, TEMPLATE]) {
  it(`${path.basename(folder)} names no host but the public registry in its lock file`, () => {
    const { packages } = JSON.parse(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8'))
    for (const [name, { resolved }] of Object.entries(packages)) {
      if (resolved !== undefined) assert.match(resolved, /^(?:https:\/\/registry\.npmjs\.org\/.*|\.\.\/\.\.)$/, name)
    }
  })
}

describe('shared-worker-template', () => {
  before(() => installDependencies(TEMPLATE), { timeout: 5 * MINUTE })

  it('passes its tests', { timeout: MINUTE }, async () => {
    const { code, output } = await npm(['test'], { cwd: TEMPLATE })
    assert.equal(code, 0, output)
    assert.match(output, /^(?:#|ℹ) pass 4$/m)
  })

  it('works in AVA, in four test files at once and without a broker', { timeout: 5 * MINUTE }, async t => {
    const { path: ava, why } = npmPackage('ava', '6')
    if (ava === null) return t.skip(why)
    const folder = makeFolder(t)
    for (const name of fs.readdirSync(TEMPLATE))
      if (/\.(?:js|ts)$|^package\.json$/.test(name)) fs.copyFileSync(path.join(TEMPLATE, name), path.join(folder, name))
    fs.symlinkSync(path.join(ava, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
    const files = [1, 2, 3, 4].map(number => `${number}.test.js`)
    for (const file of files)
      fs.copyFileSync(path.join(__dirname, 'support-shared-worker-examples', 'takes-in-ava.mjs'), path.join(folder, file))
    const { code, output } = await new Running(t, ['node_modules/ava/entrypoints/cli.mjs', ...files], { cwd: folder }).ended
    assert.equal(code, 0, output)
    assert.match(output, /4 tests passed/)
  })

  it('is used as its page says', { timeout: MINUTE }, async t => {
    const page = fs.readFileSync(path.join(TEMPLATE, 'README.md'), 'utf8')
    const [, snippet] = /```js\n([\s\S]*?)```/.exec(page) ?? []
    const words = withBroker(['--input-type=module', '--eval', snippet])
    assert.deepEqual(await new Running(t, words, { cwd: TEMPLATE }).ended, { code: 0, output: 'my database is test_1\n' })
  })

  it('has types that fit', { timeout: MINUTE }, async t => {
    const files = ['program.js', 'create.js', 'index.js'].map(name => path.join(TEMPLATE, name))
    const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--allowJs',
      '--checkJs',
      '--strict',
      '--target',
      'es2023',
      '--module',
      'nodenext',
      '--types',
      'node'
    ]
    const { code, output } = await new Running(t, [compiler, ...options, ...files], { cwd: root }).ended
    assert.equal(code, 0, output)
  })
})

describe(`the examples of ${GUIDE}`, () => {
  /** @type {InstanceType<typeof Project>} */
  let project
  /** @type {string | undefined} */
  let chrome
  before(
    async () => {
      const { findChrome } = await import(pathToFileURL(path.join(root, 'examples', 'wdio-basic', 'browser.js')).href)
      chrome = findChrome().browser
      assert.ok(chrome || process.env.CI !== 'true', 'Chrome or Chromium is missing')
      installDependencies(postgres.folder)
      project = new Project({ CHROME_PATH: chrome ?? '' })
    },
    { timeout: 10 * MINUTE }
  )
  after(() => project?.remove())

  const blocks = blocksOf(GUIDE)
  it('are found', () => assert.ok(blocks.length >= 35, `${blocks.length} found`))

  for (const block of blocks) {
    it(`${block.name}, ${block.language}`, { timeout: 5 * MINUTE }, async t => {
      if (block.language === 'text') return project.assertPrinted(block.text)
      if (block.language !== 'bash') return project.write(block)
      if (/\bpage\.test/.test(block.text) && !chrome) return t.skip('Chrome or Chromium is missing')
      if (/ --watch /.test(block.text)) return project.watch(t, block.text)
      if (block.text !== 'npm test\n') return project.run(t, block.text)
      const missing = await postgres.missingPostgres()
      if (missing) return t.skip(missing)
      const { code, output } = await npm(['test'], { cwd: postgres.folder })
      assert.equal(code, 0, output)
    })
  }

  it('lend no more browsers than there are, and those of a killed test worker to others', { timeout: MINUTE }, async t => {
    if (!chrome) return t.skip('Chrome or Chromium is missing')
    const broker = new Broker()
    const options = { cwd: project.folder, env: { ...project.env, EPHEMERAL_PIPE: await broker.start() } }
    t.after(() => broker.stop())
    const opens = (/** @type {number} */ count) => new Running(t, [CONTEXTS, project.at('browser.mjs'), String(count)], options)
    const hoards = opens(5)
    await hoards.printed(/has 4\nasks for 5/)
    const waits = opens(1)
    await waits.printed(/asks for 1/)
    assert.doesNotMatch(waits.output + hoards.output, /has 5|has 1\n$/)
    hoards.child.kill('SIGKILL')
    await waits.printed(/has 1/)
    waits.child.stdin.end()
    assert.deepEqual(await waits.ended, { code: 0, output: 'asks for 1\nhas 1\n' })
    assert.deepEqual((await broker.stop()).sharedWorkerErrors, [])
  })

  it('are all used, and leave nothing', async () => {
    project.assertAllUsed()
    assert.deepEqual(leftIn(project.temporary), [])
  })

  it('are explained with links that lead somewhere', () => {
    const text = fs.readFileSync(path.join(root, GUIDE), 'utf8')
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => path.join(root, 'docs', target))
    assert.ok(targets.length > 8)
    assert.deepEqual(
      targets.filter(target => !fs.existsSync(target)),
      []
    )
  })
})
