import { Server } from './server.js'

/**
 * @typedef {{ address: import('pg').ClientConfig } | { error: string }} Answer
 * @typedef {import('ephemeral-broker/plugin').SharedWorker.ReceivedMessage<'database', Answer>} Question
 */

/**
 * The shared worker: a server, started for the first test worker, and a database on it for each.
 * @type {import('ephemeral-broker/plugin').SharedWorker.Factory<'database', Answer, { schema: string }>}
 */
export default async function program({ negotiateProtocol }) {
  const main = negotiateProtocol(['ava-4'])
  const server = await Server.start(main.initialData.schema)
  // For a run that comes to its end. Where it is killed, the keeper sees to it.
  main.teardown(() => server.stop())
  main.ready()

  let count = 0
  for await (const message of main.subscribe()) void give(message, server, `test_${++count}`)
}

/**
 * @param {Question} message
 * @param {Server} server
 * @param {string} database
 */
async function give(message, server, database) {
  const created = server.create(database)
  message.testWorker.teardown(async () => {
    await created.catch(() => {})
    await server.drop(database)
  })
  try {
    await created
    message.reply({ address: { ...server.address, database } })
  } catch (error) {
    // Who asked is told. Thrown, it would be the end of the program, and of everybody's tests.
    message.reply({ error: `no database could be made: ${error.message}` })
  }
}
