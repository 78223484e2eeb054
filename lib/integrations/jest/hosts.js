// @ts-check
'use strict'

/** What globalSetup hosts for globalTeardown, which Jest runs in the same process. Projects whose globalSetup is another file each begin one. */

/** @typedef {Awaited<ReturnType<typeof import('../host.js').hostBroker>>} Hosted */

/** @type {Hosted[]} */
const hosts = []

module.exports = { hosts }
