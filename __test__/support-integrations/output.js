// @ts-check
'use strict'

// What a run says, and whether what it started is gone.

const { setTimeout: pause } = require('node:timers/promises')

/**
 * The lines of this package's own.
 * @param {string} output
 */
const told = output => output.split('\n').filter(line => line.startsWith('ephemeral-broker: '))

/**
 * Does something when a text is read for the first time: a command's `onOutput`.
 * @param {string} text
 * @param {(child: import('node:child_process').ChildProcess) => void} then
 * @returns {(output: string, child: import('node:child_process').ChildProcess) => void}
 */
function onceSaid(text, then) {
  let said = false
  return (output, child) => {
    if (said || !output.includes(text)) return
    said = true
    then(child)
  }
}

/**
 * Waits until a process is gone; the test's time limit is the limit.
 * @param {number} pid
 */
async function gone(pid) {
  while (runs(pid)) await pause(20)
}

/** @param {number} pid */
function runs(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

module.exports = { gone, onceSaid, told }
