// @ts-check
'use strict'

/** `jsonl`: each event in a line of JSON, as it happens. A file gets its name when the run is over. */

const { GrowingReport } = require('./files.js')

/**
 * @param {import('./index.js').Context} context without an `output` it is written to the stream
 * @returns {import('./index.js').Reporter}
 */
function create({ stream, options }) {
  const report = options.output === undefined ? null : new GrowingReport(options.output)
  const target = report ?? stream
  return {
    onEvent(event) {
      target.write(`${JSON.stringify(event)}\n`)
    },
    finish: () => report?.end()
  }
}

module.exports = { create }
