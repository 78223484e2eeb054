// @ts-check
'use strict'

const { checkMembers } = require('./calls.js')
const { BrokerError, show } = require('./errors.js')
const failures = require('./failures.js')
const { Inbox } = require('./inbox.js')
const { encode } = require('./message-data.js')
const native = require('./native.js')
const { keyText } = require('./operations.js')
const { kinds, oneOf } = require('./options.js')

/** @typedef {InstanceType<typeof import('./calls.js').Calls>} Calls */
/** @typedef {import('./calls.js').Ask} Ask */
/** @typedef {import('./connection/index.js').Reply} Reply */
/** @typedef {import('./message-data.js').Encoded} Encoded */

/** How many messages wait for a slow reader, and how many are on their way to it at most. */
const LIMIT = 1000
const WINDOW = 256

const policies = oneOf('latest', 'drop', 'error')

class Message {
  #calls

  /**
   * @param {Calls} calls
   * @param {string} topic
   * @param {Reply} event
   * @param {unknown} data
   */
  constructor(calls, topic, event, data) {
    this.#calls = calls
    this.id = event.messageId
    this.topic = topic
    this.data = data
    this.dropped = event.dropped ?? 0
  }

  /**
   * Throws a `DataCloneError` at once.
   * @param {unknown} data
   * @param {any} [options]
   * @returns {Promise<boolean>}
   */
  reply(data, options) {
    return this.#calls.ask(replying, options, /** @type {any} */ (this.id), encode(data))
  }
}

/** A message that was published. */
class Published {
  #replies

  /**
   * @param {Reply} reply
   * @param {InstanceType<typeof Inbox> | null} replies
   */
  constructor(reply, replies) {
    this.id = reply.messageId
    this.receivers = reply.receivers
    this.#replies = replies
  }

  /** @param {{ signal?: AbortSignal }} [options] */
  replies(options) {
    checkMembers('replies', options, [])
    if (!this.#replies) throw new BrokerError('invalid_request', 'no replies are awaited: publish the message with { replies: true }')
    this.#replies.until(options?.signal)
    return this.#replies
  }
}

/**
 * Throws a `DataCloneError` at once.
 * @param {Calls} calls
 * @param {string} topic
 * @param {unknown} data
 * @param {any} [options]
 * @returns {Promise<Published>}
 */
function publish(calls, topic, data, options) {
  return calls.ask(publishing, options, topic, encode(data))
}

/**
 * Throws a `DataCloneError` at once.
 * @param {Calls} calls
 * @param {string} topic
 * @param {unknown} data
 * @param {any} [options]
 * @returns {Promise<Message>}
 */
function request(calls, topic, data, options) {
  return firstReply(calls, topic, encode(data), options)
}

/**
 * @param {Calls} calls
 * @param {string} topic
 * @param {Encoded} encoded
 * @param {{ timeout?: number, signal?: AbortSignal }} [options]
 */
async function firstReply(calls, topic, encoded, options) {
  checkMembers(`request ${show(topic)}`, options, [])
  const { timeout = calls.wait, signal } = options ?? {}
  if (!kinds.wait.check(timeout)) throw wrong(`request ${show(topic)}`, 'timeout', kinds.wait.allowed, timeout)
  const began = native.now()
  const given = options?.timeout === Infinity ? undefined : options?.timeout
  const published = /** @type {Published} */ (await calls.ask(requesting, { timeout: given, signal }, topic, encoded))
  const replies = published.replies({ signal })
  const late = () =>
    replies.giveUp(new BrokerError('timeout', `nobody replied to the message on the topic ${show(topic)} within ${timeout} ms`))
  const stop = calls.connection.after(timeout - (native.now() - began), late)
  try {
    const { done, value } = await replies.next()
    if (!done) return value
    throw signal?.aborted ? failures.aborted(signal) : failures.closed()
  } finally {
    stop()
    void replies.return()
  }
}

/**
 * @param {Calls} calls
 * @param {string} topic
 * @param {any} [options]
 */
function subscribe(calls, topic, options) {
  const owner = `subscribe ${show(topic)}`
  const name = keyText(topic, "a topic's name")
  checkMembers(owner, options, ['policy', 'limit'])
  const { signal, timeout } = options ?? {}
  const { text, window } = backlog(owner, options)
  const make = (/** @type {Reply} */ event, /** @type {unknown} */ data) => new Message(calls, topic, event, data)
  const inbox = new Inbox(calls.connection, { window, make }, signal)
  const asked = calls.ask(() => subscribing(inbox, topic, `"action":"subscribe","topic":${name}${text}`), { timeout })
  inbox.ready = asked.catch(error => {
    inbox.end(error)
    throw error
  })
  // Who does not wait for that is told by the first `next()`.
  inbox.ready.catch(() => {})
  return inbox
}

/**
 * @param {InstanceType<typeof Inbox>} inbox
 * @param {string} topic
 * @param {string} body
 * @returns {Ask}
 */
function subscribing(inbox, topic, body) {
  return {
    label: `subscribe ${show(topic)}`,
    body,
    decode: reply => inbox.begin(reply.subscription),
    undo: reply => [`"action":"unsubscribe","subscription":${reply.subscription}`]
  }
}

/**
 * @param {Calls} calls
 * @param {{ replies?: boolean, policy?: string, limit?: number }} options
 * @param {string} topic
 * @param {Encoded} encoded
 * @returns {Ask}
 */
function publishing(calls, options, topic, encoded) {
  const { replies = false } = options
  const owner = `publish ${show(topic)}`
  if (!kinds.flag.check(replies)) throw wrong(owner, 'replies', 'true or false', replies)
  if (!replies) return sending(topic, encoded, '', reply => new Published(reply, null))
  const { text, window } = backlog(owner, options)
  return sending(topic, encoded, `,"replies":"all"${text}`, reply => opened(calls, topic, reply, { window }))
}

/**
 * @param {Calls} calls
 * @param {unknown} _options
 * @param {string} topic
 * @param {Encoded} encoded
 * @returns {Ask}
 */
function requesting(calls, _options, topic, encoded) {
  return sending(topic, encoded, ',"replies":"first"', reply => {
    if (reply.receivers === 0) throw new BrokerError('no_subscribers', `nobody subscribes to the topic ${show(topic)}`)
    return opened(calls, topic, reply, { window: 1, single: true })
  })
}

/**
 * @param {string} topic
 * @param {Encoded} encoded
 * @param {string} rest
 * @param {Ask['decode']} decode
 * @returns {Ask}
 */
function sending(topic, { members, payload }, rest, decode) {
  return {
    label: `publish ${show(topic)}`,
    body: `"action":"publish","topic":${keyText(topic, "a topic's name")}${rest},${members}`,
    payload,
    decode,
    undo: reply => (rest && reply.receivers > 0 ? [`"action":"unsubscribe","subscription":${reply.messageId}`] : []),
    members: ['replies', 'policy', 'limit']
  }
}

/**
 * @param {Calls} _calls
 * @param {unknown} _options
 * @param {number} message
 * @param {Encoded} encoded
 * @returns {Ask}
 */
function replying(_calls, _options, message, { members, payload }) {
  return {
    label: `reply to ${message}`,
    body: `"action":"reply","messageId":${message},${members}`,
    payload,
    decode: reply => reply.delivered,
    members: []
  }
}

/**
 * What was published, and the replies to come. With the reply to it, not with its promise: they may come in the same batch.
 * @param {Calls} calls
 * @param {string} topic
 * @param {Reply} reply
 * @param {{ window: number, single?: boolean }} kind
 */
function opened(calls, topic, reply, kind) {
  const make = (/** @type {Reply} */ event, /** @type {unknown} */ data) => new Message(calls, topic, event, data)
  const inbox = new Inbox(calls.connection, { ...kind, make })
  if (reply.receivers > 0) inbox.begin(reply.messageId)
  else inbox.end(null)
  return new Published(reply, inbox)
}

/**
 * How much may pile up, as members of a request.
 * @param {string} owner
 * @param {{ policy?: any, limit?: any }} [options]
 */
function backlog(owner, { policy = 'error', limit = LIMIT } = {}) {
  if (!policies.check(policy)) throw wrong(owner, 'policy', policies.allowed, policy)
  if (!kinds.number.check(limit)) throw wrong(owner, 'limit', kinds.number.allowed, limit)
  const window = Math.min(limit, WINDOW)
  return { text: `,"policy":"${policy}","limit":${limit},"window":${window}`, window }
}

/**
 * @param {string} owner
 * @param {string} option
 * @param {string} allowed
 * @param {unknown} value
 */
function wrong(owner, option, allowed, value) {
  return new BrokerError('invalid_option', `${option} of ${owner} must be ${allowed}, not ${show(value)}`, { details: { option } })
}

module.exports = { publish, request, subscribe }
