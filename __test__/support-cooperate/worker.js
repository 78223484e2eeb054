// @ts-check
'use strict'

// A test worker, as a process or as a thread, that does what it is told: functions as text, each begun as soon as it is read.

const { parentPort } = require('node:worker_threads')
const cooperate = require('../../lib/cooperate')
const getPort = require('../../lib/cooperate/get-port.js')
const { worker } = require('../../lib/cooperate/worker.js')

/** @param {object} answer */
const say = answer => (parentPort ? parentPort.postMessage(answer) : process.send?.(answer))

const world = {
  ...cooperate,
  getPort,
  /** What one function leaves for later ones. @type {Record<string, any>} */
  kept: {},
  /** Until the broker has read all that was asked before. */
  ping: () => worker().ping(),
  /** The thread's connection. */
  worker
}

/** @param {{ id: number, text: string, args: unknown[] }} order */
async function obey({ id, text, args }) {
  try {
    // biome-ignore lint/security/noGlobalEval: it is the test's own text
    say({ id, value: await globalThis.eval(`(${text})`)(world, ...args) })
  } catch (error) {
    const { name, message, stack, ...members } = /** @type {any} */ (error)
    say({ id, error: { ...members, name, message, stack } })
  }
}

if (parentPort) parentPort.on('message', obey)
else process.on('message', obey)
