// @ts-check
'use strict'

// Commands with a broker, in an environment of their own and with a folder for temporary files that is looked at when they have ended.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { stripVTControlCharacters } = require('node:util')

const root = path.join(__dirname, '..', '..')
const CLI = path.join(root, 'bin', 'ephemeral-broker.js')
/** What belongs to this run of tests. */
const OURS = /^(?:EPHEMERAL_.*|BROKER_.*|CLIENT_.*|NODE_TEST_CONTEXT|NODE_V8_COVERAGE|NODE_OPTIONS|FORCE_COLOR|npm_.*)$/

/** @typedef {{ after: (end: () => void) => void }} Scope */

/** A folder that is removed with the test. Others may look into it: a server that root starts is another user. @param {Scope} scope */
function makeFolder(scope) {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'ebw-'))
  fs.chmodSync(folder, 0o1777)
  scope.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A process, what it printed so far, and its end. */
class Running {
  output = ''
  /** @type {Array<() => void>} */
  #listeners = []

  /**
   * It and what it started are killed at the end of the test.
   * @param {Scope} scope
   * @param {string[]} words behind `node`
   * @param {{ cwd: string, env?: Record<string, string | undefined> }} options
   */
  constructor(scope, words, { cwd, env = {} }) {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)))
    this.child = spawn(process.execPath, words, { cwd, env: { ...inherited, NO_COLOR: '1', ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        this.output += stripVTControlCharacters(text)
        for (const listener of this.#listeners.splice(0)) listener()
      })
    }
    /** @type {Promise<{ code: number | null, output: string }>} */
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', code => {
        resolve({ code, output: this.output })
        for (const listener of this.#listeners.splice(0)) listener()
      })
    })
    scope.after(() => this.child.kill('SIGKILL'))
  }

  /**
   * Waits until it has printed something.
   * @param {RegExp} pattern
   * @returns {Promise<RegExpExecArray>}
   */
  async printed(pattern) {
    for (;;) {
      const match = pattern.exec(this.output)
      if (match) return match
      assert.ok(this.child.exitCode === null && this.child.signalCode === null, `it ended without ${pattern}:\n${this.output}`)
      await new Promise(resolve => this.#listeners.push(() => resolve(undefined)))
    }
  }
}

/** A command with a broker: `ephemeral-broker start -- node …`. @param {string[]} words behind `node` */
const withBroker = words => [CLI, 'start', '--', process.execPath, ...words]

/**
 * What examples and what they use left in a folder for temporary files.
 * @param {string} folder
 */
function leftIn(folder) {
  return fs.readdirSync(folder).filter(name => /^(?:ephemeral-|shared-postgres-|browsers-)/.test(name))
}

module.exports = { CLI, Running, leftIn, makeFolder, root, withBroker }
