// @ts-check
'use strict'

// Projects that are tested with pytest and pytest-xdist, in a virtual environment that is kept in node_modules/.cache.

const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { ROOT, makeProject } = require('./project.js')

const isWindows = process.platform === 'win32'
const examples = path.join(ROOT, 'examples', 'python')

/** @param {string} program @param {string[]} args */
const works = (program, args) => spawnSync(program, args, { stdio: 'ignore' }).status === 0

/**
 * @param {string} version of pytest: `9`
 * @returns {{ path: string, why: null } | { path: null, why: string }} the program `pytest`; on CI it is there, or this throws
 */
function pytestXdist(version) {
  const folder = path.join(ROOT, 'node_modules', '.cache', 'ephemeral-broker-runners', `pytest-xdist-${version}`)
  const bin = path.join(folder, isWindows ? 'Scripts' : 'bin')
  const program = path.join(bin, isWindows ? 'pytest.exe' : 'pytest')
  try {
    if (!works(path.join(bin, 'python'), ['-c', 'import pytest, xdist'])) {
      const python = ['python3', 'python'].find(name => works(name, ['--version']))
      if (python === undefined) throw new Error('there is no Python')
      const execute = (/** @type {string} */ command, /** @type {string[]} */ args) =>
        execFileSync(command, args, { stdio: 'pipe', timeout: 300_000 })
      execute(python, ['-m', 'venv', '--clear', folder])
      execute(path.join(bin, 'python'), ['-m', 'pip', 'install', '--quiet', `pytest==${version}.*`, 'pytest-xdist==3.*'])
    }
    return { path: program, why: null }
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return { path: null, why: /** @type {Error} */ (error).message.split('\n')[0] }
  }
}

/**
 * A project with the client and the plugin beside its tests, as their page says.
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof makeProject>[1]} parts
 */
function makePythonProject(t, { files = {}, ...parts }) {
  const own = ['ephemeral_broker.py', 'pytest_ephemeral_broker.py']
  const copied = Object.fromEntries(own.map(name => [name, fs.readFileSync(path.join(examples, name), 'utf8')]))
  return makeProject(t, { ...parts, files: { ...copied, ...files } })
}

module.exports = { makePythonProject, pytestXdist }
