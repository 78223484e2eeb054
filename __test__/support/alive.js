// @ts-check
'use strict'

/**
 * Whether a process is there. One that has ended and was not waited for is, too.
 * @param {number} pid
 */
function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

module.exports = { isAlive }
