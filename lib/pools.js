// @ts-check
'use strict'

const { BrokerError, show } = require('./errors.js')
const { Held, releaseBody } = require('./held.js')
const { keyText, nameOf, ttlText, valueText } = require('./operations.js')
const { kinds } = require('./options.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */
/** @typedef {import('./connection/index.js').Reply} Reply */

class Lease extends Held {
  /**
   * @param {Calls} calls
   * @param {Record<string, any>} granted
   * @param {number} [waited]
   */
  constructor(calls, granted, waited) {
    super(calls, { token: granted.token, waited })
    this.pool = granted.pool
    this.number = granted.number
    this.value = valueIn(granted)
  }

  /** @param {number} [ttl] */
  renew(ttl) {
    return this._use((_calls, _options, token) => ({
      label: `renew of ${show(this.pool)}`,
      body: `"action":"renew","token":${token}${ttlText(ttl)}`,
      decode: () => undefined
    }))
  }

  /** @param {string} [reason] */
  async discard(reason) {
    if (reason !== undefined && typeof reason !== 'string') {
      throw new BrokerError('invalid_option', `the reason to discard a value is a string, not ${show(reason)}`)
    }
    return this._end((_calls, _options, token) => ({
      label: `discard of ${show(this.pool)}`,
      body: `"action":"discard","token":${token}${reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`}`,
      decode: reply => reply.discarded
    }))
  }
}

/**
 * @param {Calls} calls
 * @param {{ ttl?: number, match?: unknown }} options
 * @param {string | ReadonlyArray<string | { pool: string, match?: unknown }>} pools
 * @returns {Ask}
 */
function acquire(calls, { ttl, match }, pools) {
  const several = Array.isArray(pools)
  if (several && match !== undefined) {
    const text = 'match belongs to each pool: { pool, match }'
    throw new BrokerError('invalid_option', `acquire of several pools takes no match of its own; ${text}`, { details: { option: 'match' } })
  }
  const wanted = several ? pools : [{ pool: pools, match }]
  if (wanted.length === 0) throw new BrokerError('invalid_option', 'acquire takes a pool, or an array of at least one')
  return {
    label: `acquire ${wanted.map(one => show(one?.pool ?? one)).join(', ')}`,
    body: `"action":"acquire","pools":[${wanted.map(wantedText).join(',')}]${ttlText(ttl)}`,
    decode({ leases, waited }) {
      const held = leases.map((/** @type {any} */ granted) => new Lease(calls, granted, waited))
      return several ? held : held[0]
    },
    waits: 'wait',
    competes: true,
    undo: ({ leases = [] }) => leases.map((/** @type {any} */ { token }) => releaseBody(token)),
    members: several ? ['ttl'] : ['ttl', 'match']
  }
}

/** @param {any} wanted a name, or a name and what its value must have */
function wantedText(wanted) {
  const { pool, match } = typeof wanted === 'object' && wanted !== null ? wanted : { pool: wanted, match: undefined }
  const head = `{"pool":${keyText(pool, "a pool's name")}`
  if (match === undefined) return `${head}}`
  if (typeof match !== 'object' || match === null || Array.isArray(match)) {
    throw new BrokerError('invalid_option', `match must be an object of members that the value has, not ${show(match)}`)
  }
  return `${head},"match":${valueText(pool, match)}}`
}

/**
 * @param {Calls} _calls
 * @param {{ policy?: string }} options
 * @param {string} name
 * @param {readonly unknown[] | number} values
 * @returns {Ask}
 */
function define(_calls, { policy }, name, values) {
  if (policy !== undefined && !kinds.policy.check(policy)) {
    throw new BrokerError('invalid_option', `policy of pool ${show(name)} must be ${kinds.policy.allowed}, not ${show(policy)}`)
  }
  const how = policy === undefined ? '' : `,"policy":"${policy}"`
  return {
    label: `definePool ${show(name)}`,
    body: `"action":"definePool","pool":${keyText(name, "a pool's name")}${contentText(name, values)}${how}`,
    decode: reply => reply.size,
    members: ['policy']
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @param {readonly unknown[] | number} values
 * @returns {Ask}
 */
function add(_calls, _options, name, values) {
  return {
    label: `addToPool ${show(name)}`,
    body: `"action":"addToPool","pool":${keyText(name, "a pool's name")}${contentText(name, values)}`,
    decode: reply => reply.size,
    members: []
  }
}

/**
 * @param {string} name
 * @param {unknown} values
 */
function contentText(name, values) {
  if (kinds.number.check(values)) return `,"size":${values}`
  if (Array.isArray(values)) return `,"values":[${Array.from(values, value => valueText(name, value)).join(',')}]`
  throw new BrokerError('invalid_option', `pool ${show(name)} takes an array of values, or ${kinds.number.allowed}, not ${show(values)}`)
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {string} name
 * @returns {Ask}
 */
function list(_calls, _options, name) {
  return {
    label: `listPool ${show(name)}`,
    body: `"action":"listPool","pool":${keyText(name, "a pool's name")}`,
    decode: reply =>
      reply.values.map((/** @type {any} */ { holder, ...entry }) => ({
        ...entry,
        value: valueIn(entry),
        ...(holder === undefined ? {} : { worker: holder })
      })),
    members: []
  }
}

/**
 * The value of a pool that has numbers alone is the number.
 * @param {Record<string, any>} entry
 */
function valueIn(entry) {
  return 'value' in entry ? entry.value : entry.number
}

/**
 * @param {Calls} _calls
 * @param {{ ttl?: number, detached?: boolean }} options
 * @param {string} key
 * @param {string | number} workerId
 * @param {number | { ttl?: number }} [ttl]
 * @returns {Ask}
 */
function lease(_calls, options, key, workerId, ttl) {
  const worker = nameOf(workerId)
  if (!key || !worker) {
    throw new BrokerError('key_and_worker_required', `lease takes a key and a workerId, not ${show(key)} and ${show(workerId)}`)
  }
  const detached = options.detached ? ',"detached":true' : ''
  return {
    label: `lease ${show(key)}`,
    body: `"action":"lease","key":${keyText(key)},"workerId":${JSON.stringify(worker)}${ttlText(ttl ?? options)}${detached}`,
    decode: reply => reply.value,
    waits: 'timeout',
    // What was not waited for may be this worker's from before.
    undo: ({ token, waited }) => (waited > 0 && !options.detached ? [releaseBody(token)] : []),
    // A detached one is meant to outlive its worker.
    byHand: !options.detached
  }
}

module.exports = { acquire, define, add, list, lease }
