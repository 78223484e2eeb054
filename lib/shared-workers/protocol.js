// @ts-check
'use strict'

/** The name under which test workers and programs written for AVA negotiate: the semantics are the same here. */
const PROTOCOL = 'ava-4'

module.exports = { PROTOCOL }
