// @ts-check
'use strict'

/** Variables for servers and tests that nobody else is to see. */

const { readFileSync } = require('node:fs')
const { parseEnv } = require('node:util')
const path = require('node:path')
const { BrokerError } = require('../errors.js')

/**
 * @typedef {import('./config/index.js').ResolvedConfig} Config
 * @typedef {'dotenv' | 'json' | 'yaml'} Format
 */

/**
 * @param {Config} config
 * @param {import('./adapters/listing.js').Capture} capture
 * @returns {Promise<Record<string, string>>}
 * @throws {BrokerError} `setup_failed`: they cannot be had. The message has nothing of them
 */
async function readSecrets({ secrets, root }, capture) {
  if (secrets === null) return {}
  const text = secrets.command
    ? await printed(secrets.command, root, capture)
    : read(path.resolve(root, /** @type {string} */ (secrets.file)))
  const source = secrets.file ?? 'what the command printed'
  return flatten(parse(text, secrets.format ?? formatOf(text, secrets.file), source), source)
}

/**
 * @param {import('./config/index.js').ResolvedCommand} command
 * @param {string} cwd
 * @param {import('./adapters/listing.js').Capture} capture
 */
async function printed(command, cwd, capture) {
  const { exitCode, signal, stdout, stderr } = await capture({ command: 'shell' in command ? command.shell : command.argv, cwd })
  if (exitCode === 0) return stdout
  throw failed(`the command ended with ${signal ?? `exit code ${exitCode}`}${stderr.trim() && `: ${stderr.trim().slice(-2000)}`}`)
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw failed(/** @type {Error} */ (error).message)
  }
}

/**
 * @param {string} text
 * @param {string | null} file
 * @returns {Format}
 */
function formatOf(text, file) {
  if (file && /\.ya?ml$/i.test(file)) return 'yaml'
  if (text.trimStart().startsWith('{')) return 'json'
  const first = text.split('\n').find(line => line.trim() !== '' && !line.trimStart().startsWith('#')) ?? ''
  return /^\s*[\w.-]+:(\s|$)/.test(first) ? 'yaml' : 'dotenv'
}

/**
 * @param {string} text
 * @param {Format} format
 * @param {string} source
 */
function parse(text, format, source) {
  // @types/node knows of no Node without it.
  if (format === 'dotenv' && /** @type {unknown} */ (parseEnv) === undefined)
    throw failed('dotenv needs Node 20.12 or later; JSON and YAML do not')
  try {
    if (format === 'json') return JSON.parse(text)
    if (format === 'yaml') return require('yaml').parse(text)
    return parseEnv(text)
  } catch {
    // A parser quotes what it does not understand.
    throw failed(`${source} is no ${format}`)
  }
}

/**
 * @param {unknown} secrets
 * @param {string} source
 */
function flatten(secrets, source) {
  if (typeof secrets !== 'object' || secrets === null || Array.isArray(secrets)) throw failed(`${source} has no names and values`)
  return Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => {
      if (typeof value === 'object' && value !== null) throw failed(`${name} in ${source} is no text`)
      return [name, String(value ?? '')]
    })
  )
}

/** @param {string} why */
function failed(why) {
  return new BrokerError('setup_failed', `secrets: ${why}`)
}

module.exports = { readSecrets }
