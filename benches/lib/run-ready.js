// @ts-check
'use strict'

// How long after a server listens the run knows: milliseconds on standard output.
//   node run-ready.js <folder> <test program> <the server's delay in milliseconds>

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { run } = require('../..')
const { now } = require('./sample')

const [, , root, program, delay] = process.argv
/** @type {number | undefined} */
let seen
/** @type {string | undefined} */
let log

run(
  {
    workers: 1,
    tests: ['nothing'],
    run: [program],
    server: { command: [process.execPath, join(__dirname, 'run-server.js'), delay], ready: '/' }
  },
  {
    root,
    onEvent(event) {
      if (event.type === 'serverReady') seen = now()
      if (event.type === 'serverStarted') log = event.log
    }
  }
).then(result => {
  if (!result.ok || seen === undefined || log === undefined) throw new Error(JSON.stringify(result.errors))
  process.stdout.write(`${(seen - Number(readFileSync(log, 'utf8'))) / 1000}\n`)
})
