// @ts-check
'use strict'

const failures = require('../failures.js')

/** @typedef {InstanceType<typeof import('../inbox.js').Inbox>} Inbox */
/** @typedef {import('./index.js').Reply} Reply */

/** The inboxes of a connection, by the ids under which the broker knows them. */
class Inboxes {
  /** @type {Map<number, Inbox>} */
  #inboxes = new Map()

  /**
   * @param {number} id
   * @param {Inbox} inbox
   */
  add(id, inbox) {
    this.#inboxes.set(id, inbox)
  }

  /** @param {number} id */
  delete(id) {
    this.#inboxes.delete(id)
  }

  /**
   * A message came. For one that has ended on this side, it came too late.
   * @param {Reply} event
   * @param {ArrayBuffer | null} payload
   */
  take(event, payload) {
    this.#inboxes.get(event.subscription)?.take(event, payload)
  }

  /**
   * The broker ended one.
   * @param {Reply} event
   */
  finish({ subscription, ...why }) {
    this.#inboxes.get(subscription)?.end(why.error === undefined ? null : failures.refused(why))
  }

  /** @param {() => unknown} why */
  finishAll(why) {
    for (const inbox of [...this.#inboxes.values()]) inbox.end(why())
  }
}

module.exports = { Inboxes }
