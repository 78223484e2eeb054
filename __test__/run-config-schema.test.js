// @ts-check
'use strict'

/** The schema of a run's config, against the validator that reads it and the declarations. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { validate } = require('../lib/run/config/validate.js')
const { membersOf, textsOf } = require('./support-run-config/declarations.js')
const { maximal } = require('./support-run-config/maximal.js')

/** @type {any} */
const schema = require('../lib/run/schema.json')

describe('the schema', () => {
  const Ajv = require('ajv').default
  const accepts = new Ajv({ formats: { regex: true }, strict: false }).compile(schema)

  test('and the validator agree', () => {
    assert.ok(accepts(maximal), JSON.stringify(accepts.errors))
    assert.deepEqual(validate(maximal), [])
    // Each value replaced by each of these, and each table given a key too many.
    const values = [null, true, false, 0, 1, -1, 1.5, 'x', '', 'auto', '1s', '0s', '/x', [], ['x'], [[]], {}, { x: 1 }, 99_999]
    let refused = 0
    for (const changed of variants(maximal, values)) {
      const expected = accepts(changed)
      if (!expected) refused++
      assert.equal(validate(changed).length === 0, expected, `${JSON.stringify(changed)}: ${JSON.stringify(accepts.errors)}`)
    }
    assert.ok(refused > 1000)
  })

  test('and the declarations do not drift', () => {
    for (const [name, definition, inherited] of /** @type {Array<[string, any, string[]]>} */ ([
      ['Retries', schema.definitions.retriesTable, []],
      ['Readiness', schema.definitions.readiness, []],
      ['ServerConfig', schema.definitions.server, []],
      ['DirConfig', schema.definitions.dir, []],
      ['CacheConfig', schema.definitions.cacheTable, []],
      ['TestSettings', schema.definitions.testSettings, []],
      ['RateLimit', schema.definitions.rateLimit, []],
      ['ProjectConfig', schema.definitions.project, ['TestSettings']],
      ['Override', schema.definitions.override, ['TestSettings']],
      ['RunSettings', schema.definitions.runSettings, ['TestSettings']],
      ['RunConfig', schema, ['RunSettings', 'TestSettings', 'ProjectConfig']]
    ])) {
      const members = new Map([name, ...inherited].flatMap(each => [...membersOf(each)]))
      assert.deepEqual(Object.keys(definition.properties).sort(), [...members.keys()].sort(), name)
      for (const [key, type] of membersOf(name)) {
        const texts = textsOf(type)
        if (texts !== null) assert.deepEqual([...definition.properties[key].enum].sort(), texts.sort(), `${name}.${key}`)
      }
    }
    assert.deepEqual(
      Object.keys(schema.definitions.profile.properties).sort(),
      [...Object.keys(schema.definitions.runSettings.properties), 'overrides'].sort()
    )
  })

  test('describes all that it names', () => {
    /** @type {(part: any) => string} */
    const describe = part =>
      part.description ??
      describe(
        part.$ref
          .slice(2)
          .split('/')
          .reduce((/** @type {any} */ at, /** @type {string} */ key) => at[key], schema)
      )
    for (const [name, { properties = {} }] of [['', schema], ...Object.entries(schema.definitions)]) {
      for (const [key, property] of Object.entries(properties)) assert.ok(describe(property).endsWith('.'), `${name}.${key}`)
    }
  })

  test('is what the package gives', () => {
    assert.equal(require('ephemeral-broker/schema.json'), schema)
  })
})

/**
 * @param {any} value
 * @param {readonly unknown[]} others
 * @returns {Generator<any>} copies, each different in one place
 */
function* variants(value, others) {
  if (typeof value !== 'object' || value === null) return
  const copy = (/** @type {string} */ key, /** @type {unknown} */ other) =>
    Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }
  for (const [key, inner] of Object.entries(value)) {
    for (const other of others) yield copy(key, other)
    for (const other of variants(inner, others)) yield copy(key, other)
  }
  if (!Array.isArray(value)) yield { ...value, unheardOf: 1 }
}
