// @ts-check
'use strict'

const { isAbsolute } = require('node:path')
const { BrokerError, show } = require('../errors.js')
const { PROTOCOL } = require('../shared-workers/protocol.js')
const { begin, current } = require('./current.js')

/** @typedef {{ filename: string | URL, supportedProtocols: readonly string[], initialData?: unknown, teardown?: () => unknown }} Options */

/** @param {Options} options */
function registerSharedWorker(options) {
  const { filename, supportedProtocols, initialData, teardown } = options ?? {}
  if (!Array.isArray(supportedProtocols)) throw invalid('supportedProtocols', `an array such as ['${PROTOCOL}']`, supportedProtocols)
  if (!supportedProtocols.includes(PROTOCOL)) {
    throw new BrokerError(
      'unsupported_protocol',
      `registerSharedWorker: none of the protocols ${supportedProtocols.join(', ') || '(none)'} is supported here, only ${PROTOCOL}`
    )
  }
  if (teardown !== undefined && typeof teardown !== 'function') throw invalid('teardown', 'a function', teardown)
  const name = filename === undefined || filename === null ? '' : String(filename)
  if (!isAbsolute(name) && !URL.canParse(name)) throw invalid('filename', 'a URL, or an absolute path', filename)
  return current().register(name, initialData, teardown)
}

/** @param {string | URL} url */
function testFile(url) {
  if (!url || !(typeof url === 'string' || url instanceof URL || URL.canParse(String(url)))) {
    throw new BrokerError('invalid_option', `testFile takes the path or the URL of a test file, not ${show(url)}`)
  }
  const begun = begin(url)
  return {
    id: begun.id,
    file: begun.file,
    available: () => begun.available(),
    teardown: (/** @type {{ finished?: number }} */ options = {}) => begun.teardown(options)
  }
}

/**
 * @param {string} option
 * @param {string} allowed
 * @param {unknown} value
 */
function invalid(option, allowed, value) {
  return new BrokerError('invalid_option', `registerSharedWorker: ${option} must be ${allowed}, not ${show(value)}`)
}

module.exports = { registerSharedWorker, testFile }
