// @ts-check
'use strict'

const { LockAcquisitionError } = require('./errors.js')
const { checkId, nameOf } = require('./names.js')
const { apart, letGo, worker } = require('./worker.js')

/** @typedef {import('../../cooperate.js').SharedContext} SharedContext */

class Lock {
  #name

  /**
   * @param {SharedContext} context
   * @param {string} id
   */
  constructor(context, id) {
    checkId(id, 'a lock')
    this.id = id
    this.#name = nameOf('cooperate', context.id, id)
  }

  async acquire() {
    const held = await apart(() => worker().lock(this.#name, { wait: Infinity }))
    return () => letGo(held)
  }

  async acquireNow() {
    const held = await apart(() => worker().tryLock(this.#name))
    if (!held) throw new LockAcquisitionError(this.id)
    return () => letGo(held)
  }
}

module.exports = { Lock }
