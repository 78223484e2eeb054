import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where packages put what Debian does not put into PATH. */
const FOLDERS = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt', '/usr']

/**
 * The folder of PostgreSQL's programs: `POSTGRES_BIN`, or the first of PATH and the usual places that has them.
 * @returns {string | undefined}
 */
export function findBinaries() {
  // Whoever names a folder wants that one.
  const folders = process.env.POSTGRES_BIN ? [process.env.POSTGRES_BIN] : [...(process.env.PATH ?? '').split(delimiter), ...installed()]
  return folders.find(folder => folder && ['initdb', 'postgres'].every(name => canRun(join(folder, name))))
}

/**
 * Why there can be no server on this machine; undefined when there can.
 * @returns {string | undefined}
 */
export function missingPostgres() {
  if (process.platform === 'win32') return 'PostgreSQL listens on a Unix socket here, which Node cannot use on Windows'
  if (findBinaries()) return undefined
  return `PostgreSQL is not installed${process.env.POSTGRES_BIN ? ` in ${process.env.POSTGRES_BIN}` : ''}: apt-get install postgresql, or name the folder of its programs in POSTGRES_BIN`
}

/** The newest version first. */
function installed() {
  return FOLDERS.flatMap(folder => {
    const versions = list(folder).filter(name => /^(?:\d+|postgresql@\d+|pgsql-\d+)$/.test(name))
    return versions.sort((a, b) => versionOf(b) - versionOf(a)).map(name => join(folder, name, 'bin'))
  })
}

/** @param {string} name */
function versionOf(name) {
  return Number(/\d+$/.exec(name)?.[0])
}

/** @param {string} folder */
function list(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** @param {string} file */
function canRun(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
