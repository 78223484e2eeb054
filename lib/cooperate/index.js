// @ts-check
'use strict'

const { show } = require('../errors.js')
const { LockAcquisitionError, SemaphoreCreationError, SemaphoreDownError } = require('./errors.js')
const { Lock } = require('./lock.js')
const { checkId } = require('./names.js')
const { ManagedSemaphore, UnmanagedSemaphore } = require('./semaphores.js')
const { releaseAll, worker } = require('./worker.js')

const RESERVABLE = new Set(['bigint', 'number', 'string', 'boolean'])

/** What all workers of a run share under an id. */
class SharedContext {
  /** @param {string} id */
  constructor(id) {
    checkId(id, 'a SharedContext')
    this.id = id
  }

  /** @param {string} id */
  createLock(id) {
    return new Lock(this, id)
  }

  /**
   * @param {string} id
   * @param {number} initialValue
   */
  createSemaphore(id, initialValue) {
    return new ManagedSemaphore(this, id, initialValue)
  }

  /**
   * @param {string} id
   * @param {number} initialValue
   */
  createUnmanagedSemaphore(id, initialValue) {
    return new UnmanagedSemaphore(this, id, initialValue)
  }

  /**
   * @template {bigint | number | string | boolean} T
   * @param {...T} values
   * @returns {Promise<T[]>}
   */
  async reserve(...values) {
    const names = values.map(value => reservationOf(this.id, value))
    const reserved = await worker().reserve(...names)
    return reserved.map(name => values[names.indexOf(name)])
  }
}

/**
 * By what the broker knows a value of a context: the same for those alone that a `Set` takes for one.
 * @param {string} contextId
 * @param {unknown} value
 */
function reservationOf(contextId, value) {
  if (!RESERVABLE.has(typeof value)) {
    throw new TypeError(`strings, numbers, bigints and booleans can be reserved, not ${show(value)}: they are the same in all workers`)
  }
  // As JSON, for halves of surrogate pairs.
  return ['cooperate', JSON.stringify(contextId), typeof value, typeof value === 'string' ? JSON.stringify(value) : String(value)]
}

module.exports = {
  SharedContext,
  Lock,
  ManagedSemaphore,
  UnmanagedSemaphore,
  LockAcquisitionError,
  SemaphoreDownError,
  SemaphoreCreationError,
  releaseAll
}
