// @ts-check
'use strict'

const { BrokerError } = require('./errors.js')

/** @returns {typeof import('../native.js')} */
function load() {
  try {
    return require('../native.js')
  } catch (cause) {
    const here = `${process.platform}-${process.arch}, Node ${process.versions.node}`
    throw new BrokerError(
      'native_missing',
      `the compiled part of ephemeral-broker for this machine (${here}) is not installed. ` +
        'It comes as an optional dependency: install again without --omit=optional or --no-optional and, when node_modules or the lock file come ' +
        'from another system, after removing both. In a checkout of ephemeral-broker itself: npm run build.',
      { cause }
    )
  }
}

module.exports = load()
