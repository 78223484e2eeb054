// @ts-check
'use strict'

/** `json`: the whole result, as `run()` resolves to it. */

const { writeReport } = require('./files.js')

/**
 * @param {import('./index.js').Context} context without an `output` it is written to the stream
 * @returns {import('./index.js').Reporter}
 */
function create({ stream, options }) {
  return {
    onEvent() {},
    async finish(result) {
      const text = `${JSON.stringify(result, null, 2)}\n`
      if (options.output === undefined) stream.write(text)
      else await writeReport(options.output, text)
    }
  }
}

module.exports = { create }
