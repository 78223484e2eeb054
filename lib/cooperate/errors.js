// @ts-check
'use strict'

class LockAcquisitionError extends Error {
  /** @param {string} lockId */
  constructor(lockId) {
    super(`the lock ${JSON.stringify(lockId)} is held, and acquireNow() does not wait for it`)
    this.lockId = lockId
  }

  get name() {
    return 'LockAcquisitionError'
  }
}

class SemaphoreDownError extends Error {
  /**
   * @param {string} semaphoreId
   * @param {number} amount
   */
  constructor(semaphoreId, amount) {
    super(`the semaphore ${JSON.stringify(semaphoreId)} cannot be decremented by ${amount} now, without waiting`)
    this.semaphoreId = semaphoreId
    this.amount = amount
  }

  get name() {
    return 'SemaphoreDownError'
  }
}

/** @typedef {{ initialValue: number, managed: boolean }} Definition what all who use a semaphore must agree on */

class SemaphoreCreationError extends Error {
  /**
   * @param {string} semaphoreId
   * @param {Definition} wanted
   * @param {Definition} actual
   */
  constructor(semaphoreId, wanted, actual) {
    super(
      `the semaphore ${JSON.stringify(semaphoreId)} is ${described(actual)} in this run: it cannot be ${described(wanted)} too. ` +
        'Create it alike everywhere, or under another id'
    )
    this.semaphoreId = semaphoreId
  }

  get name() {
    return 'SemaphoreCreationError'
  }
}

/** @param {Definition} definition */
function described({ managed, initialValue }) {
  return `${managed ? 'a managed' : 'an unmanaged'} one with the initial value ${initialValue}`
}

module.exports = { LockAcquisitionError, SemaphoreDownError, SemaphoreCreationError }
