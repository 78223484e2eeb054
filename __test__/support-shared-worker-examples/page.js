// @ts-check
'use strict'

// A page that builds files block by block and runs them: each block of code begins with a comment that names its file.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { npmPackage } = require('../support-run-adapters/toolchains.js')
const { linesOf, wordsOf } = require('../support-run-docs/blocks.js')
const { CLI, Running, makeFolder, root } = require('./running.js')

/** @typedef {import('../support-run-docs/blocks.js').Block} Block */

/** What is used on the page besides this package, and the version of it. */
const PACKAGES = { ava: '6', 'puppeteer-core': '24' }
const EXAMPLES = path.join(root, 'examples')

/** A project that is written and run as the page says. */
class Project {
  /** @type {Set<string>} */
  #files = new Set()
  #commands = ''
  /** Of the last command. */
  #output = ''

  /** @type {Array<() => void>} */
  #ends = []

  /** @param {Record<string, string>} env */
  constructor(env) {
    const scope = { after: (/** @type {() => void} */ end) => void this.#ends.push(end) }
    this.folder = makeFolder(scope)
    this.temporary = makeFolder(scope)
    this.env = { ...env, TMPDIR: this.temporary, TEMP: this.temporary, TMP: this.temporary }
    const modules = path.join(this.folder, 'node_modules')
    fs.mkdirSync(path.join(modules, '@types'), { recursive: true })
    this.#link('ephemeral-broker', root)
    for (const name of ['typescript', '@types/node']) this.#link(name, path.join(root, 'node_modules', name))
    for (const [name, version] of Object.entries(PACKAGES)) {
      const { path: folder, why } = npmPackage(name, version)
      assert.ok(folder, `${name}: ${why}`)
      this.#link(name, path.join(folder, 'node_modules', name))
    }
  }

  /** @param {string} name @param {string} target */
  #link(name, target) {
    fs.symlinkSync(target, path.join(this.folder, 'node_modules', name), 'junction')
  }

  /** @param {string} name */
  at(name) {
    return path.join(this.folder, name)
  }

  /** @param {Block} block */
  write({ name, language, text }) {
    const [, file] = language === 'json' ? [null, 'package.json'] : (/^\/\/ (\S+)\n/.exec(text) ?? [])
    assert.ok(file, `${name} does not say which file it is`)
    if (fs.existsSync(path.join(EXAMPLES, file))) {
      const whole = fs.readFileSync(path.join(EXAMPLES, file), 'utf8')
      return assert.ok(isPartOf(bareLines(text), bareLines(whole)), `${name} is not part of ${file}`)
    }
    assert.ok(!this.#files.has(file), `${file} is there twice`)
    this.#files.add(file)
    fs.writeFileSync(this.at(file), text)
  }

  /**
   * Runs the lines of a shell, each to the exit code that it promises.
   * @param {import('node:test').TestContext} t
   * @param {string} text
   */
  async run(t, text) {
    for (const { line, code: expected } of linesOf(text)) {
      this.#commands += `${line}\n`
      const { code, output } = await this.start(t, line).ended
      assert.equal(code, expected, `${line}\n${output}`)
      // Also where the run is to fail.
      assert.doesNotMatch(output, /^(?:not ok|✖)/m)
      this.#output = output.replaceAll(this.folder, '/home/ann/project')
    }
  }

  /**
   * A line that watches files: it runs again when one changes, until it is stopped.
   * @param {import('node:test').TestContext} t
   * @param {string} text
   */
  async watch(t, text) {
    const [{ line }] = linesOf(text)
    this.#commands += `${line}\n`
    const running = this.start(t, line)
    await running.printed(/this is run 1/)
    const file = this.at(/** @type {string} */ (wordsOf(line).at(-1)))
    fs.appendFileSync(file, '// changed\n')
    await running.printed(/this is run 2/)
    running.child.kill('SIGINT')
    await running.ended
  }

  /**
   * @param {import('node:test').TestContext} t
   * @param {string} line
   */
  start(t, line) {
    return new Running(t, this.#nodeArguments(wordsOf(line)), { cwd: this.folder, env: this.env })
  }

  /** @param {string[]} words a command line @returns {string[]} the same behind `node` */
  #nodeArguments([program, name, ...args]) {
    if (program === 'node') return [name, ...args]
    assert.equal(program, 'npx')
    const programs = {
      'ephemeral-broker': CLI,
      tsc: this.at('node_modules/typescript/bin/tsc'),
      ava: this.at('node_modules/ava/entrypoints/cli.mjs')
    }
    return [programs[/** @type {keyof typeof programs} */ (name)], ...args]
  }

  /** That the last command printed each of these lines. @param {string} text */
  assertPrinted(text) {
    const lines = this.#output.split('\n').map(line => line.trimEnd())
    for (const line of text.trimEnd().split('\n')) assert.ok(line === '…' || lines.includes(line), `not printed: ${line}\n${this.#output}`)
  }

  remove() {
    for (const end of this.#ends) end()
  }

  /** That each file was run, or is used by one that was. */
  assertAllUsed() {
    const texts = [...this.#files].map(file => ({ file, text: fs.readFileSync(this.at(file), 'utf8').replace(/^\/\/.*/, '') }))
    const unused = texts.filter(({ file }) => {
      const names = [file, file.replace(/\.mts$/, '.mjs')]
      return (
        file !== 'package.json' &&
        !names.some(
          name =>
            this.#commands.includes(name) ||
            texts.some(({ text }) => text.includes(`./${name}'`) || text.includes(`'${name}'`) || text.includes(`"./${name}"`))
        )
      )
    })
    assert.deepEqual(
      unused.map(({ file }) => file),
      [],
      'nothing runs them'
    )
  }
}

/** What is left of a text without comments, indentation and empty lines. @param {string} text */
const bareLines = text =>
  text
    .split(/\r?\n/)
    .map(line => line.trim().replace(/,$/, ''))
    .filter(line => line !== '' && !/^(?:\/\/|\/\*|\*)/.test(line))

/**
 * Whether a text has these lines, in this order, others between them or not.
 * @param {string[]} lines
 * @param {string[]} text
 */
function isPartOf(lines, text) {
  let from = 0
  return lines.every(line => {
    from = text.indexOf(line, from) + 1
    return from > 0
  })
}

module.exports = { Project, bareLines, isPartOf }
