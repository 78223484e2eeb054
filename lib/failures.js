// @ts-check
'use strict'

/** How a connection fails: each error in one place, with what it says. */

const { BrokerError } = require('./errors.js')

function closed() {
  return new BrokerError('closed', 'this client was closed')
}

/**
 * @param {string} pipe
 * @param {string} [said]
 */
function unasked(pipe, said) {
  const text = `what listens on ${pipe} answered what nobody asked`
  return new BrokerError('protocol_error', said ? `${text}: ${said}` : text)
}

/**
 * Not with the parser's own words: they quote the text, and so a value.
 * @param {string} pipe
 */
function notABroker(pipe) {
  return new BrokerError('protocol_error', `what listens on ${pipe} is not a broker: it does not answer with JSON objects`)
}

/**
 * @param {string} pipe
 * @param {number} user
 * @param {number} own
 */
function untrusted(pipe, user, own) {
  const text = `${pipe} belongs to user ${user}, not to this user (${own}): it is not trusted without a secret`
  return new BrokerError('broker_unreachable', text, { details: { pipe, user } })
}

/**
 * @param {string} pipe
 * @param {string} errno
 * @param {string} text
 * @param {boolean} gone whether there was a broker before
 */
function unreachable(pipe, errno, text, gone) {
  const why = gone ? `the broker on ${pipe} is gone` : `could not connect to ${pipe}`
  return new BrokerError('broker_unreachable', `${why} (${text})`, { details: { pipe, errno } })
}

/**
 * @param {string} why as the addon says it: the system's code first
 * @param {boolean} sent
 */
function lost(why, sent) {
  const text = why.replace(/^[A-Z]+: /u, '')
  const rest = sent ? '; whether the request was done is not known' : ' before the request was sent'
  return new BrokerError('connection_closed', `${text}${rest}`)
}

/**
 * @param {string} pipe
 * @param {boolean} sent
 * @param {boolean} connected
 */
function timedOut(pipe, sent, connected) {
  if (sent) return new BrokerError('timeout', `the broker on ${pipe} did not answer in time; whether the request was done is not known`)
  if (connected) return new BrokerError('timeout', `what listens on ${pipe} did not answer the greeting in time; the request was not sent`)
  const text = `no broker appeared on ${pipe} in time: was it started before the workers, and does it still run?`
  return new BrokerError('broker_unreachable', text, { details: { pipe } })
}

/** What a broker's message says, as data: of what kind and name what was asked for is, and who holds it. */
const TOLD = ['kind', 'name', 'holders']

/**
 * What the broker says.
 * @param {import('./connection/index.js').Reply} reply
 */
function refused({ error = 'protocol_error', message, reason, ...rest }) {
  /** @type {Record<string, unknown>} */
  const details = {}
  for (const name of TOLD) if (rest[name] !== undefined) details[name] = rest[name]
  if (reason === undefined) return new BrokerError(error, message, { details })
  // Loaded when needed.
  const { errorOf } = require('./reason.js')
  return new BrokerError(error, message, { cause: errorOf(reason), details: { ...details, reason } })
}

/** @param {string} [why] */
function heldLost(why = 'the broker says so') {
  return new BrokerError('lost', why)
}

function subscriptionLost() {
  return new BrokerError('connection_closed', 'the connection to the broker has ended, and what was subscribed to with it: subscribe again')
}

/** @param {AbortSignal} signal */
function aborted(signal) {
  const error = new BrokerError('aborted', 'the request was given up', { cause: signal.reason })
  // What callers of other abortable functions look for.
  error.name = 'AbortError'
  return error
}

module.exports = { closed, unasked, notABroker, untrusted, unreachable, lost, timedOut, refused, heldLost, subscriptionLost, aborted }
