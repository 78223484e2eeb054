// @ts-check
'use strict'

/** Writes docs/run-config-reference.md from the schema of the config. A test says when it is stale. */

const fs = require('node:fs')
const path = require('node:path')
const schema = /** @type {Schema} */ (/** @type {unknown} */ (require('../lib/run/schema.json')))

const PAGE = path.join(__dirname, '..', 'docs', 'run-config-reference.md')
const INTRODUCTION = `# Config reference

All keys of \`ephemeral-broker.toml\`, made from [\`schema.json\`](../lib/run/schema.json) by \`node scripts/config-reference.js\`. [The config](run-config.md) explains them
step by step. Editors complete and check a config with \`"$schema": "./node_modules/ephemeral-broker/lib/run/schema.json"\` in JSON, or a first line
\`#:schema ./node_modules/ephemeral-broker/lib/run/schema.json\` in TOML.

- A time: a number of milliseconds, or a text like \`"500ms"\`, \`"10s"\`, \`"1m30s"\` or \`"2h"\`. A size: a number of bytes, or a text like \`"512mb"\` or \`"2gb"\`.
- A command: a text, run as a shell would, or a list of a program and its arguments, run without a shell. Both may hold [placeholders](run-config.md#placeholders).
- Paths and globs begin at the root: the folder of the config file, else the working directory.
`

/** What is said above the tables, or in a table of its own. */
const NAMES = new Map([
  ['duration', 'a time'],
  ['time', 'a time above 0'],
  ['size', 'a size'],
  ['command', 'a command'],
  ['dir', '[a table](#directories)'],
  ['readiness', '[a table](#readiness)'],
  ['secrets', '[a table](#secrets)'],
  ['projectOutput', '[a table](#what-output-says)'],
  ['groupLimit', '[tables](#groups) by name'],
  ['rateLimit', '[tables](#rate-limits) by name']
])

/**
 * The tables, each with what refers to it.
 * @type {ReadonlyArray<readonly [title: string, where: string, definition: string]>}
 */
const TABLES = [
  ['The run', 'At the top, and in `profiles.<name>`.', 'runSettings'],
  ['Tests', 'At the top, in a project, in an override, and in a profile.', 'testSettings'],
  ['Projects', '`[[projects]]`; with one project, at the top.', 'project'],
  ['Static tests', 'In `tests` of a project, in place of a name.', 'staticTest'],
  ['What output says', '`output` of a project.', 'projectOutput'],
  ['Overrides', '`[[overrides]]`, at the top or in a profile. Beside `where`: all keys of [tests](#tests).', 'override'],
  ['Servers', '`[server]`, and each of `[[services]]`.', 'server'],
  ['Readiness', '`ready` of a server.', 'readiness'],
  ['Directories', '`[dir]`.', 'dir'],
  ['Retries', '`[retries]`.', 'retriesTable'],
  ['Cache', '`[cache]`.', 'cacheTable'],
  ['Groups', '`[groups.<name>]`.', 'groupLimit'],
  ['Rate limits', '`[rateLimits.<name>]`.', 'rateLimit'],
  ['Pools', '`[pools.<name>]`, in place of a list of values or a number.', 'poolTable'],
  ['Secrets', '`[secrets]`.', 'secrets']
]

/**
 * As much of a JSON schema as ours uses.
 * @typedef {{
 *   $ref?: string, title?: string, description?: string, type?: string, enum?: unknown[], default?: unknown, items?: Schema, required?: string[], minimum?: number,
 *   properties?: Record<string, Schema>, additionalProperties?: Schema | boolean, definitions: Record<string, Schema>
 * }} Schema
 */

/** @param {Schema} given @returns {Schema} with what it refers to; what it says itself comes first */
function resolve(given) {
  if (given.$ref === undefined) return given
  /** @type {any} */
  let target = schema
  for (const part of given.$ref.slice('#/'.length).split('/')) target = target[part]
  return { ...resolve(target), ...given, $ref: undefined }
}

/** @param {Schema} given @returns {string} */
function typeOf(given) {
  const named = NAMES.get(given.$ref?.split('/').at(-1) ?? '')
  if (named) return named
  const { title, enum: values, type, additionalProperties, minimum = 0 } = resolve(given)
  if (values) return values.map(value => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``).join(', ')
  if (title) return title
  if (type === 'object' && typeof additionalProperties === 'object') return ofEach(typeOf(additionalProperties))
  const names = {
    string: 'a text',
    boolean: 'true or false',
    integer: `a whole number, ${minimum} or more`,
    number: 'a number',
    object: 'a table',
    array: 'a list'
  }
  return names[/** @type {keyof typeof names} */ (type)] ?? 'a table'
}

/** @param {string} type @returns {string} */
const ofEach = type =>
  type.startsWith('[tables]') ? type : `a table of ${type.startsWith('a text') ? 'texts' : 'these'}: ${type}`.replace(/: a text.*/, '')

/** @param {string} text */
const cell = text => text.replaceAll('|', '\\|').replace(/(?<!`)(\{\w+\})(?!`)/g, '`$1`')

/** @param {string} definition */
function rowsOf(definition) {
  const { properties = {}, required = [] } = schema.definitions[definition]
  // What each table has by being one of tests' settings is said once.
  const shared = definition === 'testSettings' ? {} : (schema.definitions.testSettings.properties ?? {})
  return Object.entries(properties).flatMap(([name, given]) => {
    if (Object.hasOwn(shared, name) && given.$ref?.startsWith('#/definitions/testSettings/')) return []
    const { description = '', default: value } = resolve(given)
    const byDefault = required.includes(name) ? 'required' : value === undefined ? '' : `\`${JSON.stringify(value)}\``
    return [`| \`${name}\` | ${cell(typeOf(given))} | ${byDefault} | ${cell(description)} |`, ...whereOf(name, given)]
  })
}

/** The keys of a table that stands nowhere else. @param {string} name @param {Schema} given */
function whereOf(name, given) {
  if (name !== 'where') return []
  return Object.entries(given.properties ?? {}).map(
    ([key, each]) => `| \`${name}.${key}\` | ${cell(typeOf(each))} | | ${cell(each.description ?? '')} |`
  )
}

/** @returns {string} the page */
function reference() {
  const sections = TABLES.map(([title, where, definition]) =>
    [`## ${title}`, '', where, '', '| key | allowed | default | |', '|---|---|---|---|', ...rowsOf(definition)].join('\n')
  )
  const top = ['$schema', 'projects', 'overrides', 'profiles'].map(name => {
    const { description = '' } = resolve(schema.properties?.[name] ?? schema)
    return `| \`${name}\` | ${cell(description)} |`
  })
  const only = ['## Only at the top', '', '| key | |', '|---|---|', ...top].join('\n')
  return [INTRODUCTION, `${sections.join('\n\n')}\n`, `${only}\n`].join('\n')
}

if (require.main === module) fs.writeFileSync(PAGE, reference())

module.exports = { reference }
