// @ts-check
'use strict'

const { Client } = require('../client.js')
const { Flow, runFlow } = require('../flow.js')
const { ends } = require('../plugin/ends.js')

/** This thread's connection: what it holds is given back when the thread is gone. @type {InstanceType<typeof Client> | null} */
let client = null

/**
 * The connection to the broker of EPHEMERAL_PIPE, made when it is first needed.
 * @returns {InstanceType<typeof Client>}
 */
function worker() {
  if (client && client.pipe !== process.env.EPHEMERAL_PIPE) void releaseAll()
  client ??= new Client()
  return client
}

/** Gives back all that this thread has, and ends its waits. What is asked for later has a new connection. */
async function releaseAll() {
  const before = client
  client = null
  await before?.close()
}

ends.add(releaseAll)

/**
 * Asks for something as a line of work that holds nothing. Whoever waits may be about to call a release function, here or in another test: which of what is held is
 * released meanwhile cannot be known, so no wait is a deadlock for sure.
 * @template T
 * @param {() => T} ask
 */
function apart(ask) {
  return runFlow(new Flow(), ask)
}

/**
 * Gives something back that nobody waits for. Where that fails the connection is gone, and what it held with it.
 * @param {{ release(): Promise<unknown> }} held
 */
function letGo(held) {
  held.release().catch(() => false)
}

module.exports = { worker, releaseAll, apart, letGo }
