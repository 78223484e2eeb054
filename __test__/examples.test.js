// @ts-check
'use strict'

const assert = require('node:assert/strict')
const { readdirSync, readFileSync } = require('node:fs')
const path = require('node:path')
const { before, describe, it } = require('node:test')
const { complaint, examples, folderOf, leased, missingBrowser, npm, run } = require('../scripts/demo.js')
const { installDependencies } = require('../scripts/setup.js')

const MINUTE = 60_000

/** @param {{ code: number, output: string }} result */
function assertFiveWorkers({ code, output }) {
  assert.equal(code, 0, output)
  const workers = leased(output)
  assert.equal(complaint(workers), undefined, output)
  assert.deepEqual(
    workers.map(worker => worker.number),
    [1, 2, 3, 4, 5],
    output
  )
}

/**
 * The lines of a text without indentation, empty lines, and commas at their end: what is left when code is put into a larger piece of code.
 * @param {string} text
 */
const bareLines = text =>
  text
    .split(/\r?\n/)
    .map(line => line.trim().replace(/,$/, ''))
    .filter(Boolean)

/**
 * Whether a file has these lines, in this order, other lines between them or not.
 * @param {string[]} lines
 * @param {string[]} file
 */
function contains(file, lines) {
  let at = 0
  for (const line of file) if (line === lines[at]) at += 1
  return at === lines.length
}

/**
 * An example's own files.
 * @param {string} folder
 * @returns {string[]}
 */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const file = path.join(folder, entry.name)
    // What is installed is no source, and among it a link leads back to the package, and so into here again.
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(file)
    return /\.(?:[jt]s|json)$/.test(entry.name) && entry.name !== 'package-lock.json' ? [file] : []
  })
}

for (const { folder } of examples) {
  it(`every snippet on the page of ${folder} is part of it`, () => {
    const readme = readFileSync(path.join(folderOf(folder), 'README.md'), 'utf8')
    const snippets = [...readme.matchAll(/```(?:javascript|typescript|json)\n([\s\S]*?)```/g)].map(([, code]) => bareLines(code))
    assert.ok(snippets.length >= 4)
    const files = sources(folderOf(folder)).map(file => bareLines(readFileSync(file, 'utf8')))
    for (const snippet of snippets) {
      assert.ok(
        files.some(file => contains(file, snippet)),
        `no file has these lines in this order:\n${snippet.join('\n')}`
      )
    }
  })

  it(`${folder} names no host but the public registry in its lock file`, () => {
    const lock = JSON.parse(readFileSync(path.join(folderOf(folder), 'package-lock.json'), 'utf8'))
    for (const [name, { resolved }] of Object.entries(lock.packages)) {
      if (resolved !== undefined) assert.match(resolved, /^(?:https:\/\/registry\.npmjs\.org\/.*|\.\.\/\.\.)$/, name)
    }
  })
}

describe('jest-parallel', () => {
  before(() => installDependencies(folderOf('jest-parallel')), { timeout: 5 * MINUTE })

  it('gives five workers a number each', { timeout: 3 * MINUTE }, async () => {
    assertFiveWorkers(await run('jest-parallel'))
  })

  // Jest remembers how long files took, and runs quick ones in one process the next time. With a secret, as its page advises for CI.
  it('does so again when it was run before, and with a secret', { timeout: 3 * MINUTE }, async () => {
    const result = await run('jest-parallel', { env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assertFiveWorkers(result)
    assert.doesNotMatch(result.output, /spoken-by-nobody/)
  })

  it('shows what broker and client do when it is debugged', { timeout: 3 * MINUTE }, async () => {
    const { code, output } = await run('jest-parallel', { script: 'debug', env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assert.equal(code, 0, output)
    assert.match(output, /Pipe: \S+/)
    assert.match(output, /\[broker\] started/)
    assert.match(output, /\[client\] .*\bping\b/)
    assert.match(output, /Broker ping: [\d.]+ ms/)
    assert.doesNotMatch(output, /spoken-by-nobody/)
  })
})

describe('jest-typescript', () => {
  before(() => installDependencies(folderOf('jest-typescript')), { timeout: 5 * MINUTE })

  it('has no type errors', { timeout: 3 * MINUTE }, async () => {
    const { code, output } = await npm(['run', 'typecheck'], { cwd: folderOf('jest-typescript') })
    assert.equal(code, 0, output)
  })

  it('gives five workers a number each', { timeout: 3 * MINUTE }, async () => {
    assertFiveWorkers(await run('jest-typescript'))
  })

  it('does so again when it was run before', { timeout: 3 * MINUTE }, async () => {
    assertFiveWorkers(await run('jest-typescript'))
  })
})

describe('wdio-basic', () => {
  /** @type {string | undefined} */
  let missing

  before(
    async () => {
      missing = await missingBrowser()
      // On a developer's machine a browser may be missing; on CI it has to be there.
      assert.ok(!missing || !process.env.CI, missing)
      if (!missing) installDependencies(folderOf('wdio-basic'))
    },
    { timeout: 5 * MINUTE }
  )

  it('gives five browsers an account each', { timeout: 5 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    assertFiveWorkers(await run('wdio-basic'))
  })

  it('shows what broker and client do when it is debugged, with a secret', { timeout: 5 * MINUTE }, async t => {
    if (missing) return t.skip(missing)
    const { code, output } = await run('wdio-basic', { script: 'debug', env: { EPHEMERAL_SECRET: 'spoken-by-nobody' } })
    assert.equal(code, 0, output)
    assert.match(output, /Broker ping: [\d.]+ ms/)
    assert.doesNotMatch(output, /spoken-by-nobody/)
  })
})
