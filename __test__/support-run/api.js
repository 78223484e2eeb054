// @ts-check
'use strict'

/** Calls `run()` as its argument says, and writes down what came of it. */

const fs = require('node:fs')
const { run } = require('../..')

const { out, config, options, abortOn } = JSON.parse(process.argv[2])
/** @type {import('../../run.js').RunEvent[]} */
const events = []
const aborting = new AbortController()

/** @param {import('../../run.js').RunEvent} event */
function onEvent(event) {
  events.push(event)
  if (event.type === abortOn) aborting.abort('stop')
}

run(config, { ...options, onEvent, signal: aborting.signal }).then(
  result => write({ result, error: null }),
  error => write({ result: null, error: { code: error.code ?? null, message: String(error.message) } })
)

/** @param {object} outcome */
function write(outcome) {
  fs.writeFileSync(out, JSON.stringify({ ...outcome, events }))
}
