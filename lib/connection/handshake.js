// @ts-check
'use strict'

const { threadId } = require('node:worker_threads')
const { BrokerError } = require('../errors.js')
const native = require('../native.js')

/** @typedef {import('./index.js').Reply} Reply */

/** How often a broker that knows no sessions must tell a good MAC from a bad one. It guesses all of them right once in 2⁶⁴. */
const PROOFS = 64

const SECRET_HINT = 'set EPHEMERAL_SECRET, or the option secret, to the same on both sides'

/**
 * Greets a broker. Yields what to send, takes the replies, and returns what is known then: `broker`, what it said of itself, and, for a broker of
 * `@ephemeral-broker/core`, `plain`, which makes a line of a request.
 *
 * With a secret, nothing that follows is sent before the broker has proved to know it.
 *
 * @param {{ name: string, secret: string | null }} settings
 * @returns {Generator<string, { broker: Record<string, any>, plain?: (body: string) => string }, Reply[]>}
 */
function* handshake({ name, secret }) {
  const nonce = native.randomHex(16)
  const hello = { action: 'hello', protocol: 1, pid: process.pid, name, process: native.processIdentity(), thread: threadId, nonce }
  // An id that the requests do not use.
  const reply = yield* ask(`{"id":0,${JSON.stringify(hello).slice(1)}\n`)
  const knowsSessions = reply.id === 0
  if (!knowsSessions && (reply.error === 'unknown_action' || (reply.error === 'auth_failed' && secret))) {
    if (secret) yield* challengePlain(secret)
    return { broker: {}, plain: body => plainLine(body, secret) }
  }
  if (!reply.ok) throw refused(reply)
  if (!reply.auth) {
    if (secret) throw unproven()
    return { broker: reply }
  }
  if (!secret) throw new BrokerError('auth_failed', `the broker has a secret, this worker has none: ${SECRET_HINT}`)
  const { nonce: theirs, proof } = reply.auth
  if (proof !== native.prove(secret, 'broker', nonce, String(theirs))) throw unproven()
  const answer = yield* ask(`{"id":0,"action":"auth","proof":"${native.prove(secret, 'client', nonce, theirs)}"}\n`)
  if (!answer.ok) throw refused(answer)
  return { broker: answer }
}

/**
 * @param {string} line
 * @returns {Generator<string, Reply, Reply[]>}
 */
function* ask(line) {
  let replies = yield line
  while (replies.length === 0) replies = yield ''
  return replies[0]
}

/**
 * A broker of `@ephemeral-broker/core` proves nothing by itself. But it answers pings with a good MAC and refuses those with a bad one,
 * and only who knows the secret can tell which is which. The pings are of no use to who listens.
 * @param {string} secret
 * @returns {Generator<string, void, Reply[]>}
 */
function* challengePlain(secret) {
  const coins = BigInt(`0x${native.randomHex(PROOFS / 8)}`)
  const good = Array.from({ length: PROOFS }, (_, at) => ((coins >> BigInt(at)) & 1n) === 1n)
  const lines = good.map(isGood => {
    const text = `{"action":"ping","nonce":"${native.randomHex(8)}"}`
    return withMac(text, isGood ? native.signMessage(secret, text) : native.randomHex(32))
  })
  let replies = yield lines.join('')
  const answers = [...replies]
  while (answers.length < PROOFS) {
    replies = yield ''
    answers.push(...replies)
  }
  if (!answers.every((answer, at) => answer?.ok === good[at])) throw unproven()
}

/**
 * @param {string} body
 * @param {string | null} secret
 */
function plainLine(body, secret) {
  const text = `{${body}}`
  return secret ? withMac(text, native.signMessage(secret, text)) : `${text}\n`
}

/**
 * @param {string} text
 * @param {string} mac
 */
function withMac(text, mac) {
  return `${text.slice(0, -1)},"hmac":"${mac}"}\n`
}

function unproven() {
  return new BrokerError(
    'auth_failed',
    `what listens on the pipe did not prove that it knows the secret, and was told nothing: ${SECRET_HINT}`
  )
}

/** @param {Reply} reply */
function refused(reply) {
  return new BrokerError(reply?.error ?? 'protocol_error', reply?.message ?? 'the broker refused the greeting')
}

module.exports = { handshake }
