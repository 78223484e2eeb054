// @ts-check
'use strict'

// Test runners of several versions, kept in node_modules/.cache. On CI what can be installed must be there: nothing is skipped for the lack of it.

const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const cache = path.join(__dirname, '..', '..', 'node_modules', '.cache', 'ephemeral-broker-runners')
const isWindows = process.platform === 'win32'
const isCi = process.env.CI === 'true'
const TIMEOUT = 300_000

/** @typedef {{ path: string, why: null } | { path: null, why: string }} Toolchain */

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} [cwd]
 */
const execute = (program, args, cwd) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe', shell: isWindows && program === 'npm', timeout: TIMEOUT })

/** @param {string} program @param {string[]} args */
const works = (program, args) => spawnSync(program, args, { stdio: 'ignore' }).status === 0

/**
 * What `make` returns, or why there is nothing; on CI its error.
 * @param {() => string} make
 * @returns {Toolchain}
 */
function ensure(make) {
  try {
    return { path: make(), why: null }
  } catch (error) {
    if (isCi) throw error
    return { path: null, why: /** @type {Error} */ (error).message.split('\n')[0] }
  }
}

/**
 * Installs packages into a folder that is not there yet. Test files that want the same at the same time do not meet: the first one's is kept.
 * @param {string} folder
 * @param {string[]} packages
 */
function install(folder, packages) {
  const own = `${folder}.${process.pid}`
  fs.mkdirSync(own, { recursive: true })
  fs.writeFileSync(path.join(own, 'package.json'), '{"private":true}\n')
  execute('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], own)
  try {
    fs.renameSync(own, folder)
  } catch (error) {
    fs.rmSync(own, { recursive: true, force: true })
    if (!fs.existsSync(folder)) throw error
  }
}

/**
 * A folder whose `node_modules` has a package of a version.
 * @param {string} name
 * @param {string} version
 */
function npmPackage(name, version) {
  return ensure(() => {
    const folder = path.join(cache, `${name.replace(/\W/g, '-')}-${version}`)
    if (!fs.existsSync(path.join(folder, 'node_modules', name, 'package.json'))) install(folder, [`${name}@${version}`])
    return folder
  })
}

/** @param {string} version the program `pytest` of a virtual environment */
function pytest(version) {
  return ensure(() => {
    const folder = path.join(cache, `pytest-${version}`)
    const bin = path.join(folder, isWindows ? 'Scripts' : 'bin')
    const program = path.join(bin, isWindows ? 'pytest.exe' : 'pytest')
    if (!works(program, ['--version'])) {
      const python = ['python3', 'python'].find(name => works(name, ['--version']))
      if (python === undefined) throw new Error('there is no Python')
      execute(python, ['-m', 'venv', '--clear', folder])
      execute(path.join(bin, isWindows ? 'python.exe' : 'python'), ['-m', 'pip', 'install', '--quiet', `pytest==${version}.*`])
    }
    return program
  })
}

function go() {
  return ensure(() => {
    if (!works('go', ['version'])) {
      if (!isCi || process.getuid?.() !== 0 || !works('apt-get', ['--version'])) throw new Error('go is not installed')
      // Not beside other tests that install something.
      const lock = path.join(os.tmpdir(), 'ephemeral-broker-apt.lock')
      execute('flock', [lock, 'apt-get', 'update'])
      execute('flock', [lock, 'apt-get', 'install', '-y', '--no-install-recommends', 'golang-go'])
    }
    return 'go'
  })
}

function cargo() {
  return ensure(() => {
    if (!works('cargo', ['--version'])) throw new Error('cargo is not installed')
    return 'cargo'
  })
}

module.exports = { cache, cargo, ensure, go, install, npmPackage, pytest }
