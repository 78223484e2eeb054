// @ts-check
'use strict'

/** What goes on in a broker, as lines for people. */

const { columns, harmless, some, span } = require('./text.js')

/**
 * @typedef {import('../..').Inspection} Inspection
 * @typedef {Inspection['sessions'][number]} Session
 * @typedef {Session['holds'][number]} Hold
 * @typedef {Session['waits'][number]} Wait
 */

/** What there is no turn for: all that wait are let go together. */
const TOGETHER = new Set(['barrier', 'value', 'once'])

/** How many lines a session's holds and waits have each. */
const MOST = 20

/** How many of those that hold something are named to one who waits. */
const NAMED = 3

/**
 * The tables first, whose length is known; who is connected last, so that a screen that is too small shows what is scarce. What others
 * named is made harmless.
 * @param {Inspection} inspection
 * @returns {string[]}
 */
function linesOf(inspection) {
  const { sessions, pools, queues, limits, barriers } = inspection
  const waiting = sessions.filter(session => session.waits.length > 0).length
  const sections = [
    table(
      ['POOL', 'HELD', 'WAITING', 'PEAK', 'DISCARDED', 'POLICY'],
      pools.map(pool => [
        harmless(pool.name),
        pool.size === null ? String(pool.held) : `${pool.held}/${pool.size}`,
        ...[pool.waiting, pool.peak, pool.discarded].map(String),
        harmless(pool.policy)
      ]),
      [1, 2, 3, 4]
    ),
    table(
      ['QUEUE', 'READY', 'TAKEN', 'ACKED', 'FAILED', 'WAITING'],
      queues.map(queue => [harmless(queue.name), ...[queue.ready, queue.taken, queue.acked, queue.failed, queue.waiting].map(String)]),
      [1, 2, 3, 4, 5]
    ),
    table(
      ['LIMIT', 'PASSED', 'WAITING', 'RATE'],
      limits.map(limit => [
        harmless(limit.name),
        ...[limit.passed, limit.waiting].map(String),
        `${limit.max} in ${span(limit.per)}, ${limit.burst} at once`
      ]),
      [1, 2]
    ),
    table(
      ['BARRIER', 'WAITING', ''],
      barriers.map(barrier => [harmless(barrier.name), `${barrier.waiting}/${barrier.parties}`, barrier.broken ? 'broken' : '']),
      [1]
    ),
    [`${some(sessions.length, 'session')}${waiting > 0 ? `, ${waiting} waiting` : ''}`, ...sessionLines(sessions)]
  ]
  return sections.filter(lines => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]))
}

/**
 * @param {string[]} head
 * @param {string[][]} body
 * @param {number[]} right
 */
const table = (head, body, right) => (body.length === 0 ? [] : columns([head, ...body], { right }))

/** @param {Session[]} sessions */
function sessionLines(sessions) {
  const holders = findHolders(sessions)
  const names = columns(sessions.map(session => [harmless(session.name), session.pid === null ? '' : `pid ${session.pid}`, doing(session)]))
  const rows = sessions.map(session => [
    ...firstOf(session.holds, hold => ['  holds', held(hold), span(hold.heldFor)]),
    ...firstOf(session.waits, wait => [
      '  waits',
      wanted(wait),
      span(wait.waited),
      [turn(wait), by(wait, holders)].filter(Boolean).join(', ')
    ])
  ])
  const aligned = columns(rows.flat(), { right: [2] })
  return sessions.flatMap((_, index) => [names[index], ...aligned.splice(0, rows[index].length)])
}

/**
 * A worker may do a thousand things at once.
 * @template T
 * @param {T[]} things
 * @param {(thing: T) => string[]} row
 */
function firstOf(things, row) {
  const rows = things.slice(0, MOST).map(row)
  return things.length > MOST ? [...rows, ['', `… ${things.length - MOST} more`]] : rows
}

/** @param {Session} session */
const doing = ({ test }) => (test === null ? '' : `'${harmless(test)}'`)

/** @param {Hold} hold */
function held({ kind, name, number, shared, amount }) {
  const what = `${kind} ${harmless(name)}`.trimEnd()
  if (number !== null) return `${what} #${number}`
  if (amount !== undefined && amount !== 1) return `${what} ×${amount}`
  return shared ? `${what} (shared)` : what
}

/** @param {Wait} wait */
const wanted = ({ kind, name }) => `${kind} ${harmless(name)}`

/** @param {Wait} wait */
function turn({ kind, ahead }) {
  if (TOGETHER.has(kind)) return ''
  return ahead === 0 ? 'next' : `${ahead} ahead`
}

/**
 * @param {Wait} wait
 * @param {Map<string, Set<string>>} holders
 */
function by(wait, holders) {
  const names = [...(holders.get(keyOf(wait)) ?? [])]
  if (names.length === 0) return ''
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  return `held by ${names.slice(0, NAMED).join(', ')}${more}`
}

/**
 * Who holds what.
 * @param {Session[]} sessions
 */
function findHolders(sessions) {
  /** @type {Map<string, Set<string>>} */
  const holders = new Map()
  for (const { name, holds } of sessions) {
    for (const hold of holds) {
      const key = keyOf(hold)
      const names = holders.get(key) ?? new Set()
      holders.set(key, names.add(harmless(name)))
    }
  }
  return holders
}

/** @param {Hold | Wait} thing */
const keyOf = ({ kind, name }) => `${kind} ${name}`

module.exports = { linesOf }
