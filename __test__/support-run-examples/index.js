// @ts-check
'use strict'

// Examples, each in a folder of its own, run as their users run them.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { stripVTControlCharacters } = require('node:util')

const root = path.join(__dirname, '..', '..')
const BIN = path.join(root, 'bin', 'ephemeral-broker.js')
/** What the runs write besides what their configs say. */
const REPORTERS = 'list,json,jsonl,html,junit'

/**
 * @typedef {import('../../run.js').RunResult} RunResult
 * @typedef {import('../../run.js').RunEvent} RunEvent
 * @typedef {{ code: number | null, output: string, report: RunResult, events: RunEvent[] }} Ran
 */

/** The environment without what belongs to this run of tests. */
function cleanEnv() {
  const ours = /^(?:EPHEMERAL_.*|BROKER_.*|CLIENT_.*|NODE_TEST_CONTEXT|NODE_V8_COVERAGE|FORCE_COLOR|VITEST.*|PYTEST_.*|npm_.*)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
}

class Example {
  /**
   * A copy of an example, gone with the test.
   * @param {{ after: (end: () => void) => void }} scope
   * @param {string} name
   * @param {{ besides?: string[], env?: Record<string, string> }} [more] `besides`: other examples that it uses
   */
  constructor(scope, name, { besides = [], env = {} } = {}) {
    const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'eb-example-'))
    scope.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    for (const each of [name, ...besides]) copyExample(each, path.join(folder, each))
    this.root = path.join(folder, name)
    this.env = env
  }

  /**
   * `ephemeral-broker run`. Its exit code, what it printed, and what it reported.
   * @param {...string} args
   * @returns {Promise<Ran>}
   */
  async run(...args) {
    const output = path.join(this.root, '.ephemeral-broker')
    for (const name of ['report.json', 'events.jsonl']) fs.rmSync(path.join(output, name), { force: true })
    const ended = await execute(process.execPath, [BIN, 'run', ...args], this.root, { EPHEMERAL_RUN_REPORTER: REPORTERS, ...this.env })
    const report = path.join(output, 'report.json')
    const events = path.join(output, 'events.jsonl')
    return {
      ...ended,
      report: fs.existsSync(report) ? JSON.parse(fs.readFileSync(report, 'utf8')) : null,
      events: fs.existsSync(events)
        ? fs
            .readFileSync(events, 'utf8')
            .trim()
            .split('\n')
            .map(line => JSON.parse(line))
        : []
    }
  }

  /**
   * `npm run`, without a word to the config.
   * @param {...string} args
   */
  npm(...args) {
    return execute('npm', ['run', ...args], this.root, this.env)
  }

  /** @param {...string} args */
  node(...args) {
    return execute(process.execPath, args, this.root, this.env)
  }

  /** @param {string} file */
  path(file) {
    return path.join(this.root, file)
  }

  /** @param {string} file */
  read(file) {
    return fs.readFileSync(this.path(file), 'utf8')
  }

  /**
   * Replaces what must be there.
   * @param {string} file
   * @param {string} old
   * @param {string} text
   */
  edit(file, old, text) {
    const before = this.read(file)
    if (!before.includes(old)) throw new Error(`${file} has no ${JSON.stringify(old)}`)
    fs.writeFileSync(
      this.path(file),
      before.replace(old, () => text)
    )
  }

  /** All that runs left behind, logs too, as one text. */
  leftBehind() {
    const folder = this.path('.ephemeral-broker')
    const files = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    return files.map(({ parentPath, name }) => fs.readFileSync(path.join(parentPath, name), 'latin1')).join('\n')
  }
}

/**
 * @param {string} name
 * @param {string} to
 */
function copyExample(name, to) {
  const from = path.join(root, 'examples', name)
  const left = new Set(['node_modules', '.ephemeral-broker', '__pycache__', '.venv'])
  fs.cpSync(from, to, { recursive: true, filter: source => !left.has(path.basename(source)) })
  const installed = path.join(from, 'node_modules')
  if (fs.existsSync(installed)) fs.symlinkSync(installed, path.join(to, 'node_modules'), 'junction')
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 * @param {Record<string, string>} env
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function execute(program, args, cwd, env) {
  const shell = process.platform === 'win32' && program === 'npm'
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...cleanEnv(), ...env }, shell, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
    child.on('error', reject)
    child.on('close', code => resolve({ code, output: stripVTControlCharacters(output) }))
  })
}

/**
 * The events of one type.
 * @template {RunEvent['type']} Type
 * @param {RunEvent[]} events
 * @param {Type} type
 */
function ofType(events, type) {
  return /** @type {Array<Extract<RunEvent, { type: Type }>>} */ (events.filter(event => event.type === type))
}

/**
 * How tests ended, by id.
 * @param {RunResult} report
 */
const statuses = report => Object.fromEntries(report.tests.map(({ id, status }) => [id, status]))

module.exports = { Example, ofType, root, statuses }
