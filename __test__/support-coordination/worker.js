// @ts-check
'use strict'

// A worker that does what its standard input tells it: functions as text, each begun as soon as it is read, so that one may wait while others go on.
// What each came to is a line on standard output, with the time at which that was.

const readline = require('node:readline')
const { Client } = require('../..')

const client = new Client(null, { name: process.argv[2] })
/** What one function leaves for later ones. @type {Record<string, any>} */
const kept = {}

/** @param {object} line */
const say = line => process.stdout.write(`${JSON.stringify({ ...line, at: String(process.hrtime.bigint()) })}\n`)

/** @param {string} line */
async function obey(line) {
  const { id, text, args } = JSON.parse(line)
  try {
    // biome-ignore lint/security/noGlobalEval: it is the test's own text
    say({ id, value: await globalThis.eval(`(${text})`)({ client, kept, Client }, ...args) })
  } catch (error) {
    const { code = 'thrown', message, stack } = /** @type {any} */ (error)
    say({ id, error: { code, message: code === 'thrown' ? stack : message } })
  }
}

readline.createInterface({ input: process.stdin }).on('line', obey).on('close', process.exit)
