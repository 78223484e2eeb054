// @ts-check
'use strict'

/** Files that results depend on although `cache.inputs` may not name them: lockfiles, and the template of workers' directories. */

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { BrokerError } = require('../errors.js')

/** Where what was installed is written down. */
const LOCKFILES = [
  ...['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb', 'deno.lock'],
  ...['go.sum', 'go.work.sum', 'Cargo.lock', 'poetry.lock', 'uv.lock', 'Pipfile.lock', 'requirements.txt', 'Gemfile.lock', 'composer.lock']
]

/** @param {{ lockfiles: string[] | null }} cache */
function lockfilesOf({ lockfiles }) {
  return lockfiles ?? LOCKFILES
}

/**
 * The folder as globs from the root, so that it is watched for changes during a run. None where there is nothing to watch, or no such path.
 * @param {string} root
 * @param {string | null} folder absolute
 */
function globsOfFolder(root, folder) {
  if (folder === null) return []
  const relative = path.relative(root, folder)
  // Another drive.
  if (relative === '' || path.isAbsolute(relative) || entriesOf(folder).every(entry => entry.isDirectory())) return []
  return [relative.replaceAll(path.sep, '/').replace(/[\\*?[\]{}!]/g, String.raw`\$&`)]
}

/**
 * Names, kinds and content of all that is below a folder.
 * @param {string | null} folder
 */
function digestOfFolder(folder) {
  if (folder === null) return ''
  const hash = createHash('sha256')
  const files = entriesOf(folder).map(entry => ({ entry, file: path.join(entry.parentPath, entry.name) }))
  // Folders are read in no order in particular.
  for (const { entry, file } of files.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const parts = [path.relative(folder, file), ...partsOf(entry, file)]
    for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  }
  return hash.digest('hex')
}

/**
 * @param {import('node:fs').Dirent} entry
 * @param {string} file
 * @returns {Array<string | Buffer>}
 */
function partsOf(entry, file) {
  if (entry.isSymbolicLink()) return ['link', fs.readlinkSync(file), targetOf(file)]
  if (!entry.isFile()) return [entry.isDirectory() ? 'folder' : 'special']
  return [fs.statSync(file).mode & 0o111 ? 'program' : 'file', fs.readFileSync(file)]
}

/** What a link leads to, if that is a file. @param {string} link */
function targetOf(link) {
  return fs.statSync(link, { throwIfNoEntry: false })?.isFile() ? fs.readFileSync(link) : ''
}

/** @param {string} folder */
function entriesOf(folder) {
  try {
    return fs.readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    throw new BrokerError('invalid_config', `dir.template cannot be read: ${/** @type {Error} */ (error).message}`)
  }
}

module.exports = { digestOfFolder, globsOfFolder, lockfilesOf }
