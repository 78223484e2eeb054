// @ts-check
'use strict'

const { randomBytes } = require('node:crypto')
const { isAbsolute, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const { threadId } = require('node:worker_threads')

// Pids are used again, and are alike in containers.
const PREFIX = `${process.pid}-${threadId}-${randomBytes(6).toString('hex')}`
let count = 0

/** @returns {string} the id of a test worker, unique in its host */
function nextId() {
  return `${PREFIX}/${++count}`
}

/**
 * @param {string | URL} file a path or a URL
 * @returns {string} a URL
 */
function fileUrl(file) {
  const text = String(file)
  return !isAbsolute(text) && URL.canParse(text) ? text : pathToFileURL(resolve(text)).href
}

/** @returns {string} what this process or thread runs */
function mainFile() {
  return fileUrl(process.argv[1] ?? '[eval]')
}

module.exports = { fileUrl, mainFile, nextId }
