// @ts-check
'use strict'

/** The reporter `html`: one file that shows a run, and needs nothing else: no network, no server, no other file. */

/**
 * @typedef {import('../../../run.d.ts').RunEvent} RunEvent
 * @typedef {import('../../../run.d.ts').RunResult} RunResult
 */

/**
 * @param {{ options: { output: string }, profile?: string | null }} context `output` is the absolute path of the file
 * @returns {{ onEvent(event: RunEvent): void, finish(result: RunResult): void }} `finish` throws what the file system says when the file
 *   cannot be written
 */
function create({ options, profile = null }) {
  const { Record } = require('./html/record.js')
  const record = new Record()
  return {
    onEvent: event => record.add(event),
    finish(result) {
      const { collect } = require('./html/data.js')
      const { assemble } = require('./html/assemble.js')
      writeWhole(options.output, assemble(collect(result, record, { profile })))
    }
  }
}

/**
 * Writes a file so that who opens it meanwhile sees the old one or the new one, not a part of it.
 * @param {string} file
 * @param {string} text
 */
function writeWhole(file, text) {
  const fs = require('node:fs')
  const path = require('node:path')
  fs.mkdirSync(path.dirname(file), { recursive: true })
  // In the same folder: a file cannot be renamed into another file system.
  const temporary = `${file}.${process.pid}.${Date.now().toString(36)}.tmp`
  try {
    fs.writeFileSync(temporary, text)
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  }
}

module.exports = { create }
