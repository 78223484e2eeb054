// @ts-check
'use strict'

const ENDS = Symbol.for('ephemeral-broker.test-file-ends')
const realm = /** @type {{ [ENDS]?: Set<() => Promise<unknown>> }} */ (/** @type {unknown} */ (globalThis))

/** What other parts of this package do at the end of each test file: a runner's process or thread may go on to the next. @type {Set<() => Promise<unknown>>} */
const ends = realm[ENDS] ?? new Set()
realm[ENDS] = ends

module.exports = { ends }
