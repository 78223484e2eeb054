// @ts-check
'use strict'

/** What `run.d.ts` declares, as far as it can be held against the schema: keys of interfaces, and which texts are allowed. */

const fs = require('node:fs')
const path = require('node:path')

const SOURCE = fs.readFileSync(path.join(__dirname, '..', '..', 'run.d.ts'), 'utf8').replaceAll('\r\n', '\n')

/**
 * @param {string} name of an interface
 * @returns {Map<string, string>} its own members' types by name
 */
function membersOf(name) {
  const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(SOURCE) ?? []
  if (body === undefined) throw new Error(`run.d.ts has no interface ${name}`)
  return new Map(Array.from(body.matchAll(/^ {2}(\$?\w+)\??: (.*)$/gm), ([, key, type]) => [key, type]))
}

/**
 * @param {string} type
 * @returns {string[] | null} the texts that a union of nothing else allows
 */
function textsOf(type) {
  return /^'[^']*'(?: \| '[^']*')*$/.test(type) ? type.split(' | ').map(word => word.slice(1, -1)) : null
}

module.exports = { membersOf, textsOf }
