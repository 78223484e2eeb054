// @ts-check
'use strict'

const { fork } = require('node:child_process')

/**
 * A child process whose functions can be called. Measuring happens in such children, one library in each, so that no peer pays for
 * another's garbage or for type feedback that another left behind.
 *
 * @typedef {{ pid: number, call: (method: string, ...params: any[]) => Promise<any>, end: () => Promise<void> }} Remote
 */

/**
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<Remote>}
 */
function startRemote(script, args) {
  // Standard output is the table's alone.
  const child = fork(script, args, { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const pending = new Map()
  let lastId = 0

  const exited = new Promise(resolve => {
    child.once('exit', (code, signal) => {
      for (const { reject } of pending.values()) reject(new Error(`${script} ${args.join(' ')} ended (${signal ?? code})`))
      pending.clear()
      resolve(undefined)
    })
  })
  child.on('message', (/** @type {any} */ { id, result, error }) => {
    const request = pending.get(id)
    pending.delete(id)
    if (error !== undefined) request?.reject(new Error(`${args.join(' ')}: ${error}`))
    else request?.resolve(result)
  })

  const remote = {
    pid: /** @type {number} */ (child.pid),
    call: (/** @type {string} */ method, /** @type {any[]} */ ...params) =>
      new Promise((resolve, reject) => {
        const id = ++lastId
        pending.set(id, { resolve, reject })
        child.send({ id, method, params }, error => {
          if (error) reject(error)
        })
      }),
    end: async () => {
      if (child.connected) await remote.call('end').catch(() => {})
      if (child.connected) child.disconnect()
      await exited
    }
  }
  return remote.call('ready').then(() => remote)
}

/**
 * The other end: serves these functions to the process that started this one, and ends with it.
 *
 * @param {Record<string, (...params: any[]) => any>} methods
 */
function serve(methods) {
  const all = /** @type {typeof methods} */ ({ ready: () => true, end: () => true, ...methods })
  process.on('message', async (/** @type {any} */ { id, method, params }) => {
    try {
      const result = await all[method](...params)
      process.send?.({ id, result })
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
}

module.exports = { startRemote, serve }
