// @ts-check
'use strict'

/** Every example of the pages about `ephemeral-broker run`, in their order: configs, command lines and what they print, workflows, JavaScript. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { after, describe, it } = require('node:test')
const { blocksOf, constant, linesOf, root, wordsOf } = require('./support-run-docs/blocks.js')
const { Project, kindOf } = require('./support-run-docs/project.js')
const { runPipeline, runWorkflow } = require('./support-run-docs/workflow.js')
const { reference } = require('../scripts/config-reference.js')

const MINUTE = 60_000
const CONFIG = /^(?:run|adapter|projects|tests|list)\b|^\[\[projects\]\]/m

/**
 * @typedef {import('./support-run-docs/blocks.js').Block} Block
 * @typedef {InstanceType<typeof import('./support-run-docs/project.js').Project>} Made
 */

/** A page's examples, which build on one another. */
class Story {
  /** @type {Map<string, Made>} */
  #projects = new Map()
  /** @type {Made | undefined} */
  #last
  #output = ''

  /** @param {string} text */
  project(text) {
    const kind = kindOf(text)
    if (kind === null && this.#last) return this.#last
    const made = this.#projects.get(kind ?? 'node') ?? new Project(kind ?? 'node')
    this.#projects.set(made.kind, made)
    this.#last = made
    return made
  }

  /** @param {Block} block @param {import('node:test').TestContext} t */
  async tell({ language, text, before }, t) {
    const act = this.#acts[language]
    assert.ok(act, `nobody knows what to do with ${language}`)
    // What was printed belongs to the project that printed it.
    const project = language === 'text' && this.#last ? this.#last : this.project(text)
    if (project.why !== null) return t.skip(project.why)
    await act(project, text, before)
  }

  /** @type {Record<string, (project: Made, text: string, before: string | null) => Promise<void> | void>} */
  #acts = {
    toml: (project, text) => this.#config(project, 'ephemeral-broker.toml', whole(text)),
    json: (project, text) => this.#config(project, 'ephemeral-broker.json', text),
    bash: async (project, text) => {
      this.#output = ''
      for (const { line, code } of linesOf(text)) await this.#line(project, line, code)
    },
    text: (_project, text, before) => {
      if (before === 'bash') includes(this.#output, text)
    },
    js: (project, text) =>
      /^export default/m.test(text) ? this.#config(project, 'ephemeral-broker.config.mjs', text) : this.#script(project, text),
    yaml: (project, text) => (/^jobs:/m.test(text) ? runWorkflow(project, text) : runPipeline(project, text))
  }

  /** A config that a run takes. @param {Made} project @param {string} name @param {string} text */
  async #config(project, name, text) {
    project.configure(name, text)
    const { code, output } = await project.broker(['run', '-w', '2'])
    assert.equal(code, 0, `${text}\n${output}`)
  }

  /** @param {Made} project @param {string} line @param {number} expected */
  async #line(project, line, expected) {
    const appended = /^echo (.*) >> (\S+)$/.exec(line)
    if (appended) return fs.appendFileSync(project.at(appended[2]), `${wordsOf(appended[1]).join(' ')}\n`)
    const words = wordsOf(line)
    if (words[0] === 'npm') return assert.equal(line, 'npm install --save-dev ephemeral-broker')
    const [variables, rest] = [words.filter(isVariable), words.filter(word => !isVariable(word))]
    assert.deepEqual(rest.slice(0, 2), ['npx', 'ephemeral-broker'], line)
    const env = Object.fromEntries(variables.map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
    const { code, output } = await project.broker(rest.slice(2), env)
    assert.equal(code, expected, `${line}\n${output}`)
    this.#output += output
  }

  /** @param {Made} project @param {string} text */
  async #script(project, text) {
    fs.writeFileSync(project.at('example.mjs'), text)
    const { code, output } = await project.node(['example.mjs'])
    assert.equal(code, 0, `${text}\n${output}`)
  }

  end() {
    for (const project of this.#projects.values()) {
      try {
        project.check()
      } finally {
        project.remove()
      }
    }
  }
}

/** @param {string} word */
const isVariable = word => /^[A-Z_]+=/.test(word)

/** A part of a config with what it leaves out: the tests, and their server. @param {string} text */
function whole(text) {
  if (CONFIG.test(text)) return text
  const server = /^\[+(?:server|services)\b|^url\b/m.test(text) ? '' : '\n[server]\ncommand = "node server.js"\nready = "/health"\n'
  return `run = "node --test {file}"\nfiles = "e2e/**/*.test.js"\n${text}${server}`
}

/** Each line that a page shows is there; `…` stands for others. @param {string} output @param {string} shown */
function includes(output, shown) {
  const lines = output.split('\n').map(constant)
  for (const line of shown.split('\n').map(constant)) {
    if (line === '' || line === '…') continue
    assert.ok(lines.includes(line), `not printed: ${line}\n${output}`)
  }
}

for (const [page, atLeast] of /** @type {const} */ ([
  ['README.md#Running tests', 2],
  ['docs/run.md', 11],
  ['docs/run-config.md', 12],
  ['docs/run-servers.md', 5],
  ['docs/run-cache.md', 6],
  ['docs/run-ci.md', 8],
  ['docs/run-api.md', 3],
  ['docs/run-migration.md', 4],
  ['docs/run-troubleshooting.md', 1]
])) {
  describe(`the examples of ${page}`, () => {
    const blocks = blocksOf(page)
    const story = new Story()
    after(() => story.end())

    it('are found', () => assert.ok(blocks.length >= atLeast, `${blocks.length} found`))
    for (const block of blocks) it(`${block.name}, ${block.language}`, { timeout: 5 * MINUTE }, t => story.tell(block, t))
  })
}

it('the variables that docs/run-config.md names are those that tests get', { timeout: MINUTE }, async t => {
  const text = fs.readFileSync(path.join(root, 'docs/run-config.md'), 'utf8')
  const table = text.slice(text.indexOf('## Variables'), text.indexOf('## Placeholders'))
  const named = [...table.matchAll(/^\|(.*?)\|(.*?)\|/gm)].flatMap(([, ...cells]) =>
    cells.flatMap(cell => cell.match(/[A-Z][A-Z_]{3,}/g) ?? [])
  )
  assert.ok(named.includes('EPHEMERAL_URL') && named.includes('API_TOKEN'))
  const project = new Project('node')
  t.after(() => project.remove())
  const says = 'fs.writeFileSync(process.env.OUT, JSON.stringify(process.env))'
  project.configure(
    'ephemeral-broker.json',
    JSON.stringify({
      tests: ['one'],
      run: ['node', '-e', says],
      env: { OUT: project.at('env.json') },
      server: { command: 'node server.js', ready: '/health' },
      services: [{ name: 'db', command: 'node server.js' }]
    })
  )
  const { code, output } = await project.broker(['run'])
  assert.equal(code, 0, output)
  const given = Object.keys(JSON.parse(fs.readFileSync(project.at('env.json'), 'utf8')))
  assert.deepEqual(
    named.filter(name => !given.includes(name)),
    []
  )
})

it('the reference of the config is that of the schema', () => {
  const page = fs.readFileSync(path.join(root, 'docs', 'run-config-reference.md'), 'utf8').replaceAll('\r\n', '\n')
  assert.equal(page, reference(), 'run `node scripts/config-reference.js`')
})

it('what docs/run-troubleshooting.md quotes is what is said', () => {
  const text = fs.readFileSync(path.join(root, 'docs/run-troubleshooting.md'), 'utf8')
  const told = saidIn(['lib/run', 'src/run', 'src/process'].map(folder => path.join(root, folder)))
  const quoted = [...text.matchAll(/^\| (?!pytest)[^|]*?`([^`|]+ [^`|]+)`/gm)].map(([, quote]) => quote)
  assert.ok(quoted.length > 20, `${quoted.length} found`)
  const untold = quoted.filter(quote => !piecesOf(quote).every(piece => told.includes(piece)))
  assert.deepEqual(untold, [], 'nobody says so')
})

/** What a message has of its own: not the names and numbers in it. @param {string} quote */
function piecesOf(quote) {
  const pieces = quote.split(
    /…|^\w+_\w+: |(?:exit )?code \d+|process \d+|\d+(?: s\b)?|names "x"|"[^"]*"|\/health|\bglobalSetup\b|\b[xy]\b|failed$|: Connection.*/
  )
  return pieces.map(piece => piece.replace(/^[^a-z]+|[^a-z]+$/gi, '')).filter(piece => piece.length >= 10)
}

/** All sources. @param {string[]} folders */
function saidIn(folders) {
  const files = folders.flatMap(folder =>
    fs
      .readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => /\.(?:js|rs)$/.test(name))
      .map(name => path.join(folder, name))
  )
  return files.map(file => fs.readFileSync(file, 'utf8')).join('\n')
}

it('every link of these pages leads somewhere', () => {
  const pages = fs.readdirSync(path.join(root, 'docs')).filter(name => /^run.*\.md$/.test(name))
  assert.ok(pages.length >= 9)
  for (const page of pages) {
    const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8')
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) checkLink(page, text, target)
  }
})

/** @param {string} page @param {string} text @param {string} target */
function checkLink(page, text, target) {
  const [file, anchor] = target.split('#')
  const there = file === '' ? text : fs.readFileSync(path.join(root, 'docs', file), 'utf8')
  if (anchor === undefined) return
  const anchors = [...there.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  )
  assert.ok(anchors.includes(anchor), `${page}: there is no ${target}`)
}
