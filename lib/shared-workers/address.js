// @ts-check
'use strict'

const { randomBytes } = require('node:crypto')
const { dirname, join } = require('node:path')

let count = 0

/**
 * Where a program listens: beside its broker, in a folder that nobody else can look into. The broker removes what is in it at its end, however that comes, and what a
 * killed host left is removed by the next broker that starts. Windows has names of pipes instead.
 * @param {string} pipe the broker's
 */
function newAddress(pipe) {
  if (process.platform === 'win32') return `\\\\.\\pipe\\ephemeral-program-${process.pid}-${randomBytes(16).toString('hex')}`
  // Shorter than the broker's own: a socket's path may have about a hundred bytes.
  return join(dirname(pipe), `p${++count}`)
}

module.exports = { newAddress }
