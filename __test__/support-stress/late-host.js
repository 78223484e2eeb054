// @ts-check
'use strict'

// Prints a line, and only then, after so many ms, starts a broker with the given id. Ends with its standard input.

const { Broker } = require('../..')

const [pipeId, delay] = process.argv.slice(2)
const broker = new Broker({ pipeId, requireTTL: false })
console.log('soon')
setTimeout(async () => {
  await broker.start()
  process.stdin.resume().on('end', () => broker.stop())
}, Number(delay))
