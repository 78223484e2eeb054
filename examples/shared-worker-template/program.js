/**
 * @typedef {import('ephemeral-broker/plugin').SharedWorker.Factory<'take', number>} Factory
 * @typedef {import('ephemeral-broker/plugin').SharedWorker.ReceivedMessage<'take', number>} Message
 */

/**
 * The shared worker. It runs in a thread of the process that hosts the broker, once for all test workers.
 * @type {Factory}
 */
export default async function numbers({ negotiateProtocol }) {
  const main = negotiateProtocol(['ava-4']).ready()
  /** @type {Set<number>} */
  const taken = new Set()
  for await (const message of main.subscribe()) void lend(message, taken)
}

/**
 * @param {Message} message
 * @param {Set<number>} taken
 */
async function lend(message, taken) {
  let number = 1
  while (taken.has(number)) number++
  taken.add(number)
  // Any reply gives it back. When the test worker ends or dies, the replies end, and so does this.
  for await (const _ of message.reply(number).replies()) break
  taken.delete(number)
}
