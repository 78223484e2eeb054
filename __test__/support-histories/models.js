// @ts-check
'use strict'

/** What the broker's actions mean, done one by one. An operation without an output was never answered: any answer is possible then. */

/** @typedef {import('./checker.js').Operation} Operation */
/**
 * @template State
 * @typedef {import('./checker.js').Model<State>} Model
 */

/** The permits of every semaphore, and how often an item is given out, in the histories. */
const PERMITS = 3
const MAX_ATTEMPTS = 3

/** Codes of a grant that did not come: the time to wait was over, or would have been for ever. */
const REFUSALS = new Set(['timeout', 'deadlock'])

/** @param {Operation} operation @returns {never} */
function unknown({ kind, name, output }) {
  throw new Error(`${kind} has no ${name} that is answered ${JSON.stringify(output)}`)
}

/**
 * A value with its version: 0 where there is no value, null where nobody was told it. Of such a one is known that it is above `floor`.
 * @typedef {{ value: any, version: number | null, floor: number }} Register
 */

/** Somebody was told the version. @param {Register} register @param {number | undefined} version @returns {Register[]} */
function told(register, version) {
  if (version === undefined || register.version === version) return [register]
  if (register.version === null && version > register.floor) return [{ value: register.value, version, floor: version }]
  return []
}

/** @param {Register} register @param {any} value @param {number | undefined} version @returns {Register[]} */
function written(register, value, version) {
  if (version === undefined) return [{ value, version: null, floor: register.floor }]
  return version > register.floor ? [{ value, version, floor: version }] : []
}

/** @param {Register} register @param {number} wanted @param {any} value @param {any} output @returns {Register[]} */
function writtenIf(register, wanted, value, output) {
  const done = () => told(register, wanted).flatMap(now => written(now, value, output?.version))
  const refused = () => {
    if (register.version === wanted || output?.version === wanted) return []
    return told(register, output?.version)
  }
  if (output === undefined) return [...done(), ...refused()]
  return output.set ? done() : refused()
}

/** @type {Model<Register>} */
const register = {
  init: { value: undefined, version: 0, floor: 0 },
  key: ({ value, version, floor }) => `${value} ${version} ${floor}`,
  step(state, operation) {
    const { name, input, output } = operation
    switch (name) {
      case 'end':
        return [state]
      case 'get':
        if (output === undefined) return [state]
        return output.value === state.value ? told(state, output.version) : []
      case 'set':
        return written(state, input.value, output?.version)
      case 'setIf':
        return writtenIf(state, input.ifVersion, input.value, output)
      case 'del':
        if (output && output.deleted !== (state.value !== undefined)) return []
        return [{ value: undefined, version: 0, floor: state.floor }]
      default:
        return unknown(operation)
    }
  }
}

/** @type {Model<number | null>} */
const counter = {
  init: null,
  key: String,
  step(state, operation) {
    const { name, input, output } = operation
    switch (name) {
      case 'end':
        return [state]
      case 'get':
        return output === undefined || output.value === state ? [state] : []
      case 'incr': {
        const value = (state ?? 0) + input.by
        return output === undefined || output.value === value ? [value] : []
      }
      case 'del':
        return output && output.deleted !== (state !== null) ? [] : [null]
      default:
        return unknown(operation)
    }
  }
}

/** @typedef {{ owner: string | null, sharers: readonly string[], token: number }} Mutex `token`: the last one that somebody was told */

/** @param {{ token: number }} state @param {any} output */
const isLater = (state, output) => output?.token === undefined || output.token > state.token

/** @type {Model<Mutex>} */
const lock = {
  init: { owner: null, sharers: [], token: 0 },
  key: ({ owner, sharers, token }) => `${owner} ${sharers} ${token}`,
  step(state, operation) {
    const { name, process, input, output } = operation
    const { owner, sharers } = state
    const isHolder = owner === process || sharers.includes(process)
    const without = () => ({
      owner: owner === process ? null : owner,
      sharers: sharers.filter(each => each !== process),
      token: state.token
    })
    switch (name) {
      case 'end':
        return [without()]
      case 'lock': {
        // Who shares may have to wait behind one that does not, and so for other sharers.
        if (REFUSALS.has(output?.failed)) return owner !== null || sharers.length > 0 ? [state] : []
        if (owner !== null || (!input.shared && sharers.length > 0) || !isLater(state, output)) return []
        const token = output?.token ?? state.token
        return [input.shared ? { owner, sharers: [...sharers, process].sort(), token } : { owner: process, sharers, token }]
      }
      case 'release':
        return output && output.released !== isHolder ? [] : [without()]
      default:
        return unknown(operation)
    }
  }
}

/** @typedef {{ held: Readonly<Record<string, number>>, token: number }} Permits */

/** @type {Model<Permits>} */
const semaphore = {
  init: { held: {}, token: 0 },
  key: ({ held, token }) => `${Object.entries(held).sort().join(' ')} ${token}`,
  step(state, operation) {
    const { name, process, input, output } = operation
    const held = { ...state.held }
    const free = Object.values(held).reduce((left, amount) => left - amount, PERMITS)
    const mine = held[process] ?? 0
    switch (name) {
      case 'end':
        delete held[process]
        return [{ held, token: state.token }]
      case 'acquire':
        // Nobody overtakes: with fewer than all free, somebody who wants all may wait.
        if (REFUSALS.has(output?.failed)) return free < PERMITS ? [state] : []
        if (free < input.amount || !isLater(state, output)) return []
        held[process] = mine + input.amount
        return [{ held, token: output?.token ?? state.token }]
      case 'release':
        if ((output && !output.released) || mine < input.amount) return []
        if (mine > input.amount) held[process] = mine - input.amount
        else delete held[process]
        return [{ held, token: state.token }]
      default:
        return unknown(operation)
    }
  }
}

/** @typedef {{ held: Readonly<Record<string, number>>, token: number }} Numbers by worker, whose name begins with its process' */

/** @type {Model<Numbers>} */
const lease = {
  init: { held: {}, token: 0 },
  key: ({ held, token }) => `${Object.entries(held).sort().join(' ')} ${token}`,
  step(state, operation) {
    const { name, process, input, output } = operation
    const held = { ...state.held }
    switch (name) {
      case 'end':
        for (const worker of Object.keys(held)) if (worker.startsWith(`${process}/`)) delete held[worker]
        return [{ held, token: state.token }]
      case 'lease': {
        const taken = new Set(Object.values(held))
        let number = 1
        while (taken.has(number)) number++
        if (output && output.number !== number) return []
        if (held[input.worker] !== undefined || !isLater(state, output)) return []
        held[input.worker] = number
        return [{ held, token: output?.token ?? state.token }]
      }
      case 'release':
        if (output && output.released !== (held[input.worker] !== undefined)) return []
        delete held[input.worker]
        return [{ held, token: state.token }]
      default:
        return unknown(operation)
    }
  }
}

/**
 * @typedef {object} Items
 * @property {readonly string[]} fresh pushed, and not given out yet, in order
 * @property {readonly string[]} back given back: the next to be given out, in whatever order
 * @property {Readonly<Record<string, string>>} taken by whom
 * @property {Readonly<Record<string, number>>} attempts of those that were given out
 * @property {number} acked
 * @property {readonly string[]} failed
 */

/** Each of the items was given out, and comes back. @param {Items} state @param {string[]} items @returns {Items} */
function givenBack(state, items) {
  const taken = { ...state.taken }
  for (const item of items) delete taken[item]
  const isOver = (/** @type {string} */ item) => state.attempts[item] >= MAX_ATTEMPTS
  return {
    ...state,
    taken,
    back: [...state.back, ...items.filter(item => !isOver(item))].sort(),
    failed: [...state.failed, ...items.filter(isOver)].sort()
  }
}

/** @param {Items} state @param {string} item @param {string} process @returns {Items} */
function takenBy(state, item, process) {
  return {
    ...state,
    fresh: state.fresh.filter(each => each !== item),
    back: state.back.filter(each => each !== item),
    taken: { ...state.taken, [item]: process },
    attempts: { ...state.attempts, [item]: (state.attempts[item] ?? 0) + 1 }
  }
}

/** @param {Items} state @param {Operation} operation @returns {Items[]} */
function take(state, { process, output }) {
  const next = state.back.length > 0 ? state.back : state.fresh.slice(0, 1)
  if (output?.none) return next.length === 0 ? [state] : []
  const fits = (/** @type {string} */ item) => !output || (output.item === item && output.attempt === (state.attempts[item] ?? 0) + 1)
  return next.filter(fits).map(item => takenBy(state, item, process))
}

/** @param {Items} state @param {any} output */
function isDone({ fresh, back, taken, acked, failed }, output) {
  if (output.failed === 'timeout' || fresh.length + back.length + Object.keys(taken).length > 0) return false
  return output.acked === acked && String([...output.failed].sort()) === String(failed)
}

/** @type {Model<Items>} */
const queue = {
  init: { fresh: [], back: [], taken: {}, attempts: {}, acked: 0, failed: [] },
  key: ({ fresh, back, taken, attempts, acked, failed }) =>
    `${fresh};${back};${Object.entries(taken).sort()};${Object.entries(attempts).sort()};${acked};${failed}`,
  step(state, operation) {
    const { name, process, input, output } = operation
    const isMine = state.taken[input?.item] === process
    switch (name) {
      case 'end':
        return [
          givenBack(
            state,
            Object.keys(state.taken).filter(item => state.taken[item] === process)
          )
        ]
      case 'push':
        return [{ ...state, fresh: [...state.fresh, ...input.items] }]
      case 'take':
        return take(state, operation)
      case 'ack': {
        if (!isMine || (output && !output.acked)) return []
        const { [input.item]: _by, ...taken } = state.taken
        const { [input.item]: _count, ...attempts } = state.attempts
        return [{ ...state, taken, attempts, acked: state.acked + 1 }]
      }
      case 'nack':
        return isMine && output?.nacked !== false ? [givenBack(state, [input.item])] : []
      case 'release': {
        if (!isMine || output?.released === false) return []
        const { [input.item]: count, ...others } = state.attempts
        return [givenBack({ ...state, attempts: count > 1 ? { ...others, [input.item]: count - 1 } : others }, [input.item])]
      }
      case 'done':
        return output === undefined || isDone(state, output) ? [state] : []
      default:
        return unknown(operation)
    }
  }
}

module.exports = { MAX_ATTEMPTS, PERMITS, models: { register, counter, lock, semaphore, lease, queue } }
