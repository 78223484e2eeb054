// @ts-check
'use strict'

/**
 * Whether a history of concurrent operations can be explained by some order in which they took effect one by one (linearizability): the search of
 * Wing and Gong, with Lowe's memory of the configurations that it has been in (a state, and the set of operations that led there).
 */

/**
 * @typedef {object} Operation what one process asked, and what it was told
 * @property {string} process
 * @property {string} kind which model it belongs to
 * @property {string} key what it was done to; what is done to different keys is checked apart
 * @property {string} name
 * @property {any} input
 * @property {any} output undefined: it was never answered
 * @property {number} invoked
 * @property {number} returned without an output: until when it may have taken effect, if it did
 * @property {Operation} [before] the end of its process: it took effect before that
 */

/**
 * @template State
 * @typedef {object} Model
 * @property {State} init
 * @property {(state: State, operation: Operation) => State[]} step what may be so after it; none: it cannot be what happened here. It changes nothing.
 * @property {(state: State) => string} key the same for states that are the same
 */

/**
 * @typedef {object} Verdict
 * @property {boolean} linearizable
 * @property {number} configurations how many were looked at
 * @property {Operation[]} tail the last operations of the longest explanation
 * @property {Operation[]} stuck which of them could not follow: none where all could
 * @property {string} state what was so then
 */

/**
 * @typedef {object} Entry an operation's begin or end, in a list by time
 * @property {number} at which operation
 * @property {boolean} isCall
 * @property {number} time
 * @property {Entry} other
 * @property {Entry} previous
 * @property {Entry | null} next
 */

/** What is looked at before the search gives up: it fails then, as it has shown nothing. */
const MOST = 5_000_000

const SHOWN = 8

/** The entries of all operations, by time, behind one that is none. @param {Operation[]} operations */
function listOf(operations) {
  const entries = operations.flatMap(({ invoked, returned }, at) => {
    const call = /** @type {Entry} */ ({ at, isCall: true, time: invoked })
    const end = /** @type {Entry} */ ({ at, isCall: false, time: returned, other: call })
    call.other = end
    return [call, end]
  })
  // At the same time: they may have overlapped.
  entries.sort((a, b) => (a.time === b.time ? Number(b.isCall) - Number(a.isCall) : a.time < b.time ? -1 : 1))
  const head = /** @type {Entry} */ ({ at: -1, isCall: false, time: -Infinity, next: null })
  let last = head
  for (const entry of entries) {
    entry.previous = last
    entry.next = null
    last.next = entry
    last = entry
  }
  return head
}

/** @param {Entry} entry */
function unlink(entry) {
  entry.previous.next = entry.next
  if (entry.next) entry.next.previous = entry.previous
}

/** @param {Entry} entry */
function link(entry) {
  entry.previous.next = entry
  if (entry.next) entry.next.previous = entry
}

/** Takes an operation out of the list. @param {Entry} entry */
function lift(entry) {
  const call = entry.isCall ? entry : entry.other
  unlink(call)
  unlink(call.other)
}

/** Puts back the one that was taken out last. @param {Entry} entry */
function unlift(entry) {
  const call = entry.isCall ? entry : entry.other
  link(call.other)
  link(call)
}

/**
 * @template State
 * @param {Model<State>} model
 * @param {Operation[]} history
 * @param {number} [most] how many configurations to look at
 * @returns {Verdict}
 */
function check(model, history, most = MOST) {
  const operations = [...history].sort((a, b) => a.invoked - b.invoked)
  const places = new Map(operations.map((operation, at) => [operation, at]))
  const ends = operations.map(({ before }) => (before && places.get(before)) ?? -1)
  const head = listOf(operations)
  const isDone = new Uint8Array(operations.length)
  /** @type {Set<string>} */
  const seen = new Set()
  /** @type {Array<{ entry: Entry, before: State, states: State[], at: number, highest: number }>} */
  const path = []
  let state = model.init
  let highest = -1
  let entry = head.next
  /** @type {{ length: number, tail: Operation[], stuck: Operation[], state: string }} */
  let longest = { length: -1, tail: [], stuck: [], state: '' }

  /** The set is told by its last operation and those before it that are not in it: of these there are only as many as were under way at a time. @param {State} of */
  const configuration = of => {
    let text = `${highest}`
    for (let at = head.next; at && operations[at.at].invoked <= operations[highest].invoked; at = at.next) {
      if (at.isCall && at.at < highest) text += `,${at.at}`
    }
    return `${text}|${model.key(of)}`
  }

  /** Goes on with the first of the states from `from` on that is new here. @param {Entry} by @param {State[]} states @param {number} from */
  const advance = (by, states, from) => {
    const before = highest
    lift(by)
    isDone[by.at] = 1
    highest = Math.max(highest, by.at)
    for (let at = from; at < states.length; at++) {
      const key = configuration(states[at])
      if (seen.has(key)) continue
      seen.add(key)
      path.push({ entry: by, before: state, states, at, highest: before })
      state = states[at]
      entry = head.next
      return true
    }
    highest = before
    isDone[by.at] = 0
    unlift(by)
    return false
  }

  const remember = () => {
    if (path.length <= longest.length) return
    const tail = path.slice(-SHOWN).map(({ entry: { at } }) => operations[at])
    const stuck = []
    for (let at = head.next; at?.isCall; at = at.next) stuck.push(operations[at.at])
    longest = { length: path.length, tail, stuck, state: model.key(state) }
  }

  while (entry) {
    if (seen.size > most) throw new Error(`nothing shown after ${seen.size} configurations`)
    const operation = operations[entry.at]
    if (entry.isCall) {
      const isOver = ends[entry.at] >= 0 && isDone[ends[entry.at]] === 1
      if (isOver || !advance(entry, model.step(state, operation), 0)) entry = entry.next
      continue
    }
    // All that began before this end was tried. What was never answered may not have taken effect.
    if (operation.output === undefined && advance(entry, [state], 0)) continue
    remember()
    for (;;) {
      const last = path.pop()
      if (!last) return { linearizable: false, configurations: seen.size, tail: longest.tail, stuck: longest.stuck, state: longest.state }
      unlift(last.entry)
      isDone[last.entry.at] = 0
      highest = last.highest
      state = last.before
      if (advance(last.entry, last.states, last.at + 1)) break
      if (!last.entry.isCall) continue
      entry = last.entry.next
      break
    }
  }
  remember()
  return { linearizable: true, configurations: seen.size, tail: longest.tail, stuck: [], state: longest.state }
}

/** @param {Operation[]} history @returns {Map<string, Operation[]>} */
function byKey(history) {
  const parts = new Map()
  for (const operation of history) {
    const part = parts.get(operation.key)
    if (part) part.push(operation)
    else parts.set(operation.key, [operation])
  }
  return parts
}

/** For people. @param {Verdict} verdict */
function explain({ tail, stuck, state }) {
  const line = (/** @type {Operation} */ { process, name, input, output, invoked, returned }) =>
    `  ${process}: ${name} ${JSON.stringify(input)} → ${output === undefined ? 'never answered' : JSON.stringify(output)}, ${invoked}–${returned} ns`
  return [`after`, ...tail.map(line), `and so with the state ${state}, none of these can follow:`, ...stuck.map(line)].join('\n')
}

module.exports = { byKey, check, explain }
