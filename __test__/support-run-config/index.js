// @ts-check
'use strict'

/** Folders with config files in them, and the config that is loaded there. */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { loadConfig } = require('../../lib/run/config/index.js')

const MACHINE = { processors: 8, memory: 64 * 1024 ** 3 }

/**
 * @param {{ after: (end: () => void) => void }} scope a test, which ends
 * @param {Record<string, string>} files by path
 * @returns {string} the folder
 */
function makeFolder(scope, files) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'eb-config-')))
  scope.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  // What lies above the folder is not the test's.
  fs.mkdirSync(path.join(folder, '.git'))
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
  return folder
}

/**
 * @param {import('../../run.js').RunConfig | Record<string, any>} config
 * @param {import('../../lib/run/config/index.js').LoadOptions} [options]
 */
function load(config, options) {
  return loadConfig({ config, env: {}, machine: MACHINE, cwd: path.resolve('/work'), ...options })
}

/**
 * @param {{ after: (end: () => void) => void }} scope
 * @param {Record<string, string>} files
 * @param {import('../../lib/run/config/index.js').LoadOptions} [options]
 */
function loadFiles(scope, files, options) {
  return loadConfig({ env: {}, machine: MACHINE, cwd: makeFolder(scope, files), ...options })
}

/**
 * What is told of a config that is wrong.
 * @param {Promise<unknown>} loading
 * @returns {Promise<string>} the message, without its code
 */
async function problemOf(loading) {
  const { BrokerError } = require('../../lib/errors.js')
  const error = await loading.then(
    () => null,
    failed => failed
  )
  if (!(error instanceof BrokerError) || error.code !== 'invalid_config') throw error ?? new Error('the config was accepted')
  return error.message.replace('invalid_config: ', '')
}

module.exports = { MACHINE, load, loadFiles, makeFolder, problemOf }
