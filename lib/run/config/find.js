// @ts-check
'use strict'

/** Where the config is. */

const fs = require('node:fs')
const path = require('node:path')
const { displayPath, invalidConfig } = require('./problems.js')

const NAMES = [
  'ephemeral-broker.toml',
  'ephemeral-broker.json',
  'ephemeral-broker.config.js',
  'ephemeral-broker.config.mjs',
  'ephemeral-broker.config.cjs'
]

/**
 * Looks in a folder and in those above it, up to the one that is a repository's root.
 * @param {string} start
 * @returns {string | null} the file's absolute path
 */
function findConfig(start) {
  let folder = path.resolve(start)
  for (;;) {
    const there = new Set(list(folder))
    const found = NAMES.filter(name => there.has(name))
    if (found.length > 1) {
      const where = displayPath(folder)
      throw invalidConfig('', [`${found.join(' and ')} are both in ${where}; keep one of them, or name it with --config`])
    }
    if (found.length === 1) return path.join(folder, found[0])
    const above = path.dirname(folder)
    if (there.has('.git') || above === folder) return null
    folder = above
  }
}

/** What cannot be read holds no config of ours. @param {string} folder */
function list(folder) {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

module.exports = { NAMES, findConfig }
