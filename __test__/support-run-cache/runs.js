// @ts-check
'use strict'

/** Runs in folders of their own, through `run()` and through the command. */

const fs = require('node:fs')
const { execFile } = require('node:child_process')
const os = require('node:os')
const path = require('node:path')
const { run } = require('../..')

const CLI = path.join(__dirname, '..', '..', 'bin', 'ephemeral-broker.js')

/** @typedef {{ after: (end: () => void) => void }} Scope a test, which ends */

/**
 * A folder with these files.
 * @param {Scope} scope
 * @param {Record<string, string>} [files]
 * @returns {string}
 */
function folder(scope, files = {}) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ebc-')))
  scope.after(() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 3 }))
  // What lies above the folder is not the test's.
  write(root, { '.git/HEAD': 'ref: refs/heads/main\n', ...files })
  return root
}

/**
 * @param {string} root
 * @param {Record<string, string>} files
 */
function write(root, files) {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    fs.writeFileSync(path.join(root, name), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
}

/**
 * @param {string} root
 * @param {import('../../run.js').RunConfig} config
 * @param {import('../../run.js').RunOptions} [options]
 */
async function runIn(root, config, options) {
  /** @type {import('../../run.js').RunEvent[]} */
  const events = []
  const onEvent = (/** @type {import('../../run.js').RunEvent} */ event) => {
    events.push(event)
    options?.onEvent?.(event)
  }
  const result = await run(config, { root, ...options, onEvent })
  return { result, events, statuses: statusesOf(result) }
}

/** By the last part of the id. @param {import('../../run.js').RunResult} result */
function statusesOf({ tests }) {
  return Object.fromEntries(tests.map(({ id, status }) => [id.replace(/^.*:/, ''), status]))
}

/**
 * The command, in an environment without anything of an outer run.
 * @param {string} cwd
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<{ code: number, stdout: string, stderr: string, ids: string[] }>} `ids`: the lines of `--list`
 */
function cli(cwd, args, env = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(EPHEMERAL_|NODE_TEST_CONTEXT$|CI$|GITHUB_)/.test(name))
  return new Promise(resolve => {
    const options = { cwd, env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env } }
    execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr, ids: stdout.split('\n').filter(Boolean) })
    })
  })
}

module.exports = { cli, folder, runIn, statusesOf, write }
