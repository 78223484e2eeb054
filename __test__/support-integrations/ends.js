// @ts-check
'use strict'

// What is left when a run is over.

const { gone } = require('./output.js')

/** @param {string} output the leaks that it tells of, without who had them */
const leaksIn = output => [...output.matchAll(/^ephemeral-broker: not released: (.*) by \S+/gm)].map(([, leak]) => leak)

/**
 * Waits until no process that ran tests is there any more.
 * @param {{ ledger(): Array<{ pid: number }> }} project
 */
async function nobodyIsLeft(project) {
  for (const { pid } of project.ledger()) await gone(pid)
}

module.exports = { leaksIn, nobodyIsLeft }
