// @ts-check
'use strict'

// Taken now, before a test replaces the clock.
const { setTimeout, clearTimeout } = require('node:timers')
const native = require('../native.js')

/** How long a timer may keep a realm alive that is otherwise over, in ms. */
const MAX_WAIT = 250

/**
 * One timer for all deadlines of an owner, which it does not hold: a client that nobody uses any more is collected, and closed with that. But a timer
 * holds the realm that its function is of, and in Jest that is a test file with all it has made. So it is a short one, and may ring early: who is
 * called sets it again for as long as something is awaited.
 */
class Alarm {
  #owner
  #at = Infinity
  /** @type {NodeJS.Timeout | null} */
  #timer = null

  /** @param {{ expire(): void }} owner */
  constructor(owner) {
    this.#owner = new WeakRef(owner)
  }

  /**
   * Rings at a deadline or before, unless it rings earlier already.
   * @param {number} deadline
   */
  set(deadline) {
    if (deadline >= this.#at) return
    const now = native.now()
    const wait = Math.min(Math.max(deadline - now, 1), MAX_WAIT)
    this.#at = now + wait
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(ring, wait, new WeakRef(this)).unref()
  }

  /** Until it is set again. */
  cancel() {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#at = Infinity
  }

  ring() {
    this.#at = Infinity
    this.#owner.deref()?.expire()
  }
}

/** @param {WeakRef<Alarm>} alarm */
function ring(alarm) {
  alarm.deref()?.ring()
}

module.exports = { Alarm }
