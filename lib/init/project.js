// @ts-check
'use strict'

/** The project that `init` looks at: its files, with the changes that are only planned so far. */

const fs = require('node:fs')
const path = require('node:path')
const { BrokerError } = require('../errors.js')
const { parseJson } = require('./json.js')

/** @typedef {'npm' | 'pnpm' | 'yarn' | 'bun'} PackageManager */

/** Lock files, by who writes them. @type {Array<[string, PackageManager]>} */
const LOCKS = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm']
]

class Project {
  /** What files are to be, by their names. @type {Map<string, { text: string, isNew: boolean }>} */
  #planned = new Map()

  /** @param {string} root an absolute path */
  constructor(root) {
    this.root = root
    this.names = fs.readdirSync(root)
    this.manifest = this.#readManifest()
    this.dependencies = { ...this.manifest?.dependencies, ...this.manifest?.devDependencies }
    this.isEsm = this.manifest?.type === 'module'
    this.isTypeScript = this.names.includes('tsconfig.json') || 'typescript' in this.dependencies
    this.packageManager = packageManagerOf(root)
  }

  /** @returns {Record<string, any> | null} null: there is no package.json */
  #readManifest() {
    try {
      const text = this.read('package.json')
      if (text === null) return null
      const manifest = parseJson(text)
      if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest)) return manifest
      throw new Error('it is no object')
    } catch (cause) {
      throw new BrokerError(
        'invalid_config',
        `${path.join(this.root, 'package.json')} cannot be read: ${/** @type {Error} */ (cause).message}`,
        { cause }
      )
    }
  }

  /** As they are planned. What is no text is none, as for npm. @returns {Record<string, string>} */
  get scripts() {
    const { scripts } = parseJson(this.read('package.json') ?? '{}')
    return Object.fromEntries(Object.entries(scripts ?? {}).filter(([, script]) => typeof script === 'string'))
  }

  /**
   * A file as it is planned, else as it is.
   * @param {string} name
   * @returns {string | null} null: there is none
   */
  read(name) {
    const planned = this.#planned.get(name)
    if (planned) return planned.text
    try {
      return fs.readFileSync(path.join(this.root, name), 'utf8')
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error)
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null
      throw error
    }
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  plan(name, text) {
    this.#planned.set(name, { text, isNew: this.#planned.get(name)?.isNew ?? this.read(name) === null })
  }

  /**
   * The first of the root's files that fits.
   * @param {RegExp} pattern
   */
  find(pattern) {
    return this.names.find(name => pattern.test(name)) ?? null
  }

  /**
   * Writes what is planned. What has come to be meanwhile is not overwritten.
   * @throws {BrokerError} `not_written`: a file cannot be written
   */
  write() {
    /** @type {string[]} */
    const written = []
    for (const [name, { text, isNew }] of this.#planned) {
      const file = path.join(this.root, name)
      try {
        fs.mkdirSync(path.dirname(file), { recursive: true })
        fs.writeFileSync(file, text, { flag: isNew ? 'wx' : 'w' })
      } catch (cause) {
        const { code } = /** @type {NodeJS.ErrnoException} */ (cause)
        const before = written.length > 0 ? `${written.join(', ')} ${written.length > 1 ? 'were' : 'was'} written` : 'nothing was written'
        throw new BrokerError('not_written', `${file} cannot be written (${code}); ${before}. See to that, and do it again`, { cause })
      }
      written.push(name)
    }
  }
}

/**
 * Whose lock file there is, here or above: packages of a workspace have it at its root.
 * @param {string} root
 * @returns {PackageManager}
 */
function packageManagerOf(root) {
  for (let folder = root; ; folder = path.dirname(folder)) {
    const lock = LOCKS.find(([name]) => fs.existsSync(path.join(folder, name)))
    if (lock) return lock[1]
    if (fs.existsSync(path.join(folder, '.git')) || path.dirname(folder) === folder) return 'npm'
  }
}

module.exports = { Project }
