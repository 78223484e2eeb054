// @ts-check
'use strict'

// Projects that use shared workers, one for each test runner, in folders of their own, where the real runner runs.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { stripVTControlCharacters } = require('node:util')

const ROOT = path.join(__dirname, '..', '..')
const fixtures = path.join(__dirname, '..', 'fixtures', 'shared-workers')
/** What the program of the counters sees of a test file: two of them count to ten, which runs one of the teardowns early; each runs once. */
const TEN = ['connected', 'counted 9', 'ten', 'gone', 'ended']
const FIVE = ['connected', 'counted 5', 'gone', 'ended']
/** The test files of each project. */
const FILES = ['four', 'one', 'three', 'two']
/** What runners keep in the folder of temporary files. */
const CACHES = /^(?:jest_|playwright-transform-cache|node-compile-cache)/

/**
 * @typedef {object} Command
 * @property {string} [node] another Node than this one
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} [env]
 * @property {(output: string, child: import('node:child_process').ChildProcess) => void} [onOutput] sees all output so far
 */

/**
 * @param {import('node:test').TestContext} t
 * @param {string | string[]} folders among the fixtures, later ones over earlier ones
 * @param {Record<string, string>} packages by their names, the folders whose `node_modules` have them
 */
function makeProject(t, folders, packages) {
  // What the programs' sockets are in is the project's too, so that it can be seen that nothing is left there. Socket paths must be short.
  const root = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'eb-'))
  t.after(() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  for (const name of ['cases.js', 'host.js', 'watched.js']) fs.cpSync(path.join(fixtures, name), path.join(root, name))
  fs.cpSync(path.join(fixtures, 'programs'), path.join(root, 'programs'), { recursive: true })
  for (const folder of [folders].flat()) fs.cpSync(path.join(fixtures, folder), root, { recursive: true })
  fs.writeFileSync(path.join(root, 'package.json'), '{"private":true}\n')
  link(ROOT, path.join(root, 'node_modules', 'ephemeral-broker'))
  for (const [name, folder] of Object.entries(packages)) {
    link(path.join(folder, 'node_modules', name), path.join(root, 'node_modules', name))
  }
  return new Project(t, root)
}

/** @param {string} target @param {string} at */
function link(target, at) {
  fs.mkdirSync(path.dirname(at), { recursive: true })
  fs.symlinkSync(target, at, 'junction')
}

class Project {
  #t
  #temporary

  /** @param {import('node:test').TestContext} t @param {string} root */
  constructor(t, root) {
    this.#t = t
    this.root = root
    this.#temporary = path.join(root, 't')
    fs.mkdirSync(this.#temporary)
  }

  /**
   * Runs a runner to its end. One that hangs is ended by the test's timeout.
   * @param {Command} command
   * @returns {Promise<{ code: number | null, output: string }>}
   */
  run = ({ node = process.execPath, args, env, onOutput }) => {
    const child = spawn(node, args, {
      cwd: this.root,
      env: { ...cleanEnv(), NO_COLOR: '1', TMPDIR: this.#temporary, ...env },
      stdio: [onOutput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      signal: this.#t.signal,
      killSignal: 'SIGKILL'
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', text => {
        output += text
        onOutput?.(output, child)
      })
    }
    return new Promise((resolve, reject) => {
      child.on('error', error => reject(new Error(`${error.message}\n${output}`)))
      child.on('close', code => resolve({ code, output: stripVTControlCharacters(output) }))
    })
  }

  /** The lines of a file. @param {string} file */
  read = file => fs.readFileSync(path.join(this.root, file), 'utf8').trim().split('\n')

  /** What the program of the counters saw, by test file. */
  seen = () => {
    /** @type {Record<string, string[]>} */
    const byFile = Object.fromEntries(FILES.map(name => [name, []]))
    for (const line of this.read('log.txt')) {
      const [name, ...what] = line.split(' ')
      byFile[name].push(what.join(' '))
    }
    return byFile
  }

  /** Where the test files ran: in a `process` or a `thread`, and of which process. */
  workers = () => this.read('workers.txt').map(line => line.split(' '))

  /** What is left of brokers and programs. */
  left = () => fs.readdirSync(this.#temporary).filter(name => !CACHES.test(name))
}

/** The environment without what belongs to this run of tests, and to CI. */
function cleanEnv() {
  const others = /^(?:NODE_TEST_CONTEXT|NODE_V8_COVERAGE|FORCE_COLOR|CI|GITHUB_ACTIONS|(?:EPHEMERAL|BROKER|CLIENT)_.*)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !others.test(name)))
}

/** @param {string} text @param {string | RegExp} what */
function count(text, what) {
  return text.split(what).length - 1
}

module.exports = { FIVE, Project, ROOT, TEN, count, link, makeProject }
