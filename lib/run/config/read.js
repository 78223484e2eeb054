// @ts-check
'use strict'

/** Reads a config file: TOML, JSON, or a module of JavaScript. What cannot be read is told with file, line and column. */

const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { locateJsonError } = require('./json.js')
const { displayPath, invalidConfig, showValue } = require('./problems.js')

/**
 * @param {string} file
 * @returns {Promise<unknown>} what it says; not yet looked at
 */
async function readConfig(file) {
  switch (path.extname(file)) {
    case '.toml':
      return readToml(file)
    case '.json':
      return readJson(file)
    case '.js':
    case '.mjs':
    case '.cjs':
      return readModule(file)
    default:
      throw invalidConfig('', [`${displayPath(file)} is no config; allowed is a file that ends in .toml, .json, .js, .mjs or .cjs`])
  }
}

/** @param {string} file */
function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
    const text = code === 'ENOENT' ? 'there is no such file' : message
    throw invalidConfig(displayPath(file), [text], { cause: error })
  }
}

/** @param {string} file */
function readToml(file) {
  const text = readText(file)
  const { parse, TomlError } = require('smol-toml')
  try {
    return withoutDates(parse(text))
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [message] = error.message.replace(/^Invalid TOML document: /, '').split('\n')
    throw invalidConfig(`${displayPath(file)}:${error.line}:${error.column}`, [message], { cause: error })
  }
}

/**
 * TOML has dates, which JSON has as texts.
 * @param {unknown} value
 * @returns {unknown}
 */
function withoutDates(value) {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(withoutDates)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutDates(each)]))
}

/** @param {string} file */
function readJson(file) {
  const text = readText(file)
  try {
    return JSON.parse(text)
  } catch (error) {
    const { line, column, found } = locateJsonError(text)
    throw invalidConfig(`${displayPath(file)}:${line}:${column}`, [`this is not JSON: ${found} cannot stand here`], { cause: error })
  }
}

/** @param {string} file */
async function readModule(file) {
  // Says more about a file that is not there than the loader of modules.
  readText(file)
  try {
    const module = await import(pathToFileURL(file).href)
    const exported = module.default?.__esModule ? module.default.default : module.default
    const config = typeof exported === 'function' ? await exported() : exported
    if (config !== undefined) return config
  } catch (error) {
    throw invalidConfig(`${displayPath(file)}${whereInModule(file, error)}`, [error instanceof Error ? error.message : showValue(error)], {
      cause: error
    })
  }
  throw invalidConfig(displayPath(file), ['it has no default export; allowed is a config, or a function that returns one'])
}

/**
 * @param {string} file
 * @param {unknown} error
 * @returns {string} `:line:column`, as far as it is known
 */
function whereInModule(file, error) {
  const { stack = '' } = error instanceof Error ? error : {}
  for (const name of [pathToFileURL(file).href, file]) {
    const at = stack.indexOf(`${name}:`)
    if (at === -1) continue
    const rest = stack.slice(at + name.length)
    const [position = ''] = /^:\d+(?::\d+)?/.exec(rest) ?? []
    // The loader of CommonJS shows the line and, under it, where.
    const [, spaces] = /^:\d+\n.*\n( *)\^/.exec(rest) ?? []
    return spaces === undefined ? position : `${position}:${spaces.length + 1}`
  }
  return error instanceof SyntaxError ? locateSyntaxError(file) : ''
}

/**
 * The loader of ES modules keeps the place of a mistake to itself, unless nobody catches it. `node --check` tells it.
 * @param {string} file
 */
function locateSyntaxError(file) {
  const { spawnSync } = require('node:child_process')
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 10_000, windowsHide: true })
  const [, line, spaces] = /:(\d+)\r?\n.*\n( *)\^/.exec(stderr ?? '') ?? []
  return line === undefined ? '' : `:${line}:${spaces.length + 1}`
}

module.exports = { readConfig }
