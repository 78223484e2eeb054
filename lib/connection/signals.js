// @ts-check
'use strict'

/** @typedef {InstanceType<typeof import('./pending.js').Pending>} Request */

/** The signals that give requests up. One may be many requests': it is listened to once. */
class Signals {
  #giveUp
  /** @type {WeakMap<AbortSignal, SignalRequests>} */
  #bySignal = new WeakMap()

  /** @param {(pending: Request, signal: AbortSignal) => void} giveUp */
  constructor(giveUp) {
    this.#giveUp = giveUp
  }

  /**
   * @param {Request} pending
   * @param {AbortSignal} signal
   */
  listen(pending, signal) {
    const requests = this.#bySignal.get(signal) ?? this.#requestsOf(signal)
    requests.add(pending)
    pending.release = () => requests.delete(pending)
  }

  /** @param {AbortSignal} signal */
  #requestsOf(signal) {
    const requests = new SignalRequests(
      signal,
      pending => this.#giveUp(pending, signal),
      () => this.#bySignal.delete(signal)
    )
    this.#bySignal.set(signal, requests)
    return requests
  }
}

/** The requests of one signal. It is listened to for as long as there are any. */
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

module.exports = { Signals }
