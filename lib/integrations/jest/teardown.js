// @ts-check
'use strict'

const { hosts } = require('./hosts.js')

/**
 * A globalTeardown: stops the broker of the run.
 * @type {typeof import('./teardown.js')}
 */
async function teardown({ watch, watchAll, testFailureExitCode }) {
  const outcomes = await Promise.all(hosts.splice(0).map(host => host.stop()))
  if (watch || watchAll || !outcomes.some(({ failed }) => failed)) return
  // An error would keep Jest from writing its reports. With forceExit Jest exits with a code of its own, which this is asked after.
  process.once('exit', code => {
    if (code === 0) process.exitCode = testFailureExitCode
  })
}

module.exports = teardown
