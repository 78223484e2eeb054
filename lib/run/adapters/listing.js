// @ts-check
'use strict'

// The commands that list tests: run, and read.

const path = require('node:path')
const { stripVTControlCharacters } = require('node:util')
const { BrokerError } = require('../../errors.js')

/**
 * @typedef {import('../../../run.js').Command} Command
 * @typedef {{ exitCode: number | null, signal: string | null, stdout: string, stderr: string }} Captured
 * @typedef {(options: { command: Command, cwd: string, env?: Record<string, string>, timeout?: number }) => Promise<Captured>} Capture
 */

const SHOWN_LINES = 30
const SHOWN_CHARACTERS = 4000

/** @param {Command} command */
const shown = command =>
  typeof command === 'string' ? command : command.map(word => (/[\s'"]/.test(word) ? JSON.stringify(word) : word)).join(' ')

/** @param {string} text */
const endOf = text => stripVTControlCharacters(text).trimEnd().split('\n').slice(-SHOWN_LINES).join('\n').slice(-SHOWN_CHARACTERS)

/**
 * @param {Command} command
 * @param {string} what happened, as the end of a sentence
 * @param {Partial<Captured>} captured
 * @param {unknown} [cause]
 */
function listFailed(command, what, { exitCode = null, signal = null, stdout = '', stderr = '' } = {}, cause = undefined) {
  const output = endOf([stdout, stderr].filter(Boolean).join('\n'))
  const text = `the command that lists tests, \`${shown(command)}\`, ${what}${output === '' ? '' : `:\n${output}`}`
  return new BrokerError('list_failed', text, { cause, details: { command, exitCode, signal, output } })
}

/**
 * What a command prints that ends well; a list that fails is never an empty one.
 * @param {Capture} capture
 * @param {{ command: Command, cwd: string, also?: readonly number[] }} options `also`: exit codes that mean no failure, besides 0
 * @returns {Promise<Captured>}
 */
async function captureList(capture, { command, cwd, also = [] }) {
  const captured = await capture({ command, cwd }).catch(cause => {
    throw cause instanceof BrokerError && cause.code === 'list_failed'
      ? cause
      : listFailed(command, `could not be run: ${cause?.message ?? cause}`, {}, cause)
  })
  const { exitCode, signal } = captured
  if (exitCode === null)
    throw listFailed(command, `was ended${signal === null ? '' : ` by ${signal}`}, perhaps because it took too long`, captured)
  if (exitCode !== 0 && !also.includes(exitCode)) throw listFailed(command, `ended with exit code ${exitCode}`, captured)
  return captured
}

/**
 * The JSON that a command printed, after lines of package managers or of configuration files.
 * @param {Command} command
 * @param {Captured} captured
 * @returns {any}
 */
function jsonOf(command, captured) {
  const { stdout } = captured
  for (const { index } of stdout.matchAll(/^[ \t]*[[{]/gm)) {
    for (const text of [stdout.slice(index), stdout.slice(index, Math.max(stdout.lastIndexOf(']'), stdout.lastIndexOf('}')) + 1)]) {
      try {
        return JSON.parse(text)
      } catch {}
    }
  }
  throw listFailed(command, 'printed no JSON', captured)
}

/**
 * A file's path from the root, with `/`; one that is not below the root stays absolute.
 * @param {string} root
 * @param {string} file absolute
 */
function fromRoot(root, file) {
  const relative = path.relative(root, file)
  return (relative.startsWith('..') || path.isAbsolute(relative) ? file : relative).replaceAll(path.sep, '/')
}

/**
 * One item for each file, in order, of those that globs found where there are any.
 * @template {{ file: string | null }} T
 * @param {readonly T[]} items
 * @param {readonly string[]} files
 */
function ofFiles(items, files) {
  if (files.length === 0) return [...items]
  const wanted = new Set(files)
  return items.filter(({ file }) => file !== null && wanted.has(file))
}

/** @param {readonly string[]} files */
const eachOnce = files => [...new Set(files)]

module.exports = { captureList, eachOnce, fromRoot, jsonOf, listFailed, ofFiles, shown }
