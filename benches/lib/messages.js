// @ts-check
'use strict'

// What is measured of messages in a client's process.

const { TOKEN } = require('./data')
const { now, percentiles } = require('./sample')

/** @typedef {import('../peers').PeerClient} PeerClient */

/** By topic: settles with the time at which the last of so many messages was read. @type {Map<string, Promise<number>>} */
const readers = new Map()

/**
 * Begins to read; resolves when whatever is published from now on will be read.
 *
 * @param {PeerClient} client
 * @param {string} topic
 * @param {number} count
 */
async function readMessages(client, topic, count) {
  /** @type {(time: number) => void} */
  let done = () => {}
  readers.set(topic, new Promise(resolve => (done = resolve)))
  let left = count
  await client.subscribe?.(topic, () => {
    if (--left === 0) done(now())
  })
}

/** When the last was read. @param {PeerClient} _client @param {string} topic */
const lastMessage = (_client, topic) => readers.get(topic)

/**
 * Publishes, with so many under way at a time.
 *
 * @param {PeerClient} client
 * @param {string} topic
 * @param {number} count
 * @param {number} inFlight
 * @returns {Promise<number>} when it began
 */
async function publishMessages(client, topic, count, inFlight) {
  const start = now()
  let left = count
  const loop = async () => {
    while (left-- > 0) await client.publish?.(topic, TOKEN)
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return start
}

/** Answers each message with what it carries. @param {PeerClient} client @param {string} topic */
const answerMessages = (client, topic) => client.answer?.(topic)

/**
 * A message and its answer, beside a plain request by the same client, in turns, in microseconds.
 *
 * @param {PeerClient} client
 * @param {string} topic
 * @param {number} count
 */
async function questions(client, topic, count) {
  const [asked, got] = [new Array(count), new Array(count)]
  await client.set('token:7', TOKEN, 600_000)
  for (let i = 0; i < count; i++) {
    let start = now()
    await client.request?.(topic, TOKEN)
    asked[i] = now() - start
    start = now()
    await client.get('token:7')
    got[i] = now() - start
  }
  return { ...percentiles(asked), get: percentiles(got).p50 }
}

module.exports = { readMessages, lastMessage, publishMessages, answerMessages, questions }
