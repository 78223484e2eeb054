// @ts-check
'use strict'

/** @typedef {InstanceType<typeof import('./pending.js').Pending>} Request */

/** The requests of a connection that one signal gives up. It is listened to for as long as there are any, and once for all of them. */
class SignalRequests {
  #signal
  #giveUp
  #onEmpty
  /** @type {Set<Request>} */
  #requests = new Set()
  #onAbort = () => {
    for (const pending of [...this.#requests]) this.#giveUp(pending)
  }

  /**
   * @param {AbortSignal} signal
   * @param {(pending: Request) => void} giveUp
   * @param {() => void} onEmpty
   */
  constructor(signal, giveUp, onEmpty) {
    this.#signal = signal
    this.#giveUp = giveUp
    this.#onEmpty = onEmpty
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @param {Request} pending */
  add(pending) {
    this.#requests.add(pending)
  }

  /** @param {Request} pending */
  delete(pending) {
    this.#requests.delete(pending)
    if (this.#requests.size > 0) return
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#onEmpty()
  }
}

module.exports = { SignalRequests }
