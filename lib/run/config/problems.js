// @ts-check
'use strict'

/** What is wrong with a config: collected, and told together. */

const path = require('node:path')
const { BrokerError, show } = require('../../errors.js')

/** More help nobody. */
const MOST = 10

/**
 * @param {string} source where they were found: a file, or words for something else
 * @param {readonly string[]} problems at least one
 * @param {{ cause?: unknown }} [options]
 */
function invalidConfig(source, problems, { cause } = {}) {
  const told = problems.slice(0, MOST).map(problem => `\n  ${problem}`)
  if (problems.length > MOST) told.push(`\n  and ${problems.length - MOST} more`)
  const text = problems.length === 1 ? problems[0] : `${problems.length} problems${told.join('')}`
  return new BrokerError('invalid_config', source === '' ? text : `${source}: ${text}`, { cause, details: { source, problems } })
}

/**
 * A file's path as it is shown: as short as it can be clicked on.
 * @param {string} file
 * @param {string} [cwd]
 */
function displayPath(file, cwd = process.cwd()) {
  const relative = path.relative(cwd, file)
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative
}

/**
 * A key of a table, from its path: `projects[0].env.PORT`.
 * @param {string} table
 * @param {string | number} key
 */
function joinPath(table, key) {
  if (typeof key === 'number') return `${table}[${key}]`
  if (!/^[\w$-]+$/.test(key)) return `${table}[${JSON.stringify(key)}]`
  return table === '' ? key : `${table}.${key}`
}

/** A value in the words of a config. @param {unknown} value */
function showValue(value) {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a table' : show(value)
}

module.exports = { displayPath, invalidConfig, joinPath, showValue }
