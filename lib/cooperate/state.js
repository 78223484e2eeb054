// @ts-check
'use strict'

/**
 * A semaphore as plain data. Each function makes the next state of it; whoever waits is served as soon as there is enough for all before him and for him.
 *
 * `held`: how much comes back when who is gone, by holder. `queue`: those who wait, the first first.
 * @typedef {import('./errors.js').Definition} Definition
 * @typedef {{ holder: string, amount: number }} Waiter
 * @typedef {Definition & { value: number, held: Record<string, number>, queue: Waiter[] }} State
 */

/**
 * @param {Definition} definition
 * @returns {State}
 */
function fresh({ initialValue, managed }) {
  return { initialValue, managed, value: initialValue, held: {}, queue: [] }
}

/**
 * Takes an amount past those who wait; null: there is less.
 * @param {State} state
 * @param {number} amount
 * @param {string} [holder] with whom it comes back
 * @returns {State | null}
 */
function take(state, amount, holder) {
  if (state.value < amount) return null
  const held = holder === undefined ? state.held : { ...state.held, [holder]: amount }
  return { ...state, value: state.value - amount, held }
}

/**
 * Takes an amount behind those who wait: now, or when it is served.
 * @param {State} state
 * @param {number} amount
 * @param {string} holder
 * @returns {State}
 */
function join(state, amount, holder) {
  const taken = state.queue.length === 0 ? take(state, amount, state.managed ? holder : undefined) : null
  return taken ?? { ...state, queue: [...state.queue, { holder, amount }] }
}

/**
 * Somebody has no more than an amount from now on, and does not wait.
 * @param {State} state
 * @param {string} holder
 * @param {number} [remaining]
 * @returns {State | null} null: so it was
 */
function giveBack(state, holder, remaining = 0) {
  const queue = state.queue.filter(waiter => waiter.holder !== holder)
  const { [holder]: before = 0, ...others } = state.held
  const isKept = remaining > 0
  if (queue.length === state.queue.length && (isKept ? before <= remaining : !Object.hasOwn(state.held, holder))) return null
  const value = state.value + Math.max(before - remaining, 0)
  return serve({ ...state, value, held: isKept ? { ...others, [holder]: remaining } : others, queue })
}

/**
 * What somebody was served does not come back with him.
 * @param {State} state
 * @param {string} holder
 * @returns {State | null} null: he has nothing
 */
function keep(state, holder) {
  if (!Object.hasOwn(state.held, holder)) return null
  const { [holder]: _, ...held } = state.held
  return { ...state, held }
}

/**
 * @param {State} state
 * @param {number} amount
 * @returns {State}
 */
function add(state, amount) {
  return serve({ ...state, value: state.value + amount })
}

/**
 * @param {State} state
 * @returns {State}
 */
function serve(state) {
  const held = { ...state.held }
  let { value } = state
  let served = 0
  for (const { holder, amount } of state.queue) {
    if (amount > value) break
    value -= amount
    // Until he knows it, also where it is not managed.
    held[holder] = amount
    served++
  }
  return { ...state, value, held, queue: state.queue.slice(served) }
}

/**
 * Who waits right before somebody; undefined: nobody, or he does not wait.
 * @param {State} state
 * @param {string} holder
 * @returns {string | undefined}
 */
function before({ queue }, holder) {
  return queue[queue.findIndex(waiter => waiter.holder === holder) - 1]?.holder
}

/**
 * @param {State} state
 * @param {string} holder
 */
function isWaiting(state, holder) {
  return state.queue.some(waiter => waiter.holder === holder)
}

module.exports = { fresh, take, join, giveBack, keep, add, before, isWaiting }
