// @ts-check
'use strict'

/** Reporters as they are written in one word: `junit`, or with a file, `junit=report.xml`. */

const { reporterName } = require('../schema.json').definitions

const NAMES = /** @type {readonly import('../../../run.js').ReporterName[]} */ (reporterName.enum)
/** These tell at once what happens; the others write a file. */
const TO_STDOUT = new Set(['list', 'dot', 'github'])

/**
 * @param {string} word
 * @returns {import('../../../run.js').ReporterConfig | null} null: there is no such reporter
 */
function parseReporter(word) {
  const [, name, output] = /^([^=]*)(?:=(.+))?$/su.exec(word) ?? []
  const known = NAMES.find(each => each === name)
  if (known === undefined || (output !== undefined && TO_STDOUT.has(known))) return null
  return output === undefined ? known : [known, { output }]
}

module.exports = { NAMES, TO_STDOUT, parseReporter }
