// @ts-check
'use strict'

// Hosts a broker for a test in another process. Prints the pipe, then answers the lines on its standard input with one line of JSON each, and stops
// the broker when that input ends.

const { createInterface } = require('node:readline')
const { Broker } = require('../..')

const broker = new Broker(JSON.parse(process.argv[2]))
/** @type {any[]} */
const events = []
for (const name of ['leaseExpired', 'workerLost', 'nearCapacity', 'stopped']) {
  broker.on(/** @type {any} */ (name), (/** @type {any} */ detail) => events.push({ name, ...detail }))
}

const commands = {
  events: () => events.splice(0),
  rss: () => process.memoryUsage.rss()
}

broker.start().then(pipe => {
  console.log(pipe)
  createInterface({ input: process.stdin })
    .on('line', name => console.log(JSON.stringify(commands[/** @type {keyof typeof commands} */ (name)]())))
    .on('close', () => broker.stop())
})
