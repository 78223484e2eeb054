// @ts-check
'use strict'

// What a page says is run, what a run says, and whether what it started is gone.

const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { isAlive } = require('../support/alive.js')

const cli = path.join(__dirname, '..', '..', 'bin', 'ephemeral-broker.js')

/**
 * What Node is to run where a page says `npx ephemeral-broker start -- npx runner …`, or `npx runner …`.
 * @param {string[]} words
 * @param {string} program the runner's
 * @returns {string[]}
 */
function argumentsOf([, name, ...rest], program) {
  if (name !== 'ephemeral-broker') return [program, ...rest]
  const command = rest.indexOf('--') + 1
  return [cli, ...rest.slice(0, command), process.execPath, ...argumentsOf(rest.slice(command), program)]
}

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
  while (isAlive(pid)) await pause(20)
}

module.exports = { argumentsOf, gone, onceSaid, told }
