// @ts-check
'use strict'

// A server that listens after so many milliseconds, and prints when it did, in microseconds of the clock that processes share.
//   node run-server.js <milliseconds>

const http = require('node:http')
const { now } = require('./sample')

setTimeout(() => {
  http.createServer((_request, response) => response.end()).listen(Number(process.env.PORT), '127.0.0.1', () => console.log(now()))
}, Number(process.argv[2]))
