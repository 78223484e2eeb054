// @ts-check
'use strict'

// What a page says is run, what a runner printed, what is done when it does, and when a process of it is gone.

const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')

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

/** The lines of this package. @param {string} output */
const told = output => output.split('\n').filter(line => line.startsWith('ephemeral-broker: '))

/**
 * @param {string} words
 * @param {(child: import('node:child_process').ChildProcess) => void} act when they are printed for the first time
 * @returns {(output: string, child: import('node:child_process').ChildProcess) => void}
 */
function onceSaid(words, act) {
  let isDone = false
  return (output, child) => {
    if (isDone || !output.includes(words)) return
    isDone = true
    act(child)
  }
}

/** Settles when a process is gone: one that stays is the test's timeout. @param {number} pid */
async function gone(pid) {
  while (isAlive(pid)) await pause(20)
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

module.exports = { argumentsOf, gone, onceSaid, told }
