// @ts-check
'use strict'

const { checkMembers } = require('./calls.js')
const { BrokerError, show } = require('./errors.js')
const { requireFunction } = require('./held.js')
const { Iteration } = require('./iteration.js')
const { keyText, set, ttlText, valueIn, valueText } = require('./operations.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */

/** Its reply is that there is none. */
const NO_VALUE = new Set(['not_found', 'expired'])

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} key
 * @returns {Ask}
 */
function withVersion(_calls, _options, key) {
  return {
    label: `get ${show(key)}`,
    body: `"action":"get","key":${keyText(key)},"version":true`,
    decode: (reply, _subject, broker) => ({ value: valueIn(reply, key, broker), version: reply.version }),
    refused: ({ error = '' }) => (NO_VALUE.has(error) ? { value: undefined, version: 0 } : undefined),
    members: []
  }
}

/**
 * @param {Calls} calls
 * @param {string} key
 * @param {(value: any) => any} fn
 * @param {any} [options]
 */
async function update(calls, key, fn, options) {
  requireFunction(fn, 'update')
  checkMembers(`update ${show(key)}`, options, ['ttl'])
  const { ttl, timeout, signal } = options ?? {}
  while (true) {
    const { value, version } = await calls.ask(withVersion, { timeout, signal }, key)
    const next = await fn(value)
    const keepTTL = ttl === undefined && version > 0
    if (await calls.call(set, { timeout, signal }, key, next, /** @type {any} */ ({ ttl, keepTTL, ifVersion: version }))) return next
  }
}

/**
 * @param {Calls} _calls
 * @param {{ ttl?: number }} options
 * @param {string} key
 * @param {number} [by]
 * @returns {Ask}
 */
function incr(_calls, { ttl }, key, by = 1) {
  if (!Number.isFinite(by)) throw new BrokerError('invalid_option', `incr adds a number, not ${show(by)}`)
  return {
    label: `incr ${show(key)}`,
    body: `"action":"incr","key":${keyText(key)},"by":${by}${ttlText(ttl)}`,
    decode: reply => reply.value,
    members: ['ttl']
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} key
 * @returns {Ask}
 */
function waitFor(_calls, _options, key) {
  return {
    label: `waitFor ${show(key)}`,
    body: `"action":"waitFor","key":${keyText(key)}`,
    decode: (reply, _subject, broker) => valueIn(reply, key, broker),
    waits: 'wait',
    undo: nothing,
    members: []
  }
}

/**
 * The change after a version.
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} key
 * @param {number} after
 * @returns {Ask}
 */
function change(_calls, _options, key, after) {
  return {
    label: `watch ${show(key)}`,
    body: `"action":"watch","key":${keyText(key)},"after":${after}`,
    decode: (reply, _subject, broker) => ({
      value: reply.version === 0 ? undefined : valueIn(reply, key, broker),
      version: reply.version
    }),
    waits: 'wait',
    undo: nothing
  }
}

/**
 * @param {Calls} calls
 * @param {string} key
 * @param {{ signal?: AbortSignal }} [options]
 */
function watch(calls, key, options) {
  keyText(key)
  checkMembers(`watch ${show(key)}`, options, [])
  /** @type {number | undefined} */
  let seen
  return new Iteration(async signal => {
    const entry =
      seen === undefined ? await calls.ask(withVersion, { signal }, key) : await calls.ask(change, { signal, wait: Infinity }, key, seen)
    seen = entry.version
    return { value: entry }
  }, options?.signal)
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} list
 * @param {readonly unknown[]} items
 * @returns {Ask}
 */
function append(_calls, _options, list, items) {
  return {
    label: `append ${show(list)}`,
    body: `"action":"append","list":${keyText(list, "a list's name")},"items":[${items.map(item => valueText(list, item)).join(',')}]`,
    decode: reply => reply.length
  }
}

/**
 * A part of a list.
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} list
 * @param {number} from
 * @returns {Ask}
 */
function page(_calls, _options, list, from) {
  return {
    label: `collect ${show(list)}`,
    body: `"action":"collect","list":${keyText(list, "a list's name")},"from":${from}`,
    decode: reply => reply,
    members: []
  }
}

/**
 * @param {Calls} calls
 * @param {string} list
 * @param {any} [options]
 */
async function collect(calls, list, options) {
  /** @type {any[]} */
  let all = []
  /** @type {number | undefined} */
  let from = 0
  while (from !== undefined) {
    const part = /** @type {Record<string, any>} */ (await calls.ask(page, options, list, from))
    all = all.length === 0 ? part.items : all.concat(part.items)
    from = part.next
  }
  return all
}

/** @returns {string[]} */
function nothing() {
  return []
}

module.exports = { withVersion, update, incr, waitFor, watch, append, collect, nothing }
