// @ts-check
'use strict'

/**
 * Whether a config is as its schema says. A validator of JSON Schema in general says which rule was broken; this one knows the part of it that
 * `schema.json` is written in, and says what to write instead: the `title` of a part is its "allowed is …".
 */

const { joinPath, showValue } = require('./problems.js')
const { didYouMean } = require('./suggest.js')

/**
 * @typedef {{
 *   $ref?: string, title?: string, description?: string, type?: string, enum?: unknown[], format?: string, pattern?: string,
 *   minLength?: number, minimum?: number, maximum?: number, exclusiveMinimum?: number, minItems?: number, maxItems?: number,
 *   items?: Schema | Schema[], properties?: Record<string, Schema>, additionalProperties?: boolean | Schema, required?: string[],
 *   minProperties?: number, anyOf?: Schema[], allOf?: Schema[], definitions?: Record<string, Schema>
 * }} Schema
 */

/**
 * @param {unknown} config
 * @param {Schema} [root]
 * @returns {string[]} what is wrong, in the order of the config
 */
function validate(config, root = require('../schema.json')) {
  /** @type {string[]} */
  const problems = []
  check({ root, problems }, root, config, '', 'a table')
  return problems
}

/**
 * One setting that stands alone, such as a variable of the environment.
 * @param {string} key
 * @param {unknown} value
 * @param {string} name what it is called where it stands
 * @param {Schema} [root]
 * @returns {string[]}
 */
function validateSetting(key, value, name, root = require('../schema.json')) {
  /** @type {string[]} */
  const problems = []
  check({ root, problems }, /** @type {Record<string, Schema>} */ (root.properties)[key], value, name, undefined)
  return problems
}

/** @typedef {{ root: Schema, problems: string[] }} Context */

/**
 * @param {Context} context
 * @param {Schema} schema
 * @param {unknown} value
 * @param {string} path
 * @param {string | undefined} allowed what is said to be allowed here, when the schema is a part of a larger choice
 */
function check(context, schema, value, path, allowed) {
  const words = allowed ?? schema.title ?? undefined
  if (schema.$ref !== undefined) check(context, resolve(context.root, schema.$ref), value, path, words)
  for (const part of schema.allOf ?? []) check(context, part, value, path, words)
  if (!isPlain(schema, value)) {
    context.problems.push(
      `${path === '' ? 'the config' : path} is ${showValue(value)}; allowed is ${words ?? describe(context.root, schema)}`
    )
    return
  }
  if (schema.anyOf !== undefined) checkAnyOf(context, schema.anyOf, value, path, words ?? describe(context.root, schema))
  if (Array.isArray(value)) checkItems(context, schema, value, path)
  else if (typeof value === 'object' && value !== null)
    checkProperties(context, schema, /** @type {Record<string, unknown>} */ (value), path)
}

/**
 * @param {Context} context
 * @param {Schema[]} choices
 * @param {unknown} value
 * @param {string} path
 * @param {string} allowed
 */
function checkAnyOf(context, choices, value, path, allowed) {
  const fitting = choices.filter(choice => acceptsType(context.root, choice, value))
  if (fitting.length === 1) {
    check(context, fitting[0], value, path, allowed)
    return
  }
  for (const choice of fitting) {
    const attempt = { root: context.root, problems: [] }
    check(attempt, choice, value, path, allowed)
    if (attempt.problems.length === 0) return
  }
  // Of a list of lists and a list of texts, no problem of one of them can be told as the problem.
  context.problems.push(`${path} is ${showValue(value)}; allowed is ${allowed}`)
}

/**
 * @param {Context} context
 * @param {Schema} schema
 * @param {unknown[]} list
 * @param {string} path
 */
function checkItems(context, { items }, list, path) {
  if (items === undefined) return
  for (const [index, item] of list.entries()) {
    const schema = Array.isArray(items) ? items[index] : items
    if (schema !== undefined) check(context, schema, item, joinPath(path, index), undefined)
  }
}

/**
 * @param {Context} context
 * @param {Schema} schema
 * @param {Record<string, unknown>} table
 * @param {string} path
 */
function checkProperties(context, { properties = {}, additionalProperties = true, required = [] }, table, path) {
  for (const [key, value] of Object.entries(table)) {
    // What an object of JavaScript has as undefined is not given.
    if (value === undefined) continue
    if (Object.hasOwn(properties, key)) check(context, properties[key], value, joinPath(path, key), undefined)
    else if (typeof additionalProperties === 'object') check(context, additionalProperties, value, joinPath(path, key), undefined)
    else if (!additionalProperties) context.problems.push(unknownKey(key, path, Object.keys(properties)))
  }
  for (const key of required) {
    if (table[key] === undefined) context.problems.push(`${path} has no ${JSON.stringify(key)}`)
  }
}

/**
 * @param {string} key
 * @param {string} path
 * @param {string[]} known
 */
function unknownKey(key, path, known) {
  return `unknown key ${JSON.stringify(key)}${path === '' ? '' : ` in ${path}`}${didYouMean(key, known)}`
}

/**
 * Whether a value keeps to what a schema says of the value itself, not of what is in it.
 * @param {Schema} schema
 * @param {unknown} value
 */
function isPlain(schema, value) {
  if (schema.type !== undefined && !isType(schema.type, value)) return false
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false
  if (typeof value === 'string') return isText(schema, value)
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity } = schema
    return value >= minimum && value <= maximum && value > exclusiveMinimum
  }
  if (Array.isArray(value)) return value.length >= (schema.minItems ?? 0) && value.length <= (schema.maxItems ?? Infinity)
  return !(typeof value === 'object' && value !== null) || Object.keys(value).length >= (schema.minProperties ?? 0)
}

/**
 * @param {Schema} schema
 * @param {string} text
 */
function isText({ minLength = 0, pattern, format }, text) {
  if (text.length < minLength) return false
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(text)) return false
  return format !== 'regex' || isRegExp(text)
}

/** @param {string} text */
function isRegExp(text) {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}

/**
 * @param {string} type
 * @param {unknown} value
 */
function isType(type, value) {
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'number') return Number.isFinite(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

/**
 * Whether a choice is for values of this kind, right or wrong.
 * @param {Schema} root
 * @param {Schema} schema
 * @param {unknown} value
 * @returns {boolean}
 */
function acceptsType(root, schema, value) {
  if (schema.$ref !== undefined) return acceptsType(root, resolve(root, schema.$ref), value)
  if (schema.enum !== undefined) return schema.enum.some(each => typeof each === typeof value)
  if (schema.anyOf !== undefined) return schema.anyOf.some(each => acceptsType(root, each, value))
  return schema.type === undefined || isType(schema.type === 'integer' ? 'number' : schema.type, value)
}

/**
 * @param {Schema} root
 * @param {string} ref `#/definitions/…`
 * @returns {Schema}
 */
function resolve(root, ref) {
  /** @type {any} */
  let schema = root
  for (const key of ref.slice(2).split('/')) schema = schema[key]
  return schema
}

/**
 * What a schema without a title allows, in words.
 * @param {Schema} root
 * @param {Schema} schema
 * @returns {string}
 */
function describe(root, schema) {
  if (schema.title !== undefined) return schema.title
  if (schema.$ref !== undefined) return describe(root, resolve(root, schema.$ref))
  if (schema.anyOf !== undefined) return join(schema.anyOf.map(each => describe(root, each)))
  if (schema.enum !== undefined) return join(schema.enum.map(each => JSON.stringify(each)))
  if (schema.type === 'integer') return `a whole number${describeLimits(schema)}`
  if (schema.type === 'number') return `a number${describeLimits(schema)}`
  return { string: 'a text', boolean: 'true or false', array: 'a list', object: 'a table' }[schema.type ?? 'object'] ?? 'a table'
}

/** @param {Schema} schema */
function describeLimits({ minimum, maximum, exclusiveMinimum }) {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `, ${minimum} or more`
  return exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`
}

/** @param {string[]} words */
function join(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

module.exports = { join, validate, validateSetting }
