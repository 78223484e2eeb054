// @ts-check
'use strict'

// The projects that the examples are tried in: a service, and tests of it for one runner each.

const assert = require('node:assert/strict')
const { execFileSync, spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { go, npmPackage, pytest } = require('../support-run-adapters/toolchains.js')
const { root } = require('./blocks.js')

const CLI = path.join(root, 'bin', 'ephemeral-broker.js')
const fixtures = path.join(root, '__test__', 'fixtures', 'run-docs')
/** Variables of an outer run, of a terminal or of CI. */
const FOREIGN =
  /^(?:EPHEMERAL_|BROKER_|CLIENT_|GITHUB_|NODE_TEST_CONTEXT$|NODE_V8_COVERAGE$|CI$|FORCE_COLOR$|PORT$|DATA_DIR$|TEST_BASE_URL$|API_TOKEN$)/

/** @typedef {'node' | 'vitest' | 'python' | 'go'} Kind */

/**
 * Whose tests an example runs; null: it does not say.
 * @param {string} text
 * @returns {Kind | null}
 */
function kindOf(text) {
  if (/\bvitest\b/.test(text)) return 'vitest'
  if (/\bpytest\b/.test(text)) return 'python'
  if (/\bgo test\b/.test(text)) return 'go'
  return /node --test|server\.js/.test(text) ? 'node' : null
}

/** What a runner needs, or why it is not here. @type {Record<Kind, () => import('../support-run-adapters/toolchains.js').Toolchain>} */
const TOOLCHAINS = {
  node: () => ({ path: '', why: null }),
  vitest: () => npmPackage('vitest', '3'),
  python: () => (process.platform === 'win32' ? { path: null, why: 'python3 is called python on Windows' } : pytest('8')),
  go
}

class Project {
  #home = fs.mkdtempSync(path.join(os.tmpdir(), 'ebd-'))
  dir = path.join(this.#home, 'p')
  #tmp = path.join(this.#home, 't')

  /** @param {Kind} kind */
  constructor(kind) {
    this.kind = kind
    const { path: toolchain, why } = TOOLCHAINS[kind]()
    /** Why it cannot be used here. */
    this.why = why
    this.toolchain = toolchain
    fs.mkdirSync(this.#tmp)
    for (const source of ['common', kind]) fs.cpSync(path.join(fixtures, source), this.dir, { recursive: true })
    fs.renameSync(this.at('gitignore'), this.at('.gitignore'))
    if (kind === 'vitest' && toolchain) fs.symlinkSync(path.join(toolchain, 'node_modules'), this.at('node_modules'), 'junction')
    if (kind === 'node') {
      fs.mkdirSync(this.at('node_modules'))
      fs.symlinkSync(root, this.at('node_modules/ephemeral-broker'), 'junction')
    }
    this.#commit()
  }

  /** @param {string} name */
  at(name) {
    return path.join(this.dir, name)
  }

  #commit() {
    const who = ['-c', 'user.name=docs', '-c', 'user.email=docs@example.com', '-c', 'commit.gpgsign=false']
    this.#git('init', '-q', '-b', 'main')
    this.#git('add', '-A')
    this.#git(...who, 'commit', '-q', '-m', 'all')
  }

  /** As after a checkout, with what was installed and how it is configured. */
  restore() {
    this.#git('checkout', '-q', '.')
    this.#git('clean', '-fdxq', '-e', 'node_modules', '-e', 'ephemeral-broker.*')
  }

  /** @param {string[]} args */
  #git(...args) {
    execFileSync('git', args, { cwd: this.dir, stdio: 'pipe' })
  }

  /** The config, in place of what there was. @param {string} name @param {string} text */
  configure(name, text) {
    for (const file of fs.readdirSync(this.dir)) if (file.startsWith('ephemeral-broker.')) fs.rmSync(this.at(file))
    fs.writeFileSync(this.at(name), text)
  }

  /**
   * @param {string[]} words behind `ephemeral-broker`
   * @param {NodeJS.ProcessEnv} [more]
   */
  broker(words, more) {
    return this.node([CLI, ...words], more)
  }

  /**
   * @param {string[]} words behind `node`
   * @param {NodeJS.ProcessEnv} [more]
   * @returns {Promise<{ code: number | null, output: string }>}
   */
  node(words, more = {}) {
    const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))
    /** @type {NodeJS.ProcessEnv} */
    const env = { ...Object.fromEntries(kept), TMPDIR: this.#tmp, TEMP: this.#tmp, TMP: this.#tmp, NO_COLOR: '1', ...more }
    if (this.kind === 'python' && this.toolchain) env.PATH = `${path.dirname(this.toolchain)}${path.delimiter}${env.PATH}`
    const child = spawn(process.execPath, words, { cwd: this.dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve({ code, output }))
    })
  }

  /** That no example left a directory or a socket behind. */
  check() {
    // What a compiler keeps there is its own.
    const left = fs.readdirSync(this.#tmp).filter(name => name.startsWith('ephemeral-'))
    assert.deepEqual(left, [])
  }

  remove() {
    fs.rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 })
  }
}

module.exports = { Project, kindOf }
