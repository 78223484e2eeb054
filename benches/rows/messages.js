// @ts-check
'use strict'

const { figure, median, perRequest, rate } = require('../lib/table')

const IN_FLIGHT = 100

const hasTopics = (/** @type {import('../peers').Peer} */ peer) => peer.topics === true
const isOurs = (/** @type {import('../peers').Peer} */ peer) => peer.name === 'ephemeral-broker'

let lastTopic = 0

/** @type {import('.').Row} */
const messages = {
  id: 'messages, to another process',
  lines: [
    {
      title: `messages published and read in another process, ${IN_FLIGHT} in flight (1/s)`,
      cell: samples => rate(median(samples.map(each => each.rate)))
    }
  ],
  fits: hasTopics,

  async open({ client, scale }, peer) {
    const state = { reader: await client(peer, IN_FLIGHT), writer: await client(peer, IN_FLIGHT) }
    await publish(state, scale.requests)
    return state
  },
  measure: (state, { scale }) => publish(state, scale.requests * 10)
}

/**
 * @param {{ reader: import('../lib/rpc').Remote, writer: import('../lib/rpc').Remote }} remotes
 * @param {number} count
 */
async function publish({ reader, writer }, count) {
  const topic = `topic-${++lastTopic}`
  await reader.call('measure', 'readMessages', topic, count)
  const start = await writer.call('measure', 'publishMessages', topic, count, IN_FLIGHT)
  const end = await reader.call('measure', 'lastMessage', topic)
  return { rate: (count / (end - start)) * 1e6 }
}

/** @type {import('.').Row} */
const questions = {
  id: 'message and reply',
  lines: [
    { title: 'message to another process and its reply, one at a time, p50 / p99 (µs)', cell: samples => perRequest(samples) },
    { title: 'the same, in `get`s of the same run', cell: samples => figure(median(samples.map(each => each.p50 / each.get))) }
  ],
  fits: isOurs,

  async open({ client, scale }, peer) {
    const [asker, answerer] = [await client(peer, 1), await client(peer, 1)]
    await answerer.call('measure', 'answerMessages', 'echo')
    await asker.call('measure', 'questions', 'echo', scale.requests)
    return { asker }
  },
  measure: ({ asker }, { scale }) => asker.call('measure', 'questions', 'echo', scale.requests)
}

module.exports = [messages, questions]
