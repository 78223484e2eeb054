// @ts-check
'use strict'

// Projects with an integration, one for each test runner, in folders of their own, where the real runner runs.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Project, ROOT, link } = require('../support-shared-workers/project.js')

const fixtures = path.join(__dirname, '..', 'fixtures', 'integrations')

/**
 * @typedef {object} Parts
 * @property {string | string[]} [fixture] folders among the fixtures, later ones over earlier ones; `common` is there always
 * @property {Record<string, string>} [files] more files, by their names
 * @property {Record<string, string>} [packages] by their names, the folders whose `node_modules` have them
 * @property {Record<string, unknown>} [manifest] members of its package.json
 */

/**
 * @param {import('node:test').TestContext} t
 * @param {Parts} parts
 */
function makeProject(t, { fixture = [], files = {}, packages = {}, manifest = {} }) {
  // The sockets are in its folder too, so that it can be seen that nothing is left. Their paths must be short.
  const root = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'eb-'))
  t.after(() => {
    endAllIn(root)
    fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  for (const folder of ['common', ...[fixture].flat()]) fs.cpSync(path.join(fixtures, folder), root, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    fs.writeFileSync(path.join(root, name), content)
  }
  fs.writeFileSync(path.join(root, 'package.json'), JSON.stringify({ private: true, ...manifest }))
  // What looks for a config above this folder stops here.
  fs.mkdirSync(path.join(root, '.git'))
  link(ROOT, path.join(root, 'node_modules', 'ephemeral-broker'))
  for (const [name, folder] of Object.entries(packages)) {
    const at = path.join(root, 'node_modules', name)
    if (!fs.existsSync(at)) link(path.join(folder, 'node_modules', name), at)
  }
  return new IntegrationProject(t, root)
}

/**
 * Runners that were interrupted may leave workers behind, with a broker or without: Vitest 3 leaves some that use up all processors and all memory.
 * @param {string} root
 */
function endAllIn(root) {
  for (const pid of fs.existsSync('/proc/self/cwd') ? fs.readdirSync('/proc').filter(name => /^\d+$/.test(name)) : []) {
    try {
      if (fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(root)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It is gone, or somebody else's.
    }
  }
}

class IntegrationProject extends Project {
  /** What the tests did, in no particular order. @returns {Array<{ what: string, at: number, pid: number } & Record<string, any>>} */
  ledger = () => (fs.existsSync(path.join(this.root, 'ledger.jsonl')) ? this.read('ledger.jsonl').map(line => JSON.parse(line)) : [])
}

/**
 * The files of a page: blocks of code that begin with a comment that is a file's name (`// jest.config.js`, `# conftest.py`, `<!-- a.html -->` are those).
 * @param {string} page below the root: `docs/jest.md`
 * @returns {Record<string, string>}
 */
function filesOf(page) {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8').replaceAll('\r\n', '\n')
  const blocks = text.matchAll(/^```\w+\n(?:\/\/|#) ([\w./@-]+\.\w+)\n(.*?)^```$/gms)
  return Object.fromEntries([...blocks].map(([, name, code]) => [name, code]))
}

/**
 * The commands of a page: the lines of its blocks of `sh`.
 * @param {string} page
 * @returns {string[]}
 */
function commandsOf(page) {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8').replaceAll('\r\n', '\n')
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block.trim().split('\n'))
}

module.exports = { ROOT, commandsOf, filesOf, makeProject }
