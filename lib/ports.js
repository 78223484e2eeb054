// @ts-check
'use strict'

const { checkMembers } = require('./calls.js')
const { BrokerError, show } = require('./errors.js')
const { aborted } = require('./failures.js')
const { reserve, unreserve } = require('./reservations.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */

/** The broker's space of reserved ports. */
const SPACE = 'port'
/** Where a port must be free that is to be free everywhere: some systems let one listen on an address beside who listens on all. */
const EVERYWHERE = ['::', '0.0.0.0', '::1', '127.0.0.1']
/** This machine has no such address. */
const NO_ADDRESS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])
const IN_USE = new Set(['EADDRINUSE', 'EACCES'])
const A_PORT = 'a whole number from 0 to 65535'
/** How often any port may turn out to be reserved by others. */
const TRIES = 1000

/**
 * @param {Calls} calls
 * @param {{ port?: unknown, host?: unknown, timeout?: number, signal?: AbortSignal }} [options]
 */
async function getPort(calls, options) {
  checkMembers('getPort', options, ['port', 'host'])
  const { port = 0, host, signal } = options ?? {}
  const ports = Array.isArray(port) ? port : [port]
  for (const one of ports) check(one, 'port', isPort(one), `${A_PORT}; 0 is any`)
  check(port, 'port', ports.length > 0, 'a number, or an array of at least one')
  check(host, 'host', host === undefined || (typeof host === 'string' && host !== ''), 'an address of this machine')
  /** @type {string[]} */
  const why = []
  for (const wanted of ports) {
    for (let tries = wanted === 0 ? TRIES : 1; tries > 0; tries--) {
      const candidate = wanted === 0 ? await anyPort(/** @type {string | undefined} */ (host)) : wanted
      const taken = await take(calls, options, candidate, /** @type {string | undefined} */ (host))
      if (signal?.aborted) {
        if (taken === null) await calls.ask(unreserve, undefined, [candidate], SPACE)
        throw aborted(signal)
      }
      if (taken === null) return candidate
      if (wanted !== 0) why.push(`${candidate} ${taken}`)
      else if (tries === 1) why.push('no free port was found')
    }
  }
  const text = `none of the ports asked for can be had: ${why.join(', ')}`
  throw new BrokerError('port_unavailable', text, { details: { ports } })
}

/**
 * @param {Calls} calls
 * @param {number} port
 */
async function releasePort(calls, port) {
  if (!isPort(port)) throw new BrokerError('invalid_option', `releasePort takes ${A_PORT}, not ${show(port)}`)
  return (await calls.ask(unreserve, undefined, [port], SPACE)) > 0
}

/**
 * Reserves a port, and looks whether it is free only then: between the two nobody else is told that it is.
 * @param {Calls} calls
 * @param {any} options
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<string | null>} why it is not to be had
 */
async function take(calls, options, port, host) {
  if ((await calls.ask(reserve, options, [port], SPACE)).length === 0) return 'is reserved by a worker'
  let why
  try {
    why = await inUse(port, host)
  } catch (error) {
    await calls.ask(unreserve, undefined, [port], SPACE).catch(() => 0)
    throw error
  }
  if (why !== null) await calls.ask(unreserve, undefined, [port], SPACE)
  return why
}

/**
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<string | null>}
 */
async function inUse(port, host) {
  for (const address of host === undefined ? EVERYWHERE : [host]) {
    try {
      await listen(port, address)
    } catch (error) {
      const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
      if (IN_USE.has(String(code))) return code === 'EACCES' ? 'is not allowed to this user' : 'is in use'
      if (host === undefined && NO_ADDRESS.has(String(code))) continue
      throw unlistenable(address, message, error)
    }
  }
  return null
}

/** @param {string} [host] */
async function anyPort(host) {
  for (const address of host === undefined ? ['::', '0.0.0.0'] : [host]) {
    try {
      return await listen(0, address)
    } catch (error) {
      const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
      if (address !== '::' || host !== undefined || !NO_ADDRESS.has(String(code))) throw unlistenable(address, message, error)
    }
  }
  throw new BrokerError('port_unavailable', 'this machine has no address')
}

/**
 * @param {string} address
 * @param {string} message
 * @param {unknown} cause
 */
function unlistenable(address, message, cause) {
  return new BrokerError('port_unavailable', `nobody can listen on ${show(address)}: ${message}`, { cause, details: { host: address } })
}

/**
 * Listens for a moment.
 * @param {number} port
 * @param {string} host
 * @returns {Promise<number>} the port
 */
function listen(port, host) {
  // Loaded when needed.
  const server = require('node:net').createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, exclusive: true, ipv6Only: host === '::' }, () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}

/** @param {unknown} port */
function isPort(port) {
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535
}

/**
 * @param {unknown} value
 * @param {string} option
 * @param {boolean} isGood
 * @param {string} allowed
 */
function check(value, option, isGood, allowed) {
  if (!isGood)
    throw new BrokerError('invalid_option', `${option} of getPort must be ${allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { getPort, releasePort }
